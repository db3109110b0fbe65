//! What a component may do, and what the host survives.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use mirrorbox::adapter::{Adapter, AdapterError, Runtime};
use mirrorbox::config::Manifest;
use mirrorbox::key::SessionKey;
use mirrorbox::store::{BatchDraft, Chain, Kind, Origin, Reader, Store};
use mirrorbox_e2e::adapter;

fn manifest(text: &str) -> Manifest {
    Manifest::parse(Path::new("/adapters/test.toml"), text).unwrap()
}

fn fs_manifest(dir: &Path) -> Manifest {
    manifest(&format!(
        "[grants]\ndirs = [{{ host = {:?}, guest = \"/data\" }}]",
        dir.display().to_string()
    ))
}

async fn fs(dir: &Path) -> Result<Adapter, AdapterError> {
    let runtime = Runtime::shared(None)?;
    Adapter::load(&runtime, "fs", &adapter("fs"), &fs_manifest(dir)).await
}

fn draft(line: u64, payload: impl Into<Bytes>) -> BatchDraft {
    BatchDraft {
        kind: Kind::Entries,
        origin: Origin {
            writer: "writer".into(),
            line,
        },
        payload: payload.into(),
    }
}

#[tokio::test]
async fn what_goes_in_comes_out() {
    let dir = tempfile::tempdir().unwrap();
    let store: Arc<dyn Store> = Arc::new(fs(dir.path()).await.unwrap());
    let key = SessionKey::main("project", "session").unwrap();
    let mut chain = Chain::start(&key);
    for line in 1..=10 {
        let batch = chain.next(draft(line, format!("{{\"line\":{line}}}\n")));
        store.append(&key, &batch, None).await.unwrap();
    }
    assert_eq!(store.end(&key).await.unwrap(), chain.position());
    let mut reader = Reader::new(store, key);
    for line in 1..=10 {
        let batch = reader.next().await.unwrap().unwrap();
        assert_eq!(batch.payload, format!("{{\"line\":{line}}}\n"));
    }
    assert_eq!(reader.next().await.unwrap(), None);
}

#[tokio::test]
async fn without_a_grant_there_is_no_folder() {
    let runtime = Runtime::shared(None).unwrap();
    let error = Adapter::load(&runtime, "fs", &adapter("fs"), &Manifest::default())
        .await
        .unwrap_err();
    assert!(matches!(error, AdapterError::Open { .. }), "{error}");
    println!("{error}");
}
