//! Batches that are removed behind our backs are damage that is named, never a short transcript.

use std::fs;
use std::path::Path;

use mirrorbox::key::SessionKey;
use mirrorbox::store::{LoadError, Reader, Store, StoreError};
use mirrorbox_e2e::{Backend, Installation};

use super::bucket;

const PROJECT: &str = "-srv-app";
const SESSION: &str = "0b6c9f0e-0000-4000-8000-000000000001";

/// How many batches the session has; 500 lines each, and fewer in the last.
const BATCHES: u64 = 4;

super::each! { a_batch_that_was_removed_is_named: s3 redis postgres }

async fn a_batch_that_was_removed_is_named(name: &str) {
    let dir = tempfile::tempdir().unwrap();
    let Some(backend) = Backend::start(name, dir.path()) else {
        return;
    };
    let installed = Installation::with(dir.path(), &backend);
    import(&installed, dir.path());
    remove(&backend, 2);
    let adapter = backend.open().await;
    let key = SessionKey::main(PROJECT, SESSION).unwrap();
    let readable = adapter.load(&key, 0, 16 << 20).await.unwrap();
    assert_eq!(readable.iter().map(|batch| batch.number).collect::<Vec<_>>(), [1]);
    let damaged = adapter.load(&key, 1, 16 << 20).await.unwrap_err();
    assert!(
        matches!(damaged, StoreError::Corrupt { first: 2, last: 2, .. }),
        "{damaged}"
    );
    assert_eq!(adapter.end(&key).await.unwrap().unwrap().number, BATCHES);
    adapter.close().await;
    is_told(&installed, dir.path(), "DAMAGED batch 2");
}

super::each! { a_last_batch_that_was_removed_is_named: s3 redis postgres }

async fn a_last_batch_that_was_removed_is_named(name: &str) {
    let dir = tempfile::tempdir().unwrap();
    let Some(backend) = Backend::start(name, dir.path()) else {
        return;
    };
    let installed = Installation::with(dir.path(), &backend);
    import(&installed, dir.path());
    remove(&backend, BATCHES);
    let adapter = backend.open().await;
    let mut reader = Reader::new(adapter.clone(), SessionKey::main(PROJECT, SESSION).unwrap());
    let damaged = loop {
        match reader.next().await {
            Ok(batch) => assert!(batch.is_some(), "a short transcript"),
            Err(error) => break error,
        }
    };
    assert_eq!(LoadError::damaged(&damaged), Some((BATCHES, BATCHES)), "{damaged}");
    adapter.close().await;
    is_told(&installed, dir.path(), "DAMAGED batch 4");
}

fn import(installed: &Installation, dir: &Path) {
    let file = dir.join("projects").join(PROJECT).join(format!("{SESSION}.jsonl"));
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    let lines: String = (0..500 * (BATCHES - 1) + 7)
        .map(|n| format!("{{\"n\":{n}}}\n"))
        .collect();
    fs::write(file, lines).unwrap();
    let projects = dir.join("projects");
    installed.succeeds(["import", "--projects-dir", projects.to_str().unwrap()]);
}

fn remove(backend: &Backend, number: u64) {
    match backend {
        Backend::Folder(folder) => panic!("no test removes from {}", folder.display()),
        Backend::S3(moto) => bucket::remove(moto, &format!("{PROJECT}/{SESSION}/{number:020}.jsonl")),
        Backend::Redis(redis) => {
            let log = format!("mirrorbox:{{{PROJECT}/{SESSION}}}:log");
            let removed = redis.ask(["XDEL", &log, &number.to_string()]).unwrap();
            assert_eq!(removed, "1");
        }
        Backend::Postgres(postgres) => {
            let sql = format!("DELETE FROM mirrorbox.batches WHERE number = {number} RETURNING number");
            assert_eq!(postgres.ask(&sql).unwrap(), number.to_string());
        }
    }
}

/// By the command that looks, and by the one that would have to leave it out.
fn is_told(installed: &Installation, dir: &Path, damage: &str) {
    let verified = installed.run(["verify"]);
    assert_eq!(verified.code, Some(1), "{verified:?}");
    assert!(verified.stdout.contains(damage), "{verified:?}");
    let into = dir.join("restored");
    let restored = installed.run(["restore", SESSION, "--into", into.to_str().unwrap()]);
    assert_eq!(restored.code, Some(1), "{restored:?}");
    let file = into.join("projects").join(PROJECT).join(format!("{SESSION}.jsonl"));
    assert!(!file.exists(), "half a session");
}
