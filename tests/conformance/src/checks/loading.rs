use crate::expect::{self, Verdict, works};
use crate::ground::Ground;
use crate::log::Log;

pub(super) async fn begins_after(ground: &Ground) -> Verdict {
    let log = Log::with(ground, ground.main("session")?, 6).await?;
    for (after, _) in (0_u64..).zip(&log.batches) {
        let what = format!("load after {after} of 6");
        let found = expect::all_after(&*ground.theirs, &log.key, after).await?;
        let wanted: Vec<_> = log
            .batches
            .iter()
            .filter(|batch| batch.number > after)
            .cloned()
            .collect();
        expect::same(what, &found, &wanted)?;
    }
    for after in [6, 7, 1 << 40, i64::MAX as u64, u64::MAX - 1, u64::MAX] {
        let found = works(
            ground.ours.load(&log.key, after, 1 << 20).await,
            format_args!("load after {after} of 6"),
        )?;
        expect::same(format_args!("load after {after} of 6"), &found, &[])?;
    }
    let unknown = ground.main("unknown")?;
    let found = works(ground.ours.load(&unknown, 0, 1 << 20).await, "load of an empty stream")?;
    expect::same("load of an empty stream", &found, &[])
}

pub(super) async fn stops_at_the_limit(ground: &Ground) -> Verdict {
    let mut log = Log::new(ground, ground.main("session")?);
    for number in 1..=12 {
        log.append(vec![b'x'; number * 100]).await?;
    }
    for limit in [1, 99, 100, 101, 1_000, 2_500, 1 << 20, u32::MAX] {
        let mut found = Vec::new();
        while let after = u64::try_from(found.len()).unwrap_or(u64::MAX)
            && after < 12
        {
            let what = format!("load of {limit} bytes after {after}");
            let page = works(ground.ours.load(&log.key, after, limit).await, &what)?;
            expect::that(!page.is_empty(), || format!("{what} gave nothing, and there is more"))?;
            let before_the_last: usize = page.iter().rev().skip(1).map(|batch| batch.payload.len()).sum();
            expect::that(before_the_last < limit as usize, || {
                format!("{what} went on after {before_the_last} bytes")
            })?;
            found.extend(page);
        }
        expect::same(format_args!("load in pages of {limit} bytes"), &found, &log.batches)?;
    }
    Ok(())
}

pub(super) async fn repeats_itself(ground: &Ground) -> Verdict {
    let log = Log::with(ground, ground.main("session")?, 5).await?;
    for after in 0..5 {
        let first = works(ground.ours.load(&log.key, after, 1).await, "load")?;
        let again = works(ground.theirs.load(&log.key, after, 1).await, "load once more")?;
        let shorter = first.len().min(again.len());
        let (first, again) = (first.iter().take(shorter), again.iter().take(shorter));
        let (first, again): (Vec<_>, Vec<_>) = (first.cloned().collect(), again.cloned().collect());
        expect::same(format_args!("load after {after} once more"), &again, &first)?;
    }
    log.holds("after loading").await
}

pub(super) async fn of_many_batches(ground: &Ground) -> Verdict {
    let many = ground.amount(300, 10_000) as u64;
    let log = Log::with(ground, ground.main("session")?, many).await?;
    log.holds("many batches").await
}

pub(super) async fn end_is_the_last_batch(ground: &Ground) -> Verdict {
    let mut log = Log::new(ground, ground.main("session")?);
    for _ in 0..3 {
        log.holds("while it grows").await?;
        log.append("{}\n").await?;
    }
    let sub = Log::with(ground, ground.sub("session", "subagents/agent-1")?, 1).await?;
    sub.holds("a subpath beside it").await?;
    let claim = log.next_claim();
    log.store(claim, None).await?;
    log.holds("after a claim").await?;
    let tombstone = log.next_tombstone();
    log.batches.clear();
    log.store(tombstone, None).await?;
    log.holds("after a tombstone").await
}
