use std::sync::Arc;

use super::*;
use crate::session::faults::{CallFault, FaultyStore, away};
use crate::session::fixture::{append, batches, lines, main_key, stored};
use crate::session::{delete, silent};
use crate::store::{Batch, BatchDraft, Chain, MemoryStore, Origin};

fn stores() -> (Arc<MemoryStore>, Arc<MemoryStore>) {
    (Arc::default(), Arc::default())
}

async fn copied(from: &Arc<impl Store + 'static>, to: &Arc<impl Store + 'static>) -> CopyReport {
    copy(from.clone(), to.clone(), &Copy::default(), silent())
        .await
        .unwrap()
}

fn states(report: &CopyReport) -> Vec<CopyState> {
    report.streams.iter().filter_map(|stream| stream.state).collect()
}

/// A batch of some writer's behind what is stored.
async fn append_of(store: &MemoryStore, writer: &str, line: u64, payload: &'static str) -> Batch {
    let key = main_key();
    let end = store.end(&key).await.unwrap();
    let chain = end.map_or_else(|| Chain::start(&key), |end| Chain::at(&key, end));
    let batch = chain.number_draft(BatchDraft {
        kind: Kind::Entries,
        origin: Origin {
            writer: writer.into(),
            line,
        },
        payload: payload.into(),
    });
    store.append(&key, &batch, None).await.unwrap();
    batch
}

#[tokio::test]
async fn batches_stay_as_they_are_and_a_second_run_adds_nothing() {
    let (from, to) = stores();
    let subagent = main_key().with_subpath("subagents/agent-1").unwrap();
    for line in 0..3 {
        append(&*from, &main_key(), lines(line, 1)).await;
        append(&*from, &subagent, lines(line, 2)).await;
    }
    let report = copied(&from, &to).await;
    assert_eq!((report.batches, report.added.entries, report.failures), (6, 9, 0));
    assert_eq!(states(&report), [CopyState::Copied, CopyState::Copied]);
    for key in [main_key(), subagent] {
        assert_eq!(batches(&*from, &key).await, batches(&*to, &key).await);
    }
    let summary = |found: Option<crate::store::StoredSession>| found.and_then(|session| session.summary);
    assert!(summary(to.find_session("project", "session").await.unwrap()).is_some_and(|summary| summary.through == 3));
    let again = copied(&from, &to).await;
    assert_eq!((again.batches, again.present), (0, 2));
}

#[tokio::test]
async fn what_was_interrupted_goes_on() {
    let from = Arc::new(MemoryStore::new());
    for line in 0..4 {
        append(&*from, &main_key(), lines(line, 1)).await;
    }
    let to = Arc::new(FaultyStore::default());
    let denied = crate::store::StoreError::Denied("no".into());
    *to.appends.lock().unwrap() = [CallFault::None, CallFault::None, CallFault::Fail(denied)].into();
    let report = copied(&from, &to).await;
    assert_eq!((report.batches, report.failures), (2, 1));
    assert!(!report.streams[0].failure.as_ref().unwrap().can_retry);
    let report = copied(&from, &to).await;
    assert_eq!((report.batches, report.failures), (2, 0));
    assert_eq!(batches(&*from, &main_key()).await, batches(&*to, &main_key()).await);
}

#[tokio::test]
async fn a_target_that_is_away_for_a_moment_is_tried_again() {
    let from = Arc::new(MemoryStore::new());
    append(&*from, &main_key(), lines(0, 3)).await;
    let to = Arc::new(FaultyStore::default());
    *to.appends.lock().unwrap() = [CallFault::Fail(away()), CallFault::LandAndFail(away())].into();
    let report = copied(&from, &to).await;
    assert_eq!(states(&report), [CopyState::Present]);
    assert_eq!(stored(&*to, &main_key()).await, lines(0, 3));
}

#[tokio::test]
async fn a_target_with_lines_of_its_own_gets_what_it_lacks_behind_them() {
    let (from, to) = stores();
    append_of(&from, "a", 1, "{\"n\":1}\n{\"n\":2}\n").await;
    append_of(&to, "b", 1, "{\"n\":9}\n").await;
    append_of(&to, "a", 1, "{\"n\":1}\n").await;
    let report = copied(&from, &to).await;
    assert_eq!(states(&report), [CopyState::Merged]);
    assert_eq!(report.added.entries, 1);
    assert_eq!(stored(&*to, &main_key()).await, "{\"n\":9}\n{\"n\":1}\n{\"n\":2}\n");
    let again = copied(&from, &to).await;
    assert_eq!((again.batches, again.present), (0, 1));
}

