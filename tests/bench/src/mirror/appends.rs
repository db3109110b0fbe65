//! Appends that are on disk when they are answered, against writing and syncing the same bytes.
//!
//! Disks have moods: a sync takes ten times as long while another is under way. So the two sides take turns,
//! one append of every stream, then one lone sync, and a round's figures are the medians.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use mirrorbox::host::{Host, Transcript};
use mirrorbox::key::SessionKey;

use super::{forget_peak, memory, risen};
use crate::pairs::Pairs;
use crate::report::Report;

const STREAMS: [usize; 4] = [1, 10, 100, 1_000];
/// Of each side, in a round.
const TURNS: usize = 40;
const ENTRY: usize = 1_000;
const PATIENCE: Duration = Duration::from_secs(60);

/// What one round showed.
#[derive(Debug, Default)]
struct Round {
    /// One append of every stream at once.
    waves: Vec<Duration>,
    /// Of each append, how long its answer took.
    answers: Vec<Duration>,
    /// One lone write and sync.
    lone: Vec<Duration>,
}

pub(crate) async fn measure(rounds: usize, report: &mut Report) -> anyhow::Result<()> {
    for streams in STREAMS {
        let (mut pairs, mut answers) = (Pairs::default(), Vec::new());
        forget_peak();
        let before = memory("VmRSS:");
        for _ in 0..rounds {
            let dir = tempfile::tempdir()?;
            let mut round = round(dir.path(), streams).await?;
            let wave = at(&mut round.waves, 50).div_f64(streams as f64);
            pairs.add(wave, at(&mut round.lone, 50));
            answers.append(&mut round.answers);
        }
        let sides = format!(
            "{:.0} appends/s, answered in {:.2} ms (99 of 100 within {:.2} ms); lone syncs {:.0}/s; {}",
            1.0 / pairs.a().median,
            at(&mut answers, 50).as_secs_f64() * 1e3,
            at(&mut answers, 99).as_secs_f64() * 1e3,
            1.0 / pairs.b().median,
            risen(before)
        );
        let plural = if streams == 1 { "stream" } else { "streams at once" };
        let what = format!("durable append of 1 kB, {streams} {plural}: time of each for one lone write and sync");
        report.pair(&what, if streams == 1 { "≤ 1.2" } else { "falling" }, &pairs, &sides);
    }
    Ok(())
}

fn at(times: &mut [Duration], part: usize) -> Duration {
    times.sort();
    times.get(times.len() * part / 100).copied().unwrap_or_default()
}

fn entry() -> Vec<u8> {
    let mut entry = br#"{"type":"user","text":""#.to_vec();
    entry.resize(ENTRY - 2, b'x');
    entry.extend(b"\"}");
    entry
}

async fn round(dir: &Path, streams: usize) -> anyhow::Result<Round> {
    let host = Host::builder(&dir.join("state")).build().await?;
    let keys = (0..streams).map(|number| SessionKey::main("project", format!("session-{number}")));
    let keys = keys.collect::<Result<Vec<_>, _>>()?;
    let transcripts: Vec<_> = keys.into_iter().map(|key| host.transcript(key)).collect();
    let mut line = entry();
    line.push(b'\n');
    let mut raw = File::create(dir.join("raw"))?;
    raw.write_all(&line)?;
    raw.sync_all()?;
    // Their files are made.
    wave(&transcripts).await?;
    let mut round = Round::default();
    for _ in 0..TURNS {
        let start = Instant::now();
        round.answers.append(&mut wave(&transcripts).await?);
        round.waves.push(start.elapsed());
        let start = Instant::now();
        raw.write_all(&line)?;
        raw.sync_data()?;
        round.lone.push(start.elapsed());
    }
    // Nothing is left where there is no destination.
    let _ = host.close(PATIENCE).await?;
    Ok(round)
}

/// One append of every stream at once; how long each took.
async fn wave(transcripts: &[Transcript]) -> anyhow::Result<Vec<Duration>> {
    let appends = transcripts.iter().map(async |transcript| {
        let start = Instant::now();
        transcript.append(&[entry()]).await?;
        anyhow::Ok(start.elapsed())
    });
    try_join_all(appends).await
}
