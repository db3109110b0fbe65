//! Checks of tombstones: what they hide, and what may be appended behind them.

use crate::checks::listings::{session_ids, subkeys};
use crate::expect::{self, Verdict, conflicts, works};
use crate::ground::Ground;
use crate::log::Log;

/// Appends the next tombstone, without removing anything.
async fn bury(log: &mut Log<'_>) -> Verdict {
    let tombstone = log.next_tombstone();
    log.batches.clear();
    log.store(tombstone, None).await
}

pub(super) async fn hide_what_was_before(ground: &Ground) -> Verdict {
    let mut log = Log::with(ground, ground.main("session")?, 4).await?;
    bury(&mut log).await?;
    for after in 0..5 {
        let found = expect::all_after(&*ground.theirs, &log.key, after).await?;
        expect::same(
            format_args!("load after {after} of a stream that ends in tombstone 5"),
            &found,
            &log.batches,
        )?;
    }
    bury(&mut log).await?;
    log.holds("after a second tombstone").await
}

pub(super) async fn may_leave_numbers_out(ground: &Ground) -> Verdict {
    let mut log = Log::with(ground, ground.main("session")?, 2).await?;
    let far = log.rival_tombstone(9);
    log.batches.clear();
    log.store(far, None).await?;
    log.holds("after tombstone 9 behind batch 2").await?;
    log.append("{}\n").await?;
    log.holds("after batch 10 behind tombstone 9").await?;
    let mut fresh = Log::new(ground, ground.sub("session", "fresh")?);
    let first = fresh.rival_tombstone(3);
    fresh.store(first, None).await?;
    fresh.holds("after tombstone 3 on an empty stream").await
}

pub(super) async fn stay_before_late_appends(ground: &Ground) -> Verdict {
    let mut log = Log::with(ground, ground.main("session")?, 3).await?;
    let late = log.batches.clone();
    if ground.ours.info().capabilities.deletion {
        log.delete().await?;
    } else {
        bury(&mut log).await?;
    }
    for batch in late {
        let number = batch.number;
        for store in [&ground.ours, &ground.theirs] {
            conflicts(
                store.append(&log.key, &batch, None).await,
                format_args!("a late append of batch {number} before tombstone 4"),
            )?;
            let rival = log.rival(number);
            conflicts(
                store.append(&log.key, &rival, None).await,
                format_args!("an append of a new batch {number} before tombstone 4"),
            )?;
        }
    }
    let rival = log.rival(4);
    conflicts(
        ground.theirs.append(&log.key, &rival, None).await,
        "an append at the number of tombstone 4",
    )?;
    log.holds("after late appends").await
}

pub(super) async fn let_streams_begin_anew(ground: &Ground) -> Verdict {
    let mut log = Log::with(ground, ground.main("session")?, 2).await?;
    for _ in 0..2 {
        bury(&mut log).await?;
        for _ in 0..2 {
            log.append("{\"anew\":true}\n").await?;
            log.holds("behind a tombstone").await?;
        }
    }
    let Some(last) = log.batches.last() else { return Ok(()) };
    works(
        ground.theirs.append(&log.key, last, None).await,
        "a second append behind a tombstone",
    )?;
    log.holds("after a second append behind a tombstone").await
}

pub(super) async fn hide_subpaths(ground: &Ground) -> Verdict {
    let listed = async |wanted: &[&str], what: &str| {
        let found = subkeys(&*ground.theirs, &ground.project, "session", 100).await?;
        expect::same_names(what, found, wanted.iter().map(|&name| name.to_owned()).collect())
    };
    let mut buried = Log::with(ground, ground.sub("session", "buried")?, 2).await?;
    Log::with(ground, ground.sub("session", "buried/not")?, 1).await?;
    bury(&mut buried).await?;
    listed(&["buried/not"], "list-subkeys with one below a tombstone").await?;
    buried.append("{}\n").await?;
    listed(&["buried", "buried/not"], "list-subkeys with one behind a tombstone").await
}

pub(super) async fn hide_sessions(ground: &Ground) -> Verdict {
    let listed = async |wanted: &[&str], what: &str| {
        let found = session_ids(&*ground.theirs, &ground.project).await?;
        expect::same_names(what, found, wanted.iter().map(|&name| name.to_owned()).collect())
    };
    let mut buried = Log::with(ground, ground.main("buried")?, 2).await?;
    Log::with(ground, ground.main("session")?, 1).await?;
    bury(&mut buried).await?;
    listed(&["session"], "list-sessions with one below a tombstone").await?;
    let found = works(
        ground.ours.find_session(&ground.project, "buried").await,
        "find-session",
    )?;
    expect::equal("find-session of one below a tombstone", found, None)?;
    buried.append("{}\n").await?;
    listed(&["buried", "session"], "list-sessions with one behind a tombstone").await?;
    let found = works(
        ground.ours.find_session(&ground.project, "buried").await,
        "find-session",
    )?;
    let found = found.map(|session| (session.last, session.summary));
    expect::equal("find-session of one behind a tombstone", found, Some((4, None)))
}
