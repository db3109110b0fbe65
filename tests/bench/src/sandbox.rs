//! What the sandbox costs: the fs adapter as a component against the same code called natively, and one empty call.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use mirrorbox::adapter::{Adapter, Runtime};
use mirrorbox::config::Manifest;
use mirrorbox::key::SessionKey;
use mirrorbox::store::{BatchDraft, Chain, Kind, Origin, Store};
use mirrorbox_adapter_fs::Fs;

use crate::build::Built;
use crate::native::{self, Native};
use crate::pairs::{Pairs, Turns};
use crate::report::Report;

/// How many calls of each side a round has; its figure is their median.
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

/// On disk, where syncing costs most, and in memory, where it costs nothing and the sandbox shows.
async fn tax(built: &Built, rounds: usize, report: &mut Report) -> anyhow::Result<()> {
    let disk = tempfile::tempdir()?;
    tax_in(built, disk.path(), "on disk", rounds, report).await?;
    let memory = Path::new("/dev/shm");
    if memory.is_dir() {
        let memory = tempfile::tempdir_in(memory)?;
        tax_in(built, memory.path(), "in memory", rounds, report).await?;
    }
    Ok(())
}

async fn tax_in(built: &Built, dir: &Path, place: &str, rounds: usize, report: &mut Report) -> anyhow::Result<()> {
    let (in_sandbox, natively) = (dir.join("component"), dir.join("native"));
    std::fs::create_dir_all(&in_sandbox)?;
    std::fs::create_dir_all(&natively)?;
    let component = fs_component(built, &in_sandbox).await?;
    let mut native = Native::of(Fs::at(&natively).map_err(native::failed)?);
    let key = SessionKey::main("project", "session")?;
    let mut chain = Chain::start(&key);
    let (mut appends, mut loads) = (Pairs::default(), Pairs::default());
    for _ in 0..rounds {
        let (mut append, mut load) = (Turns::default(), Turns::default());
        for _ in 0..CALLS {
            let after = chain.number();
            let batch = chain.next(draft(PAYLOAD));
            append.a(component.append(&key, &batch, None)).await?;
            append.b(|| native.append(&key, &batch))?;
            load.a(component.load(&key, after, 1)).await?;
            load.b(|| native.load(&key, after))?;
        }
        appends.add_medians(append);
        loads.add_medians(load);
    }
    for (what, pairs, aim) in [("append", &appends, "< 1.3"), ("load", &loads, "—")] {
        let sides = format!(
            "component {:.0} µs, native {:.0} µs: the sandbox costs {:.0} µs a call",
            pairs.a().median * 1e6,
            pairs.b().median * 1e6,
            pairs.difference().median * 1e6
        );
        let what = format!("sandbox: {what} of a 64 KiB batch {place}, fs adapter as a component against native");
        report.pair(&what, aim, pairs, &sides);
    }
    Ok(())
}

/// A line of so many bytes.
pub(crate) fn draft(bytes: usize) -> BatchDraft {
    let mut line = vec![b'x'; bytes];
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
