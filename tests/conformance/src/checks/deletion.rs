//! Checks of `delete`: what it removes, what it leaves, and that it may be repeated.

use mirrorbox::store::Batch;

use crate::checks::listings::session_ids;
use crate::expect::{self, Verdict, conflicts as conflict, works};
use crate::ground::Ground;
use crate::log::{Log, summary};

pub(super) async fn leaves_the_tombstone(ground: &Ground) -> Verdict {
    let mut log = Log::with(ground, ground.main("session")?, 5).await?;
    log.delete().await?;
    log.holds("after a delete").await?;
    log.append("{\"anew\":true}\n").await?;
    log.holds("after an append behind a delete").await?;
    log.delete().await?;
    log.holds("after a second delete").await
}

pub(super) async fn removes_the_session(ground: &Ground) -> Verdict {
    let mut log = Log::with(ground, ground.main("session")?, 2).await?;
    log.append_with_summary("{\"old\":true}").await?;
    let late = log.batches.last().cloned();
    log.delete().await?;
    if let Some(late) = late {
        let old = summary(3, "{\"old\":true}");
        conflict(
            ground.theirs.append(&log.key, &late, Some(&old)).await,
            "a late append with a summary",
        )?;
    }
    let found = works(
        ground.ours.find_session(&ground.project, "session").await,
        "find-session",
    )?;
    expect::equal("find-session after a delete", found, None)?;
    expect::same_names(
        "list-sessions after a delete",
        session_ids(&*ground.theirs, &ground.project).await?,
        vec![],
    )?;
    log.append("{}\n").await?;
    let found = works(
        ground.ours.find_session(&ground.project, "session").await,
        "find-session",
    )?;
    let found = found.map(|session| (session.last, session.summary));
    expect::equal("find-session after an append behind a delete", found, Some((5, None)))
}

async fn delete_again(ground: &Ground, log: &Log<'_>, tombstone: &Batch, what: &str) -> Verdict {
    for store in [&ground.ours, &ground.theirs] {
        works(
            store.delete(&log.key, tombstone).await,
            format_args!("a second delete {what}"),
        )?;
        log.holds("after a second delete").await?;
    }
    Ok(())
}

pub(super) async fn may_be_retried(ground: &Ground) -> Verdict {
    let mut log = Log::with(ground, ground.main("session")?, 3).await?;
    let tombstone = log.delete().await?;
    delete_again(ground, &log, &tombstone, "with the same tombstone").await?;
    log.append("{\"anew\":true}\n").await?;
    delete_again(ground, &log, &tombstone, "after something was appended behind it").await
}

pub(super) async fn goes_on_behind_an_append(ground: &Ground) -> Verdict {
    let mut log = Log::with(ground, ground.main("session")?, 3).await?;
    let tombstone = log.next_tombstone();
    log.batches.clear();
    log.store(tombstone.clone(), None).await?;
    delete_again(ground, &log, &tombstone, "of a tombstone that was appended").await
}

pub(super) async fn conflicts(ground: &Ground) -> Verdict {
    let mut log = Log::with(ground, ground.main("session")?, 3).await?;
    for number in [1, 3] {
        let deleted = ground.theirs.delete(&log.key, &log.rival_tombstone(number)).await;
        conflict(
            deleted,
            format_args!("a delete with tombstone {number}, which is a batch"),
        )?;
        log.holds("after a delete that is a conflict").await?;
    }
    log.delete().await?;
    log.append("{}\n").await?;
    for number in [2, 4] {
        let deleted = ground.theirs.delete(&log.key, &log.rival_tombstone(number)).await;
        conflict(
            deleted,
            format_args!("a delete with tombstone {number}, at or before tombstone 4"),
        )?;
        log.holds("after a late delete").await?;
    }
    Ok(())
}

pub(super) async fn of_nothing_leaves_a_tombstone(ground: &Ground) -> Verdict {
    for key in [ground.main("never")?, ground.sub("never", "written")?] {
        let mut log = Log::new(ground, key);
        log.delete().await?;
        log.holds("after a delete of nothing").await?;
    }
    Ok(())
}

pub(super) async fn is_of_one_key(ground: &Ground) -> Verdict {
    let elsewhere = format!("{}-2", ground.project);
    let mut main = Log::with(ground, ground.main("session")?, 2).await?;
    let mut parent = Log::with(ground, ground.sub("session", "a")?, 2).await?;
    let others = [
        Log::with(ground, ground.sub("session", "a/b")?, 2).await?,
        Log::with(ground, ground.sub("session", "ab")?, 2).await?,
        Log::with(ground, ground.main("session-2")?, 2).await?,
        Log::with(ground, ground.main("sess")?, 2).await?,
        Log::with(ground, ground.key(&elsewhere, "session", None)?, 2).await?,
    ];
    parent.delete().await?;
    main.holds("the main transcript after a subpath was deleted").await?;
    main.delete().await?;
    parent.holds("a deleted subpath").await?;
    for other in others {
        other.holds("another stream after a delete").await?;
    }
    Ok(())
}
