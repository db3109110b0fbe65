//! A long session read back into a local file.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::ensure;
use mirrorbox::key::SessionKey;
use mirrorbox::mirror::DestinationOptions;
use mirrorbox::session::{self, silent};
use mirrorbox::store::Store;

use super::sdk::Sdk;
use super::{Amount, Place};
use crate::mirror::{delivered, forget_peak, frames, memory};
use crate::pairs::Pairs;
use crate::report::Report;

const ROUNDS: usize = 5;
/// What an entry of a long session has.
const ENTRY: u64 = 2_300;
const PROJECT: &str = "resumed";

pub(super) async fn measure(place: &Place, sdk: &Sdk, amount: &Amount, report: &mut Report) -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let entries = amount.resumed / ENTRY;
    let frames = dir.path().join("frames");
    let (first, key) = {
        let session = frames::long("long", entries, ENTRY as usize);
        let sessions = [session];
        frames::write(&sessions, &frames)?;
        let store: Arc<dyn Store> = place.open().await?;
        delivered(dir.path(), PROJECT, store, DestinationOptions::default(), &sessions).await?;
        let written = sdk.write(place, "batched", &frames)?;
        ensure!(written.lost == 0, "the SDK lost {} entries", written.lost);
        (written.first, SessionKey::main(PROJECT, "long")?)
    };
    let (mut pairs, mut ours_risen, mut theirs_risen) = (Pairs::default(), 0, 0);
    for _ in 0..amount.rounds.min(ROUNDS) {
        let theirs = sdk.resume(place, &first)?;
        theirs_risen = theirs_risen.max(theirs.risen);
        let (ours, risen) = ours(place, &key).await?;
        ours_risen = ours_risen.max(risen);
        pairs.add(theirs.took, ours);
    }
    let sides = format!(
        "{:.2} s and {} MiB, verified and on disk; the SDK {:.2} s and {} MiB",
        pairs.b().median,
        ours_risen >> 20,
        pairs.a().median,
        theirs_risen >> 20
    );
    let what = format!(
        "{}: resuming a session of {entries} entries and {} MB, time of the SDK for one of ours",
        place.name,
        amount.resumed / 1_000_000
    );
    report.pair(&what, "≥ 8, < 64 MiB", &pairs, &sides);
    Ok(())
}

/// How long it took, and how far memory rose for it, a fresh instance of the component included.
async fn ours(place: &Place, key: &SessionKey) -> anyhow::Result<(Duration, u64)> {
    let into = tempfile::tempdir()?;
    forget_peak();
    let before = memory("VmRSS:");
    let start = Instant::now();
    let adapter = place.open().await?;
    let restored = session::restore(
        adapter.clone(),
        Some(vec![key.clone()]),
        &into.path().join("home"),
        session::RestoreOptions::default(),
        silent(),
    )
    .await?;
    let took = start.elapsed();
    let risen = memory("VmHWM:").unwrap_or(0).saturating_sub(before.unwrap_or(0));
    ensure!(restored.totals.failures == 0, "it was not restored whole");
    adapter.close().await;
    Ok((took, risen))
}