/// Each destination got the file's lines by itself.
#[tokio::test]
async fn what_the_target_holds_under_another_writer_is_not_doubled() {
    let (from, to) = stores();
    append_of(&from, "import", 1, "{\"n\":1}\n{\"n\":1}\n{\"n\":2}\n{\"n\":3}\n").await;
    append_of(&to, "watch", 1, "{\"n\":1}\n{\"n\":2}\n").await;
    assert_eq!(states(&copied(&from, &to).await), [CopyState::Merged]);
    assert_eq!(
        stored(&*to, &main_key()).await,
        "{\"n\":1}\n{\"n\":2}\n{\"n\":1}\n{\"n\":3}\n"
    );
    assert_eq!(copied(&from, &to).await.batches, 0);
}

/// A line that another stood for stands for no second one when the copy goes on.
#[tokio::test]
async fn what_was_interrupted_loses_no_line_that_stands_there_twice() {
    let from = Arc::new(MemoryStore::new());
    append_of(&from, "import", 1, "{\"n\":1}\n{\"n\":2}\n").await;
    append_of(&from, "import", 3, "{\"n\":1}\n{\"n\":3}\n").await;
    let to = Arc::new(FaultyStore::default());
    append_of(&to.inner, "watch", 1, "{\"n\":1}\n").await;
    let denied = crate::store::StoreError::Denied("no".into());
    *to.appends.lock().unwrap() = [CallFault::None, CallFault::Fail(denied)].into();
    assert_eq!(copied(&from, &to).await.failures, 1);
    assert_eq!(stored(&*to, &main_key()).await, "{\"n\":1}\n{\"n\":2}\n");
    assert_eq!(copied(&from, &to).await.failures, 0);
    let all = "{\"n\":1}\n{\"n\":2}\n{\"n\":1}\n{\"n\":3}\n";
    assert_eq!(stored(&*to, &main_key()).await, all);
    assert_eq!(copied(&from, &to).await.batches, 0);
}

#[tokio::test]
async fn a_tombstone_is_copied_and_what_was_begun_anew_behind_it() {
    let (from, to) = stores();
    append(&*from, &main_key(), lines(0, 3)).await;
    copied(&from, &to).await;
    delete(from.clone(), &main_key()).await.unwrap();
    assert_eq!(states(&copied(&from, &to).await), [CopyState::Copied]);
    assert_eq!(stored(&*to, &main_key()).await, "");
    append(&*from, &main_key(), lines(7, 1)).await;
    assert_eq!(states(&copied(&from, &to).await), [CopyState::Copied]);
    assert_eq!(stored(&*to, &main_key()).await, lines(7, 1));
}

#[tokio::test]
async fn what_was_deleted_at_the_target_is_not_brought_back() {
    let (from, to) = stores();
    append(&*from, &main_key(), lines(0, 3)).await;
    copied(&from, &to).await;
    delete(to.clone(), &main_key()).await.unwrap();
    append(&*from, &main_key(), lines(3, 1)).await;
    let report = copied(&from, &to).await;
    assert_eq!(states(&report), [CopyState::DeletedAtTarget { number: 2 }]);
    assert_eq!((report.deleted, report.batches), (1, 0));
    assert_eq!(stored(&*to, &main_key()).await, "");
}

#[tokio::test]
async fn a_delete_at_the_source_takes_nothing_that_only_the_target_has() {
    let (from, to) = stores();
    append_of(&from, "a", 1, "{\"n\":1}\n").await;
    for line in 1..4 {
        append_of(&to, "b", line, "{\"n\":9}\n").await;
    }
    delete(from.clone(), &main_key()).await.unwrap();
    let report = copied(&from, &to).await;
    let failure = report.streams[0].failure.as_ref().unwrap();
    assert!(
        matches!(failure.error, StreamError::DeletedAtSource { number: 2, end: 3 }),
        "{failure:?}"
    );
    assert_eq!(stored(&*to, &main_key()).await.lines().count(), 3);
}

#[tokio::test]
async fn what_the_target_gives_back_is_looked_at() {
    let from = Arc::new(MemoryStore::new());
    append(&*from, &main_key(), lines(0, 2)).await;
    let to = Arc::new(FaultyStore::default());
    // It is asked for its first batch once before it is filled, read once by that, and then read back.
    let corrupt = crate::store::StoreError::Corrupt {
        first: 1,
        last: 1,
        reason: "a bad sector".into(),
    };
    *to.loads.lock().unwrap() = [CallFault::None, CallFault::None, CallFault::Fail(corrupt)].into();
    let report = copied(&from, &to).await;
    assert_eq!(report.failures, 1);
    assert_eq!(report.streams[0].failure.as_ref().unwrap().damaged, Some((1, 1)));
}
