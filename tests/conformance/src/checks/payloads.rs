use mirrorbox::store::{Chain, Kind, Origin};

use crate::expect::Verdict;
use crate::ground::{Ground, entries};
use crate::hostile;
use crate::log::Log;

pub(super) async fn are_opaque(ground: &Ground) -> Verdict {
    let mut log = Log::new(ground, ground.main("session")?);
    for payload in hostile::payloads(&mut ground.random(), ground.amount(20, 500)) {
        log.append(payload).await?;
    }
    log.holds("hostile payloads").await
}

/// What is stored in pieces has seams, most often at powers of two.
pub(super) async fn of_any_size(ground: &Ground) -> Verdict {
    const SEAMS: [usize; 5] = [1 << 12, 1 << 16, 1 << 20, 4 << 20, 8 << 20];
    const HUGE: [usize; 3] = [16 << 20, 100_000_000, 128 << 20];
    let mut random = ground.random();
    let mut log = Log::new(ground, ground.main("session")?);
    let around = SEAMS.iter().flat_map(|seam| [seam - 1, *seam, seam + 1]);
    let huge = HUGE.into_iter().take(ground.amount(0, HUGE.len()));
    for size in [1, 2, 1_000].into_iter().chain(around).chain(huge) {
        log.append(hostile::noise(&mut random, size)).await?;
    }
    log.holds("payloads of many sizes").await
}

pub(super) async fn keep_their_batch(ground: &Ground) -> Verdict {
    let key = ground.main("session")?;
    let mut chain = Chain::start(&key);
    let mut log = Log::new(ground, key);
    let writers = [
        "w",
        "W",
        "writer:1/2",
        "\u{1f600}",
        "'; --",
        "0b6c9f0e-0000-4000-8000-000000000001",
        "{}\n\r\t",
    ];
    let lines = [1, 2, 1 << 31, 1 << 32, i64::MAX as u64];
    for (writer, line) in writers.into_iter().zip(lines.into_iter().cycle()) {
        for kind in [Kind::Entries, Kind::Claim] {
            let mut draft = entries(writer, line, if kind == Kind::Entries { "{}\n" } else { "" });
            draft.kind = kind;
            let batch = chain.next(draft);
            log.store(batch, None).await?;
        }
    }
    log.holds("odd writers and lines").await?;
    let mut last = log.next_tombstone();
    last.origin = Origin {
        writer: "the end".into(),
        line: 77,
    };
    log.batches.clear();
    log.store(last, None).await?;
    log.holds("a tombstone").await?;
    log.append("{}\n").await?;
    log.holds("a tombstone and what came after").await
}
