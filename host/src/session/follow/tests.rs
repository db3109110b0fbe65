use super::*;
use crate::session::delete;
use crate::session::faults::{CallFault, FaultyStore, away};
use crate::session::fixture::{append, lines, main_key};
use crate::store::MemoryStore;

const PATIENCE: Duration = Duration::from_secs(120);

async fn next(follow: &mut Follow) -> News {
    tokio::time::timeout(PATIENCE, follow.next()).await.unwrap().unwrap()
}

/// The next so many entries.
async fn entries(follow: &mut Follow, count: usize) -> String {
    let mut found = String::new();
    for _ in 0..count {
        match next(follow).await {
            News::Entry(line) => found += &format!("{}\n", std::str::from_utf8(&line).unwrap()),
            other => panic!("{other:?}"),
        }
    }
    found
}

#[tokio::test]
async fn the_last_batch_comes_first_and_then_what_is_added() {
    let store = Arc::new(MemoryStore::new());
    append(&*store, &main_key(), lines(0, 2)).await;
    append(&*store, &main_key(), lines(2, 2)).await;
    let mut follow = follow(store.clone(), &main_key()).await.unwrap();
    assert_eq!(entries(&mut follow, 2).await, lines(2, 2));
    let added = tokio::spawn(async move {
        let first = entries(&mut follow, 3).await;
        (first, follow)
    });
    for n in 4..7 {
        append(&*store, &main_key(), lines(n, 1)).await;
    }
    assert_eq!(added.await.unwrap().0, lines(4, 3));
}

#[tokio::test]
async fn a_stream_may_begin_while_it_is_followed() {
    let store = Arc::new(MemoryStore::new());
    let mut follow = follow(store.clone(), &main_key()).await.unwrap();
    let nothing = tokio::time::timeout(Duration::from_millis(20), follow.next()).await;
    assert!(nothing.is_err(), "{nothing:?}");
    append(&*store, &main_key(), lines(0, 1)).await;
    assert_eq!(entries(&mut follow, 1).await, lines(0, 1));
}

#[tokio::test]
async fn a_delete_is_told_and_the_stream_begins_anew() {
    let store = Arc::new(MemoryStore::new());
    append(&*store, &main_key(), lines(0, 1)).await;
    let mut follow = follow(store.clone(), &main_key()).await.unwrap();
    assert_eq!(entries(&mut follow, 1).await, lines(0, 1));
    delete(store.clone(), &main_key()).await.unwrap();
    assert_eq!(next(&mut follow).await, News::Deleted);
    append(&*store, &main_key(), lines(5, 1)).await;
    assert_eq!(entries(&mut follow, 1).await, lines(5, 1));
}

#[tokio::test]
async fn an_outage_is_told_once_and_waited_for() {
    let store = Arc::new(FaultyStore::default());
    append(&*store.inner, &main_key(), lines(0, 1)).await;
    let mut follow = follow(store.clone(), &main_key()).await.unwrap();
    store.loads.lock().unwrap().extend(vec![CallFault::Fail(away()); 3]);
    assert_eq!(next(&mut follow).await, News::Away { cause: away() });
    assert_eq!(next(&mut follow).await, News::Back);
    assert_eq!(entries(&mut follow, 1).await, lines(0, 1));
}

#[tokio::test]
async fn damage_and_what_is_gone_are_errors() {
    let store = Arc::new(MemoryStore::new());
    for n in 0..3 {
        append(&*store, &main_key(), lines(n, 1)).await;
    }
    let mut follow = follow(store.clone(), &main_key()).await.unwrap();
    assert_eq!(entries(&mut follow, 1).await, lines(2, 1));
    store.tamper(&main_key(), |batches| batches.truncate(1));
    assert_eq!(follow.next().await.unwrap_err().damaged(), Some((2, 3)));
}
