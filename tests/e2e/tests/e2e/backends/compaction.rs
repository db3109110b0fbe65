//! Compaction in a bucket: asked for with the command, and by the mirror.

use std::fs;
use std::time::Duration;

use mirrorbox::config::Acknowledge;
use mirrorbox::host::Host;
use mirrorbox::key::SessionKey;
use mirrorbox::store::{Reader, Store};
use mirrorbox_e2e::{Backend, Installation};
use mirrorbox_servers::Moto;

use super::{PATIENCE, bucket};

const PROJECT: &str = "-srv-app";
const SESSION: &str = "0b6c9f0e-0000-4000-8000-000000000001";

fn covers(moto: &Moto, session: &str) -> Vec<String> {
    bucket::objects(moto, &format!("{PROJECT}/{session}/~/compacted/"))
}

/// The objects with one batch each.
fn batches(moto: &Moto, session: &str) -> Vec<String> {
    bucket::objects(moto, &format!("{PROJECT}/{session}/0"))
}

/// What was covered goes with a call ten minutes later; until then, another process can prove that it is not needed.
#[test]
fn a_session_that_was_compacted_needs_fewer_objects() {
    let dir = tempfile::tempdir().unwrap();
    let Some(backend) = Backend::start("s3", dir.path()) else {
        return;
    };
    let Backend::S3(moto) = &backend else { return };
    let installed = Installation::with(dir.path(), &backend);
    installed.set_manifest(&backend, &backend.manifest().set("compact_after", 4));
    let projects = dir.path().join("projects");
    let file = projects.join(PROJECT).join(format!("{SESSION}.jsonl"));
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    let lines = |count: u64| (0..count).map(|n| format!("{{\"n\":{n}}}\n")).collect::<String>();
    fs::write(&file, lines(4_321)).unwrap();
    let place = projects.to_str().unwrap();
    installed.succeeds(["import", "--projects-dir", place]);
    assert_eq!(batches(moto, SESSION).len(), 9);
    assert!(covers(moto, SESSION).is_empty());

    let compacted = installed.json(["compact", SESSION]);
    assert_eq!(compacted["destinations"][0]["report"]["compacted"], 1, "{compacted}");
    assert_eq!(covers(moto, SESSION).len(), 1);
    installed.succeeds(["verify", "--projects-dir", place]);
    for covered in &batches(moto, SESSION)[..8] {
        bucket::remove(moto, covered);
    }
    assert_eq!(batches(moto, SESSION).len(), 1);
    installed.succeeds(["verify", "--projects-dir", place]);

    fs::write(&file, lines(5_000)).unwrap();
    installed.succeeds(["import", "--projects-dir", place]);
    installed.succeeds(["verify", "--projects-dir", place]);
    let into = dir.path().join("restored");
    installed.succeeds(["restore", SESSION, "--into", into.to_str().unwrap()]);
    let restored = into.join("projects").join(PROJECT).join(format!("{SESSION}.jsonl"));
    assert!(fs::read_to_string(restored).unwrap() == lines(5_000));
}

/// A stream of many small batches is compacted without anybody asking for it.
#[tokio::test(flavor = "multi_thread")]
async fn the_mirror_compacts_in_the_background() {
    let dir = tempfile::tempdir().unwrap();
    let Some(backend) = Backend::start("s3", dir.path()) else {
        return;
    };
    let Backend::S3(moto) = &backend else { return };
    let installed = Installation::with(dir.path(), &backend);
    let manifest = backend.manifest().set("compact_after", 8).mirror("flush = \"eager\"");
    installed.set_manifest(&backend, &manifest);
    let host = Host::builder(&installed.state).config(&installed.to_config());
    // Each line is a batch: the next one waits until it is delivered.
    let host = host.acknowledge(Acknowledge::Remote).build().await.unwrap();
    let key = SessionKey::main(PROJECT, "session").unwrap();
    let transcript = host.transcript(key.clone());
    for n in 0..260 {
        transcript.append(&[format!("{{\"n\":{n}}}")]).await.unwrap();
    }
    let compacted = async {
        while covers(moto, "session").is_empty() {
            // Compaction reports nothing: only the bucket shows it.
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(PATIENCE, compacted).await.unwrap();
    let _ = host.close(PATIENCE).await.unwrap();
    let adapter = backend.open().await;
    let mut reader = Reader::new(adapter.clone(), key.clone());
    let mut number = 0;
    while let Some(batch) = reader.next().await.unwrap() {
        assert_eq!(batch.payload, format!("{{\"n\":{number}}}\n"));
        number += 1;
    }
    assert_eq!(number, 260);
    assert_eq!(adapter.end(&key).await.unwrap().unwrap().number, 260);
    adapter.close().await;
}
