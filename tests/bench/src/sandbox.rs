//! What the sandbox costs: the fs adapter as a component against the same code called natively, and one empty call.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mirrorbox::adapter::{Adapter, Runtime};
use mirrorbox::config::Manifest;
use mirrorbox::key::SessionKey;
use mirrorbox::store::{Batch, BatchDraft, Chain, Kind, Origin, Store};
use mirrorbox_adapter::Adapter as _;
use mirrorbox_adapter_fs::Fs;

use crate::build::Built;
use crate::pairs::Pairs;
use crate::report::Report;

/// How many calls a round has.
const CALLS: u64 = 40;
const PAYLOAD: usize = 64 << 10;

/// The fs adapter as a component that may touch `dir`.
pub(crate) async fn fs_component(built: &Built, dir: &Path) -> anyhow::Result<Arc<dyn Store>> {
    let manifest = format!("[grants]\ndirs = [{{ host = {dir:?}, guest = \"/data\" }}]");
    let manifest = Manifest::parse(Path::new("fs.toml"), &manifest)?;
    component("fs", &built.fs, &manifest).await
}

async fn component(name: &str, path: &Path, manifest: &Manifest) -> anyhow::Result<Arc<dyn Store>> {
    let runtime = Runtime::shared(None)?;
    Ok(Arc::new(Adapter::load(&runtime, name, path, manifest).await?))
}

pub(crate) async fn measure(built: &Built, rounds: usize, report: &mut Report) -> anyhow::Result<()> {
    tax(built, rounds, report).await?;
    empty_call(built, report).await
}

async fn tax(built: &Built, rounds: usize, report: &mut Report) -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let (in_sandbox, natively) = (dir.path().join("component"), dir.path().join("native"));
    std::fs::create_dir_all(&in_sandbox)?;
    std::fs::create_dir_all(&natively)?;
    let store = fs_component(built, &in_sandbox).await?;
    let mut native = Fs::at(&natively).map_err(|error| anyhow::anyhow!("{error}"))?;
    let key = SessionKey::main("project", "session")?;
    let mut chain = Chain::start(&key);
    let (mut appends, mut loads) = (Pairs::default(), Pairs::default());
    for _ in 0..rounds {
        let first = chain.number();
        let batches: Vec<_> = (0..CALLS).map(|_| chain.next(draft())).collect();
        let component = timed_appends(&*store, &key, &batches).await?;
        appends.add(component, timed_native_appends(&mut native, &key, &batches)?);
        let component = timed_loads(&*store, &key, first).await?;
        loads.add(component, timed_native_loads(&mut native, &key, first)?);
    }
    for (what, pairs, aim) in [("append", &appends, "< 1.3"), ("load", &loads, "—")] {
        let micros = |seconds: f64| seconds / CALLS as f64 * 1e6;
        let sides = format!(
            "component {:.0} µs, native {:.0} µs: the sandbox costs {:.0} µs a call",
            micros(pairs.a().median),
            micros(pairs.b().median),
            micros(pairs.difference().median)
        );
        let what = format!("sandbox: {what} of a 64 KiB batch, fs adapter as a component against native");
        report.pair(&what, aim, pairs, &sides);
    }
    Ok(())
}

fn draft() -> BatchDraft {
    let mut line = vec![b'x'; PAYLOAD];
    if let Some(last) = line.last_mut() {
        *last = b'\n';
    }
    BatchDraft {
        kind: Kind::Entries,
        origin: Origin {
            writer: "bench".into(),
            line: 1,
        },
        payload: line.into(),
    }
}

async fn timed_appends(store: &dyn Store, key: &SessionKey, batches: &[Batch]) -> anyhow::Result<Duration> {
    let start = Instant::now();
    for batch in batches {
        store.append(key, batch, None).await?;
    }
    Ok(start.elapsed())
}

fn timed_native_appends(fs: &mut Fs, key: &SessionKey, batches: &[Batch]) -> anyhow::Result<Duration> {
    let key = native_key(key);
    let batches: Vec<_> = batches.iter().map(native_batch).collect();
    let start = Instant::now();
    for batch in batches {
        fs.append(&key, batch, None)
            .map_err(|error| anyhow::anyhow!("{error}"))?;
    }
    Ok(start.elapsed())
}

async fn timed_loads(store: &dyn Store, key: &SessionKey, first: u64) -> anyhow::Result<Duration> {
    let start = Instant::now();
    for after in first..first + CALLS {
        store.load(key, after, 1).await?;
    }
    Ok(start.elapsed())
}

fn timed_native_loads(fs: &mut Fs, key: &SessionKey, first: u64) -> anyhow::Result<Duration> {
    let key = native_key(key);
    let start = Instant::now();
    for after in first..first + CALLS {
        fs.load(&key, after, 1).map_err(|error| anyhow::anyhow!("{error}"))?;
    }
    Ok(start.elapsed())
}

fn native_key(key: &SessionKey) -> mirrorbox_adapter::SessionKey {
    mirrorbox_adapter::SessionKey::main(key.project_key(), key.session_id())
}

fn native_batch(batch: &Batch) -> mirrorbox_adapter::Batch {
    mirrorbox_adapter::Batch {
        number: batch.number,
        kind: mirrorbox_adapter::Kind::Entries,
        writer: batch.origin.writer.clone(),
        line: batch.origin.line,
        digest: batch.digest.to_string(),
        payload: batch.payload.to_vec(),
    }
}

/// A call whose guest does nothing: to the instance's thread, into the sandbox and back.
async fn empty_call(built: &Built, report: &mut Report) -> anyhow::Result<()> {
    const EMPTY_CALLS: u32 = 2_000;
    let store = component("faulty", &built.faulty, &Manifest::default()).await?;
    let key = SessionKey::main("project", "remember")?;
    let mut times = Vec::new();
    for _ in 0..EMPTY_CALLS {
        let start = Instant::now();
        store.end(&key).await?;
        times.push(start.elapsed());
    }
    times.sort();
    let at = |part: usize| {
        times
            .get(times.len() * part / 100)
            .map_or(f64::NAN, |time| time.as_secs_f64() * 1e6)
    };
    report.row(
        "one call into a component that does nothing",
        &format!("**{:.1} µs**", at(50)),
        "—",
        &format!("99 of 100 within {:.0} µs", at(99)),
    );
    Ok(())
}
