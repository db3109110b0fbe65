//! Appends that are on disk when they are answered, against writing and syncing the same bytes.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use mirrorbox::host::Host;
use mirrorbox::key::SessionKey;
use tokio::task::JoinSet;

use super::{forget_peak, memory, risen};
use crate::pairs::Pairs;
use crate::report::Report;

const STREAMS: [usize; 4] = [1, 10, 100, 1_000];
/// In all, in a round, at least.
const APPENDS: usize = 400;
const ENTRY: usize = 1_000;
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) async fn measure(rounds: usize, report: &mut Report) -> anyhow::Result<()> {
    for streams in STREAMS {
        let each = (APPENDS / streams).max(4);
        let (mut pairs, mut answers) = (Pairs::default(), Vec::new());
        forget_peak();
        let before = memory("VmRSS:");
        for _ in 0..rounds {
            let dir = tempfile::tempdir()?;
            let took = appended(dir.path(), streams, each, &mut answers).await?;
            pairs.add(took, synced(&dir.path().join("raw"), streams * each)?);
        }
        answers.sort();
        let at = |part: usize| {
            let answer = answers.get(answers.len() * part / 100);
            answer.map_or(f64::NAN, |time| time.as_secs_f64() * 1e3)
        };
        let rate = |seconds: f64| (streams * each) as f64 / seconds;
        let sides = format!(
            "{:.0} appends/s, answered in {:.2} ms (99 of 100 within {:.2} ms); lone syncs {:.0}/s; {}",
            rate(pairs.a().median),
            at(50),
            at(99),
            rate(pairs.b().median),
            risen(before)
        );
        let plural = if streams == 1 { "stream" } else { "streams at once" };
        let what = format!("durable append of 1 kB, {streams} {plural}: time for one of as many lone writes and syncs");
        report.pair(&what, if streams == 1 { "≤ 1.2" } else { "falling" }, &pairs, &sides);
    }
    Ok(())
}

fn entry() -> Vec<u8> {
    let mut entry = br#"{"type":"user","text":""#.to_vec();
    entry.resize(ENTRY - 2, b'x');
    entry.extend(b"\"}");
    entry
}

/// Streams side by side, each append after the answer to the one before.
async fn appended(dir: &Path, streams: usize, each: usize, answers: &mut Vec<Duration>) -> anyhow::Result<Duration> {
    let host = Host::builder(dir).build().await?;
    let mut transcripts = Vec::new();
    for number in 0..streams {
        let transcript = host.transcript(SessionKey::main("project", format!("session-{number}"))?);
        // Its files are made.
        transcript.append(&[entry()]).await?;
        transcripts.push(transcript);
    }
    let start = Instant::now();
    let mut tasks = JoinSet::new();
    for transcript in transcripts {
        tasks.spawn(async move {
            let mut answers = Vec::with_capacity(each);
            for _ in 0..each {
                let start = Instant::now();
                transcript.append(&[entry()]).await?;
                answers.push(start.elapsed());
            }
            anyhow::Ok(answers)
        });
    }
    while let Some(answered) = tasks.join_next().await {
        answers.append(&mut answered??);
    }
    let took = start.elapsed();
    // Nothing is left where there is no destination.
    let _ = host.close(PATIENCE).await?;
    Ok(took)
}

fn synced(path: &Path, times: usize) -> anyhow::Result<Duration> {
    let mut file = File::create(path)?;
    let mut line = entry();
    line.push(b'\n');
    file.write_all(&line)?;
    file.sync_all()?;
    let start = Instant::now();
    for _ in 0..times {
        file.write_all(&line)?;
        file.sync_data()?;
    }
    Ok(start.elapsed())
}
