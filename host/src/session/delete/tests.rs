use super::*;
use crate::session::catalog;
use crate::session::faults::{CallFault, FaultyStore, away};
use crate::session::fixture::{append, batches, lines, main_key};
use crate::store::{Capabilities, MemoryStore};

async fn filled() -> (Arc<MemoryStore>, SessionKey) {
    let store = Arc::new(MemoryStore::new());
    let agent = main_key().with_subpath("subagents/agent-1").unwrap();
    append(&*store, &main_key(), lines(0, 3)).await;
    append(&*store, &agent, lines(0, 3)).await;
    (store, agent)
}

#[tokio::test]
async fn main_and_subpaths_end_in_a_tombstone_each() {
    let (store, agent) = filled().await;
    let report = delete(store.clone(), &main_key()).await.unwrap();
    assert_eq!((report.deleted, report.already, report.failures.len()), (2, 0, 0));
    for key in [main_key(), agent] {
        let [tombstone] = &batches(&*store, &key).await[..] else {
            panic!()
        };
        assert_eq!((tombstone.kind, tombstone.number), (Kind::Tombstone, 2));
    }
    assert!(catalog::list(store, None).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_second_delete_finds_it_done() {
    let (store, _) = filled().await;
    delete(store.clone(), &main_key()).await.unwrap();
    let before = batches(&*store, &main_key()).await;
    let report = delete(store.clone(), &main_key()).await.unwrap();
    assert_eq!((report.deleted, report.already), (0, 1));
    assert_eq!(batches(&*store, &main_key()).await, before);
}

#[tokio::test]
async fn an_unknown_session_and_a_store_that_cannot_are_told_apart() {
    let store = Arc::new(MemoryStore::new());
    let error = delete(store, &main_key()).await.unwrap_err();
    assert!(matches!(error, SessionError::NotFound { .. }));
    let faulty = FaultyStore {
        capabilities: Some(Capabilities {
            listing: true,
            ..Capabilities::default()
        }),
        ..FaultyStore::default()
    };
    let error = delete(Arc::new(faulty), &main_key()).await.unwrap_err();
    assert!(matches!(error, SessionError::Unsupported { .. }));
}

#[tokio::test]
async fn a_conflict_looks_again_and_a_lost_answer_is_no_second_tombstone() {
    let (inner, _) = filled().await;
    let faulty = FaultyStore {
        inner: inner.clone(),
        ..FaultyStore::default()
    };
    faulty.deletes.lock().unwrap().extend([
        CallFault::Fail(StoreError::Conflict),
        CallFault::LandAndFail(away()),
        CallFault::None,
        CallFault::LandAndFail(away()),
    ]);
    let report = delete(Arc::new(faulty), &main_key()).await.unwrap();
    assert_eq!((report.deleted, report.failures.len()), (2, 0));
    assert_eq!(batches(&*inner, &main_key()).await[0].number, 2);
}

#[tokio::test]
async fn the_main_transcript_stays_while_a_subpath_could_not_be_deleted() {
    let (inner, _) = filled().await;
    let faulty = FaultyStore {
        inner: inner.clone(),
        ..FaultyStore::default()
    };
    faulty
        .deletes
        .lock()
        .unwrap()
        .push_back(CallFault::Fail(StoreError::Denied("no".into())));
    let store = Arc::new(faulty);
    let report = delete(store.clone(), &main_key()).await.unwrap();
    assert_eq!((report.deleted, report.failures.len()), (0, 1));
    assert_eq!(batches(&*inner, &main_key()).await[0].kind, Kind::Entries);
    // And the same command finishes it.
    let report = delete(store, &main_key()).await.unwrap();
    assert_eq!(report.deleted, 2);
}

/// A backend may need any number of calls to remove what a tombstone hides: none of them is a failed try.
#[tokio::test(start_paused = true)]
async fn a_removal_in_pieces_goes_on_until_nothing_is_left() {
    let (inner, _) = filled().await;
    let faulty = FaultyStore {
        inner: inner.clone(),
        ..FaultyStore::default()
    };
    let piece = CallFault::LandAndFail(StoreError::Throttled(std::time::Duration::ZERO));
    faulty.deletes.lock().unwrap().extend(vec![piece; 40]);
    let report = delete(Arc::new(faulty), &main_key()).await.unwrap();
    assert_eq!((report.deleted, report.failures.len()), (2, 0), "{report:?}");
}

#[tokio::test(start_paused = true)]
async fn a_store_that_always_has_more_to_remove_is_given_up() {
    let (inner, _) = filled().await;
    let faulty = FaultyStore {
        inner,
        ..FaultyStore::default()
    };
    let piece = CallFault::LandAndFail(StoreError::Throttled(std::time::Duration::ZERO));
    faulty.deletes.lock().unwrap().extend(vec![piece; 20_000]);
    let report = delete(Arc::new(faulty), &main_key()).await.unwrap();
    assert_eq!((report.deleted, report.failures.len()), (0, 1), "{report:?}");
}
