use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::config::Keep;
use crate::mirror::{DestinationOptions, Mirror};
use crate::session::fixture::main_key;
use crate::session::{delete, silent};
use crate::spool::Spool;
use crate::store::MemoryStore;

/// Some lines in a spool that are delivered to `memory`.
async fn delivered(state: &Path) -> Arc<MemoryStore> {
    let store = Arc::new(MemoryStore::new());
    let mirror = Mirror::start(state, Keep::Forever).unwrap();
    mirror.add_destination("memory", DestinationOptions::default()).unwrap();
    mirror.opened("memory", store.clone());
    let spool = Arc::new(Spool::open(state).unwrap());
    mirror.follow(&spool);
    for number in 0..5 {
        let entry = format!("{{\"n\":{number}}}");
        spool.append(&main_key(), &[entry]).await.unwrap();
    }
    assert!(mirror.flush(None, Some(Duration::from_secs(120))).await.is_empty());
    spool.close().await;
    mirror.close().await;
    store
}

async fn checked(state: &Path, store: Arc<MemoryStore>) -> SpoolsReport {
    let (spools, records) = (Spool::look(state).unwrap(), DeliveryRecords::open(state).unwrap());
    check_spools(store, "memory", &spools, &records, silent()).await
}

#[tokio::test]
async fn what_was_delivered_is_there() {
    let state = tempfile::tempdir().unwrap();
    let store = delivered(state.path()).await;
    let report = checked(state.path(), store).await;
    assert_eq!((report.entries, report.missing, report.failed), (5, 0, 0));
    assert!(report.streams[0].is_whole());
}

#[tokio::test]
async fn a_destination_that_forgot_is_found_out() {
    let state = tempfile::tempdir().unwrap();
    delivered(state.path()).await;
    let report = checked(state.path(), Arc::new(MemoryStore::new())).await;
    assert_eq!((report.entries, report.missing), (5, 1));
    assert_eq!(report.streams[0].missing, 5);
}

#[tokio::test]
async fn what_is_there_under_another_writer_is_there() {
    let state = tempfile::tempdir().unwrap();
    let store = delivered(state.path()).await;
    // The next process finds the file of those lines, and stores one of three that are alike.
    let mirror = Mirror::start(state.path(), Keep::Forever).unwrap();
    mirror.add_destination("memory", DestinationOptions::default()).unwrap();
    mirror.opened("memory", store.clone());
    let spool = Arc::new(Spool::open(state.path()).unwrap());
    mirror.follow(&spool);
    let lines = ["{\"n\":0}", "{\"n\":1}", "{\"new\":1}"];
    let found = crate::spool::Doubtful {
        lines: 3,
        taken: 2,
        goes_on: false,
    };
    spool.found_blocking(&main_key(), found).unwrap();
    spool.append(&main_key(), &lines).await.unwrap();
    assert!(mirror.flush(None, Some(Duration::from_secs(120))).await.is_empty());
    spool.close().await;
    mirror.close().await;
    let report = checked(state.path(), store).await;
    assert_eq!((report.entries, report.missing, report.failed), (8, 0, 0), "{report:?}");
    let report = checked(state.path(), Arc::new(MemoryStore::new())).await;
    assert_eq!(report.streams[0].missing, 8);
}

#[tokio::test]
async fn what_others_deleted_is_not_missing() {
    let state = tempfile::tempdir().unwrap();
    let store = delivered(state.path()).await;
    delete(store.clone(), &main_key()).await.unwrap();
    let report = checked(state.path(), store).await;
    assert_eq!((report.missing, report.streams[0].missing), (0, 5));
    assert!(report.streams[0].deleted);
}

#[tokio::test]
async fn nothing_is_looked_for_that_was_never_delivered() {
    let state = tempfile::tempdir().unwrap();
    let spool = Spool::open(state.path()).unwrap();
    spool.append(&main_key(), &["{}"]).await.unwrap();
    let report = checked(state.path(), Arc::new(MemoryStore::new())).await;
    assert!(report.streams.is_empty());
}
