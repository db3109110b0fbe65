//! What reading costs as streams and projects grow.

use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use anyhow::ensure;
use futures_util::{StreamExt, TryStreamExt, stream};
use mirrorbox::key::SessionKey;
use mirrorbox::session;
use mirrorbox::store::{Chain, Reader, Store, Summary};
use mirrorbox::summary::Fold;

use super::Place;
use crate::report::Report;
use crate::sandbox::draft;

const PART: usize = 1 << 10;
const SIDE_BY_SIDE: usize = 4;
/// Reads of the same stream; the median counts.
const READS: usize = 5;

pub(super) async fn measure(place: &Place, most: u64, report: &mut Report) -> anyhow::Result<()> {
    parts(place, most, report).await?;
    sessions(&place.anew("sessions")?, most, report).await
}

/// Loading a stream of so many parts, before and after compaction.
async fn parts(place: &Place, most: u64, report: &mut Report) -> anyhow::Result<()> {
    let mut count = 10;
    while count <= most {
        let name = format!("parts-{count}");
        let place = &place.anew(&name)?;
        let key = SessionKey::main("parts", name)?;
        let mut chain = Chain::start(&key);
        seed(place, count, async |store, numbers| {
            for _ in numbers {
                let batch = chain.next(draft(PART));
                store.append(&key, &batch, None).await?;
            }
            Ok(())
        })
        .await?;
        let store: Arc<dyn Store> = place.open().await?;
        let before = load(&store, &key, count).await?;
        let mut detail = format!("{:.1} µs a part", before * 1e6 / count as f64);
        if store.info().capabilities.compaction {
            let compacted = session::compact(store.clone(), &key).await?;
            ensure!(compacted.failures.is_empty(), "{:?}", compacted.failures);
            let after = load(&store, &key, count).await?;
            detail += &format!("; after compaction {:.2} ms, {:.2} of it", after * 1e3, after / before);
        }
        let what = format!("{}: loading {count} parts of 1 KiB, verified", place.name);
        report.row(&what, &format!("{:.2} ms", before * 1e3), "—", &detail);
        count *= 10;
    }
    Ok(())
}

/// Has so many things written, in as many buckets as the server needs to be fast.
async fn seed(
    place: &Place,
    count: u64,
    mut write: impl AsyncFnMut(Arc<dyn Store>, Range<u64>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let Some(seeds) = place.seeds().filter(|seeds| *seeds < count) else {
        return write(place.open().await?, 0..count).await;
    };
    let mut first = 0;
    while first < count {
        let end = count.min(first + seeds);
        let seed = place.seed(first)?;
        let store = seed.open().await?;
        write(store.clone(), first..end).await?;
        store.close().await;
        place.take_in(&seed)?;
        first = end;
    }
    Ok(())
}

/// In seconds.
async fn load(store: &Arc<dyn Store>, key: &SessionKey, count: u64) -> anyhow::Result<f64> {
    let mut times = Vec::new();
    for _ in 0..READS {
        let start = Instant::now();
        let mut reader = Reader::new(store.clone(), key.clone());
        let mut found = 0;
        while reader.next().await?.is_some() {
            found += 1;
        }
        times.push(start.elapsed().as_secs_f64());
        ensure!(found == count, "{found} of {count} parts came back");
    }
    Ok(median(&mut times))
}

/// Listing so many sessions, all with a summary that reaches to their end.
async fn sessions(place: &Place, most: u64, report: &mut Report) -> anyhow::Result<()> {
    seed(place, most, async |store, numbers| {
        stream::iter(numbers)
            .map(|number| session(store.clone(), number))
            .buffer_unordered(SIDE_BY_SIDE)
            .try_collect::<()>()
            .await
    })
    .await?;
    let store: Arc<dyn Store> = place.open().await?;
    let mut times = Vec::new();
    for _ in 0..READS {
        let start = Instant::now();
        let rows = session::list(store.clone(), Some("listed")).await?;
        times.push(start.elapsed().as_secs_f64());
        ensure!(
            rows.len() as u64 == most,
            "{} of {most} sessions are listed",
            rows.len()
        );
        ensure!(rows.iter().all(|row| row.info.is_some()), "a session has no summary");
    }
    let median = median(&mut times);
    report.row(
        &format!("{}: listing {most} sessions with their summaries", place.name),
        &format!("{:.0} ms", median * 1e3),
        "—",
        &format!("{:.0} µs a session", median * 1e6 / most as f64),
    );
    Ok(())
}

async fn session(store: Arc<dyn Store>, number: u64) -> anyhow::Result<()> {
    let key = SessionKey::main("listed", format!("session-{number}"))?;
    let batch = Chain::start(&key).next(draft(PART));
    let mut fold = Fold::new();
    fold.fold(br#"{"type":"user","message":{"content":"How do I list them?"},"timestamp":"2026-05-01T10:00:00Z"}"#);
    let summary = Summary {
        through: batch.number,
        json: fold.to_json(),
    };
    Ok(store.append(&key, &batch, Some(&summary)).await?)
}

fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or(f64::NAN)
}
