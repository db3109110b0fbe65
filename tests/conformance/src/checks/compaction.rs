use crate::expect::{Verdict, works};
use crate::ground::Ground;
use crate::log::Log;

pub(super) async fn changes_nothing_that_is_loaded(ground: &Ground) -> Verdict {
    let mut log = Log::new(ground, ground.main("session")?);
    let nothing = ground.ours.compact(&log.key, 10).await;
    works(nothing, "compact of an empty stream")?;
    log.holds("after compact of an empty stream").await?;
    for _ in 0..ground.amount(3, 30) {
        for size in [10, 1_000, 100_000] {
            log.append(vec![b'x'; size]).await?;
        }
        let end = log.batches.len() as u64;
        for through in [end / 2, end / 2, end, end + 5] {
            works(
                ground.theirs.compact(&log.key, through).await,
                format_args!("compact through {through} of {end}"),
            )?;
            log.holds("after compact").await?;
        }
    }
    if let Some(first) = log.batches.first() {
        works(
            ground.ours.append(&log.key, first, None).await,
            "a second append of what was compacted",
        )?;
    }
    log.holds("after a second append of what was compacted").await
}
