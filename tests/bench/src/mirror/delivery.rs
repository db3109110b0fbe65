//! From an append to the destination: entries synced to local disk and delivered, against the SDK's batcher, which
//! syncs nothing; and what waited, delivered after an outage.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::ensure;
use futures_util::future::try_join_all;
use futures_util::{StreamExt, TryStreamExt, stream};
use mirrorbox::host::Host;
use mirrorbox::key::SessionKey;
use mirrorbox::mirror::DestinationOptions;
use mirrorbox::store::{MemoryStore, Store};

use super::frames::{self, Session};
use super::sdk::{MirrorSdk, Took};
use super::{forget_peak, memory, risen};
use crate::build::Built;
use crate::pairs::Pairs;
use crate::report::Report;
use crate::sandbox::fs_component;

const PATIENCE: Duration = Duration::from_secs(600);
const PROJECT: &str = "project";

/// So many frames of a session are under way at once: an agent awaits none, and the host takes 2 MiB of each stream.
const UNDER_WAY: usize = 1_024;

/// What the disk takes is measured with a sync of so much.
const SYNCED: usize = 1 << 20;

pub(crate) async fn measure(
    built: &Built,
    target: &Path,
    bytes: u64,
    rounds: usize,
    report: &mut Report,
) -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let sessions = frames::make(&dir.path().join("projects"), bytes)?;
    let file = dir.path().join("frames");
    frames::write(&sessions, &file)?;
    let sdk = MirrorSdk::find(target);
    if sdk.is_none() {
        eprintln!("The agent SDK is not installed, so nothing is compared with it: `cargo xtask test` installs it.");
    }
    for place in ["the store in memory", "the fs adapter"] {
        let (mut live, mut late, mut peak) = (Pairs::default(), Pairs::default(), 0);
        let mut raw = Pairs::default();
        forget_peak();
        let before = memory("VmRSS:");
        for _ in 0..rounds {
            let took = sdk.as_ref().map(|sdk| sdk.run(&file)).transpose()?;
            let round = tempfile::tempdir()?;
            let delivered = delivered(
                round.path(),
                PROJECT,
                store(built, place, &round.path().join("live")).await?,
                DestinationOptions::default(),
                &sessions,
            )
            .await?;
            raw.add(written(&round.path().join("raw"), &sessions)?, delivered);
            let Took { time, peak: most } = took.unwrap_or(Took {
                time: delivered,
                peak: 0,
            });
            peak = peak.max(most);
            live.add(time, delivered);
            let store = store(built, place, &round.path().join("late")).await?;
            late.add(delivered, caught_up(round.path(), store, &sessions).await?);
        }
        let rate = |seconds: f64| frames::count(&sessions) as f64 / seconds;
        let memory = risen(before);
        if sdk.is_some() {
            let sides = format!(
                "{:.0} entries/s, synced and delivered; the SDK {:.0} entries/s with a peak of {} MiB; {memory}",
                rate(live.b().median),
                rate(live.a().median),
                peak >> 20
            );
            let what = format!(
                "mirrored into {place}: the time of the SDK's batcher on a store that does nothing, for one of ours"
            );
            report.pair(&what, "≥ 3", &live, &sides);
        }
        let sides = format!(
            "the disk alone {:.0} entries/s, {:.0} MB/s",
            rate(raw.a().median),
            bytes_of(&sessions) as f64 / raw.a().median / 1e6
        );
        let what = format!("mirrored into {place}: the time of writing and syncing the same bytes, for one of ours");
        report.pair(&what, "≥ 0.8", &raw, &sides);
        let sides = format!(
            "{:.0} entries/s from the spool of a process that is gone, {:.0} entries/s live; {memory}",
            rate(late.b().median),
            rate(late.a().median)
        );
        report.pair(
            &format!("catching up into {place}: the time live for one after an outage"),
            "> 1",
            &late,
            &sides,
        );
    }
    Ok(())
}

fn bytes_of(sessions: &[Session]) -> usize {
    let frames = sessions.iter().flat_map(|session| &session.frames);
    frames.flatten().map(|entry| entry.len() + 1).sum()
}

/// What the disk takes: every session's file on a thread of its own, synced megabyte by megabyte.
fn written(dir: &Path, sessions: &[Session]) -> anyhow::Result<Duration> {
    fs::create_dir_all(dir)?;
    let start = Instant::now();
    thread::scope(|scope| {
        let writing: Vec<_> = sessions
            .iter()
            .map(|session| scope.spawn(|| written_one(&dir.join(&session.id), session)))
            .collect();
        for thread in writing {
            thread.join().map_err(|_panic| anyhow::anyhow!("a thread panicked"))??;
        }
        anyhow::Ok(start.elapsed())
    })
}

fn written_one(path: &Path, session: &Session) -> anyhow::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    let mut unsynced = 0;
    for entry in session.frames.iter().flatten() {
        file.write_all(entry)?;
        file.write_all(b"\n")?;
        unsynced += entry.len() + 1;
        if unsynced >= SYNCED {
            file.flush()?;
            file.get_ref().sync_data()?;
            unsynced = 0;
        }
    }
    file.flush()?;
    Ok(file.get_ref().sync_data()?)
}

async fn store(built: &Built, place: &str, dir: &Path) -> anyhow::Result<Arc<dyn Store>> {
    if place == "the store in memory" {
        return Ok(Arc::new(MemoryStore::new()));
    }
    fs::create_dir_all(dir)?;
    fs_component(built, dir).await
}

/// Appends everything, sessions side by side, and waits until it is delivered.
pub(crate) async fn delivered(
    dir: &Path,
    project: &str,
    store: Arc<dyn Store>,
    options: DestinationOptions,
    sessions: &[Session],
) -> anyhow::Result<Duration> {
    let host = Host::builder(&dir.join("state-live"))
        .store_with("store", store, options)
        .build()
        .await?;
    let start = Instant::now();
    append_all(&host, project, sessions).await?;
    let left = host.flush(PATIENCE).await?;
    let took = start.elapsed();
    ensure!(left.is_empty(), "{left}");
    let left = host.close(PATIENCE).await?;
    ensure!(left.is_empty(), "{left}");
    Ok(took)
}

/// Appends everything where no destination is, and measures the next process, which delivers it.
async fn caught_up(dir: &Path, store: Arc<dyn Store>, sessions: &[Session]) -> anyhow::Result<Duration> {
    let state = dir.join("state-late");
    let host = Host::builder(&state).build().await?;
    append_all(&host, PROJECT, sessions).await?;
    // Nothing is left where there is no destination.
    let _ = host.close(PATIENCE).await?;
    let start = Instant::now();
    let host = Host::builder(&state).store("store", store).build().await?;
    let left = host.flush(PATIENCE).await?;
    let took = start.elapsed();
    ensure!(left.is_empty(), "{left}");
    let left = host.close(PATIENCE).await?;
    ensure!(left.is_empty(), "{left}");
    Ok(took)
}

async fn append_all(host: &Host, project: &str, sessions: &[Session]) -> anyhow::Result<()> {
    let appending = sessions.iter().map(async |session| {
        let transcript = host.transcript(SessionKey::main(project, session.id.as_str())?);
        stream::iter(&session.frames)
            .map(|frame| transcript.append(frame))
            .buffered(UNDER_WAY)
            .try_collect::<()>()
            .await?;
        anyhow::Ok(())
    });
    try_join_all(appending).await.map(drop)
}
