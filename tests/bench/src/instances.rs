//! Instances: how soon there is one, what it takes, how many calls they serve, and what it costs to be able to stop
//! one.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use mirrorbox::adapter::{Adapter, Compiled, Runtime};
use mirrorbox::config::Manifest;
use mirrorbox::key::SessionKey;
use mirrorbox::store::Store;

use crate::build::Built;
use crate::pairs::{Pairs, Spread};
use crate::report::Report;

mod epochs;

/// How many calls are made at once, each on an instance of its own as far as there are so many.
const COUNTS: [u16; 5] = [1, 4, 8, 16, 64];
/// How long calls are counted.
const COUNTED: Duration = Duration::from_secs(2);

pub(crate) async fn measure(built: &Built, rounds: usize, report: &mut Report) -> anyhow::Result<()> {
    swap(built, rounds, report).await?;
    start(built, rounds, report).await?;
    calls(built, report).await?;
    memory(built, report).await?;
    epochs::measure(rounds, report)
}

/// From a component's file to an adapter that serves calls, where its code is cached; and the end of the one before.
async fn swap(built: &Built, rounds: usize, report: &mut Report) -> anyhow::Result<()> {
    let (data, cache) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let runtime = Runtime::shared(Some(cache.path()))?;
    let manifest = format!("[grants]\ndirs = [{{ host = {:?}, guest = \"/data\" }}]", data.path());
    let manifest = Manifest::parse(Path::new("fs.toml"), &manifest)?;
    let key = SessionKey::main("project", "session")?;
    let start = Instant::now();
    let mut old = Adapter::load(&runtime, "fs", &built.fs, &manifest).await?;
    let cold = start.elapsed();
    let (mut loaded, mut served, mut closed) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        let start = Instant::now();
        let compiled = Compiled::load(&runtime, &built.fs, None).await?;
        loaded.push(start.elapsed());
        let new = Adapter::open(&runtime, "fs", &compiled, &manifest).await?;
        new.end(&key).await?;
        served.push(start.elapsed());
        let end = Instant::now();
        old.close().await;
        closed.push(end.elapsed());
        old = new;
    }
    old.close().await;
    report.row(
        "instances: the fs adapter swapped for another, from its file to the first answer, code cached",
        &format!("**{:.1} ms**", millis(&served)),
        "—",
        &format!(
            "of which reading, hashing and mapping {:.1} ms; then the old one ends within {:.1} ms; compiled anew: {:.0} ms",
            millis(&loaded),
            millis(&closed),
            cold.as_secs_f64() * 1e3
        ),
    );
    Ok(())
}

/// A first instance of a component that is compiled: its thread, its store, its own `open`.
async fn start(built: &Built, rounds: usize, report: &mut Report) -> anyhow::Result<()> {
    let runtime = Runtime::shared(None)?;
    let compiled = Compiled::load(&runtime, &built.faulty, None).await?;
    let mut opened = Vec::new();
    for _ in 0..rounds * 10 {
        let start = Instant::now();
        let adapter = Adapter::open(&runtime, "faulty", &compiled, &Manifest::default()).await?;
        opened.push(start.elapsed());
        adapter.close().await;
    }
    report.row(
        "instances: a first one of a compiled component, opened",
        &format!("**{:.2} ms**", millis(&opened)),
        "—",
        "linking, a thread, an instance, and the guest's `open`, which does nothing",
    );
    Ok(())
}

/// Calls that do nothing, so many at once: what the host does for each.
async fn calls(built: &Built, report: &mut Report) -> anyhow::Result<()> {
    let mut rates = Vec::new();
    for count in COUNTS {
        let adapter = faulty(built, count).await?;
        let until = Instant::now() + COUNTED;
        let counted = (0..count).map(|_| tokio::spawn(count_calls(adapter.clone(), until)));
        let made: u64 = try_join_all(counted).await?.into_iter().sum::<anyhow::Result<u64>>()?;
        rates.push((count, made as f64 / COUNTED.as_secs_f64()));
        adapter.close().await;
    }
    let one = rates.first().map_or(f64::NAN, |(_, rate)| *rate);
    let most = rates.iter().map(|(_, rate)| *rate).fold(f64::NAN, f64::max);
    let each = rates.iter().map(|(count, rate)| format!("{count}: {rate:.0}/s"));
    report.row(
        "instances: calls that do nothing, of the most instances' against one's",
        &format!("**{:.2}**", most / one),
        "—",
        &each.collect::<Vec<_>>().join(", "),
    );
    Ok(())
}

async fn faulty(built: &Built, instances: u16) -> anyhow::Result<Arc<Adapter>> {
    let runtime = Runtime::shared(None)?;
    let manifest = Manifest::parse(Path::new("faulty.toml"), &format!("instances = {instances}"))?;
    Ok(Arc::new(
        Adapter::load(&runtime, "faulty", &built.faulty, &manifest).await?,
    ))
}

async fn count_calls(adapter: Arc<Adapter>, until: Instant) -> anyhow::Result<u64> {
    let key = SessionKey::main("project", "remember")?;
    let mut calls = 0;
    while Instant::now() < until {
        adapter.end(&key).await?;
        calls += 1;
    }
    Ok(calls)
}

/// What the process holds more with 64 instances that have all served calls than with none.
async fn memory(built: &Built, report: &mut Report) -> anyhow::Result<()> {
    let before = resident()?;
    let adapter = faulty(built, 64).await?;
    let until = Instant::now() + COUNTED;
    let calling = (0..256).map(|_| tokio::spawn(count_calls(adapter.clone(), until)));
    try_join_all(calling).await?;
    let (held, instances) = (resident()?.saturating_sub(before), instances()?);
    adapter.close().await;
    report.row(
        "instances: memory of each",
        &format!("**{} KiB**", held / 1024 / instances.max(1)),
        "—",
        &format!(
            "{instances} instances, each with its thread: {} KiB in all",
            held / 1024
        ),
    );
    Ok(())
}

/// The memory of this process, in bytes.
fn resident() -> anyhow::Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().split(' ').next()?.parse::<u64>().ok());
    kib.map(|kib| kib * 1024)
        .ok_or_else(|| anyhow::anyhow!("/proc/self/status says nothing of memory"))
}

/// The threads that belong to instances.
fn instances() -> anyhow::Result<u64> {
    let mut count = 0;
    for thread in fs::read_dir("/proc/self/task")? {
        let name = fs::read_to_string(thread?.path().join("comm"))?;
        count += u64::from(name.starts_with("adapter-faulty"));
    }
    Ok(count)
}

fn millis(times: &[Duration]) -> f64 {
    let mut pairs = Pairs::default();
    times.iter().for_each(|time| pairs.add(*time, Duration::from_secs(1)));
    let Spread { median, .. } = pairs.a();
    median * 1e3
}
