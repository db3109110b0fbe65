use std::sync::Arc;

use super::*;
use crate::session::fixture::{append, lines, main_key};
use crate::session::{Import, copy, delete, import, silent};
use crate::store::MemoryStore;

async fn compared(first: &Arc<MemoryStore>, second: &Arc<MemoryStore>) -> BetweenReport {
    compare(first.clone(), second.clone(), &Between::default(), silent())
        .await
        .unwrap()
}

async fn state_of(first: &Arc<MemoryStore>, second: &Arc<MemoryStore>) -> BetweenState {
    let mut report = compared(first, second).await;
    assert_eq!(report.streams.len(), 1, "{report:?}");
    report.streams.remove(0).state
}

async fn twins(count: usize) -> (Arc<MemoryStore>, Arc<MemoryStore>) {
    let (first, second) = (Arc::new(MemoryStore::new()), Arc::new(MemoryStore::new()));
    append(&*first, &main_key(), lines(0, count)).await;
    copy(first.clone(), second.clone(), &Default::default(), silent())
        .await
        .unwrap();
    (first, second)
}

#[tokio::test]
async fn a_copy_is_the_same() {
    let (first, second) = twins(600).await;
    assert_eq!(state_of(&first, &second).await, BetweenState::Same);
}

#[tokio::test]
async fn a_changed_line_is_named() {
    let first = Arc::new(MemoryStore::new());
    let second = Arc::new(MemoryStore::new());
    append(&*first, &main_key(), "{\"n\":1}\n{\"n\":2}\n").await;
    append(&*second, &main_key(), "{\"n\":1}\n{\"n\":3}\n").await;
    let state = state_of(&first, &second).await;
    let BetweenState::Different { differs, .. } = state else {
        panic!("{state:?}")
    };
    assert_eq!(differs, Some(("another".to_owned(), 2)));
}

#[tokio::test]
async fn what_is_at_one_of_them_only_is_counted() {
    let (first, second) = (Arc::new(MemoryStore::new()), Arc::new(MemoryStore::new()));
    append(&*first, &main_key(), lines(0, 5)).await;
    let report = compared(&first, &second).await;
    assert_eq!((report.different, report.failed), (1, 0));
    let expected = BetweenState::Different {
        only_first: 5,
        only_second: 0,
        differs: None,
    };
    assert_eq!(report.streams[0].state, expected);
}

#[tokio::test]
async fn a_session_that_is_deleted_at_one_of_them_is_told() {
    let (first, second) = twins(3).await;
    delete(second.clone(), &main_key()).await.unwrap();
    assert_eq!(state_of(&first, &second).await, BetweenState::DeletedAtSecond);
    assert_eq!(state_of(&second, &first).await, BetweenState::DeletedAtFirst);
}

#[tokio::test]
async fn two_imports_are_the_same_lines_of_other_writers() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("project")).unwrap();
    std::fs::write(dir.path().join("project/session.jsonl"), lines(0, 700)).unwrap();
    let (first, second) = (Arc::new(MemoryStore::new()), Arc::new(MemoryStore::new()));
    for store in [&first, &second] {
        import(store.clone(), dir.path(), &Import::default(), silent())
            .await
            .unwrap();
    }
    let state = state_of(&first, &second).await;
    assert_eq!(state, BetweenState::SameLines { elsewhere: 700 });
    assert!(state.is_same());
}

#[tokio::test]
async fn a_damaged_stream_fails_alone() {
    let (first, second) = twins(3).await;
    let whole = SessionKey::main("project", "whole").unwrap();
    append(&*first, &whole, lines(0, 1)).await;
    copy(first.clone(), second.clone(), &Default::default(), silent())
        .await
        .unwrap();
    second.tamper(&main_key(), |batches| batches[0].payload = "{}\n".into());
    let report = compared(&first, &second).await;
    assert_eq!((report.failed, report.different), (1, 0));
    assert!(report.streams.iter().any(|row| row.state == BetweenState::Same));
}
