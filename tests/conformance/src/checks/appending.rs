use crate::expect::{Verdict, conflicts as conflict, works};
use crate::ground::Ground;
use crate::log::Log;

pub(super) async fn is_loaded(ground: &Ground) -> Verdict {
    let mut log = Log::new(ground, ground.main("session")?);
    for number in 1..=5 {
        log.append(format!("{{\"number\":{number}}}\n")).await?;
        log.holds("after an append").await?;
    }
    let second = log.next("{\"from\":\"the other handle\"}\n");
    works(
        ground.theirs.append(&log.key, &second, None).await,
        "append through the other handle",
    )?;
    log.note(second);
    log.holds("after an append through the other handle").await
}

pub(super) async fn begins_a_stream(ground: &Ground) -> Verdict {
    let mut log = Log::new(ground, ground.main("session")?);
    let others = [
        ground.main("session-2")?,
        ground.sub("session", "subagents/agent-1")?,
        ground.sub("session", "subagents")?,
    ];
    log.holds("before anything was appended").await?;
    log.append("{}\n").await?;
    log.holds("after the first append").await?;
    for other in others {
        Log::new(ground, other).holds("a stream that nobody wrote to").await?;
    }
    Ok(())
}

pub(super) async fn may_be_retried(ground: &Ground) -> Verdict {
    let log = Log::with(ground, ground.main("session")?, 4).await?;
    for batch in log.batches.iter().rev().chain(&log.batches) {
        for store in [&ground.ours, &ground.theirs] {
            let retried = store.append(&log.key, batch, None).await;
            works(retried, format_args!("a second append of batch {} of 4", batch.number))?;
        }
    }
    log.holds("after second appends").await
}

pub(super) async fn conflicts(ground: &Ground) -> Verdict {
    let mut log = Log::with(ground, ground.main("session")?, 3).await?;
    for number in [3, 2, 1] {
        for store in [&ground.theirs, &ground.ours] {
            let appended = store.append(&log.key, &log.rival(number), None).await;
            conflict(appended, format_args!("an append of another batch {number} of 3"))?;
        }
        log.holds("after a conflict").await?;
    }
    let same_lines = log
        .batches
        .first()
        .map(|first| first.payload.clone())
        .unwrap_or_default();
    let mut twin = log.rival(1);
    twin.payload = same_lines;
    let appended = ground.ours.append(&log.key, &twin, None).await;
    conflict(appended, "an append of the same payload with another digest")?;
    log.append("{\"after\":\"conflicts\"}\n").await?;
    log.holds("after an append behind conflicts").await
}
