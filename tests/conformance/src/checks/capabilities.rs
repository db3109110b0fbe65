use mirrorbox::store::StoreError;

use crate::expect::{self, Verdict};
use crate::ground::Ground;
use crate::log::Log;

pub(super) async fn are_honest(ground: &Ground) -> Verdict {
    let can = ground.ours.info().capabilities;
    let mut log = Log::with(ground, ground.main("session")?, 2).await?;
    let (store, project) = (&ground.ours, ground.project.as_str());
    fits("list-projects", can.listing, store.list_projects(None, 10).await)?;
    fits(
        "list-sessions",
        can.listing,
        store.list_sessions(project, None, 10).await,
    )?;
    fits(
        "find-session",
        can.listing,
        store.find_session(project, "session").await,
    )?;
    fits("compact", can.compaction, store.compact(&log.key, 1).await)?;
    log.holds("after asking for everything but a delete").await?;
    let tombstone = log.next_tombstone();
    fits("delete", can.deletion, store.delete(&log.key, &tombstone).await)?;
    if can.deletion {
        log.batches.clear();
        log.note(tombstone);
    }
    log.holds("after asking for a delete").await
}

fn fits<T>(function: &str, claimed: bool, answer: Result<T, StoreError>) -> Verdict {
    let unsupported = matches!(answer, Err(StoreError::Unsupported));
    expect::that(claimed || unsupported, || {
        format!("`{function}` is not among the capabilities, and its answer is not `unsupported`")
    })?;
    expect::that(!(claimed && unsupported), || {
        format!("`{function}` is among the capabilities, and its answer is `unsupported`")
    })
}
