//! Bytes are bytes: generated transcripts under generated names go through the sandboxed adapter and come back.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use mirrorbox::key::SessionKey;
use mirrorbox::session::{self, Import};
use mirrorbox::store::{Chain, Reader, Store};
use mirrorbox_e2e::{draft, fs_adapter};
use mirrorbox_transcripts::hostile;
use proptest::prelude::*;
use tokio::runtime::Runtime;

const SESSION: &str = "0b6c9f0e-0000-4000-8000-000000000001";

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(48) })]

    #[test]
    fn an_imported_transcript_is_restored_to_the_byte(content in hostile::transcript(30)) {
        prop_assume!(!content.is_empty());
        Runtime::new().unwrap().block_on(there_and_back(&content));
    }

    /// Whatever a payload holds and whatever a key is called.
    #[test]
    fn a_batch_is_loaded_as_it_was_appended(
        keys in proptest::collection::vec(hostile::key(), 1..6),
        payload in proptest::collection::vec(any::<u8>(), 0..5_000),
    ) {
        Runtime::new().unwrap().block_on(appended_and_loaded(keys, payload));
    }
}

async fn there_and_back(content: &str) {
    let dir = tempfile::tempdir().unwrap();
    let (data, projects, into) = (
        dir.path().join("data"),
        dir.path().join("projects"),
        dir.path().join("into"),
    );
    let relative = Path::new("-srv-app").join(SESSION).with_extension("jsonl");
    fs::create_dir(&data).unwrap();
    fs::create_dir_all(projects.join("-srv-app")).unwrap();
    fs::write(projects.join(&relative), content).unwrap();
    let store: Arc<dyn Store> = Arc::new(fs_adapter(&data).await.unwrap());
    let everything = Import::default();
    let imported = session::import(store.clone(), &projects, &everything, session::silent()).await;
    assert_eq!(imported.unwrap().totals.failures, 0);
    let restored = session::restore(
        store,
        None,
        &into,
        session::RestoreOptions::default(),
        session::silent(),
    )
    .await;
    assert_eq!(restored.unwrap().totals.failures, 0);
    let restored = fs::read(into.join("projects").join(&relative)).unwrap();
    assert!(restored == content.as_bytes());
}

async fn appended_and_loaded(keys: Vec<hostile::Key>, payload: Vec<u8>) {
    let dir = tempfile::tempdir().unwrap();
    let store: Arc<dyn Store> = Arc::new(fs_adapter(dir.path()).await.unwrap());
    let mut written = Vec::new();
    for (number, key) in keys.into_iter().enumerate() {
        let main = SessionKey::main(key.project_key, key.session_id).unwrap();
        let key = key
            .subpath
            .map_or(Ok(main.clone()), |subpath| main.with_subpath(subpath))
            .unwrap();
        if written.iter().any(|(other, _)| *other == key) {
            continue;
        }
        let batch = Chain::start(&key).next(draft(number as u64 + 1, payload.clone()));
        store.append(&key, &batch, None).await.unwrap();
        written.push((key, batch));
    }
    for (key, batch) in written {
        let mut reader = Reader::new(store.clone(), key);
        assert!(reader.next().await.unwrap() == Some(batch));
        assert_eq!(reader.next().await.unwrap(), None);
    }
}
