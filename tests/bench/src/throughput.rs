//! Import and restore, against copying the same files and syncing each.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::ensure;
use mirrorbox::session::{self, Import};
use mirrorbox::store::Store;
use mirrorbox_transcripts::Projects;

use crate::build::Built;
use crate::pairs::Pairs;
use crate::report::Report;
use crate::sandbox::fs_component;

pub(crate) async fn measure(built: &Built, bytes: u64, rounds: usize, report: &mut Report) -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let projects = dir.path().join("projects");
    let sessions = 24;
    let made = Projects {
        seed: 7,
        sessions,
        bytes,
    };
    made.write(&projects)?;
    let (mut import, mut restore) = (Pairs::default(), Pairs::default());
    for round in 0..rounds {
        let round = dir.path().join(round.to_string());
        fs::create_dir_all(round.join("data"))?;
        let store = fs_component(built, &round.join("data")).await?;
        let imported = timed_import(store.clone(), &projects).await?;
        import.add(imported, timed_copy(&projects, &round.join("copy-1"))?);
        let restored = timed_restore(store, &round.join("restored")).await?;
        restore.add(restored, timed_copy(&projects, &round.join("copy-2"))?);
        fs::remove_dir_all(&round)?;
    }
    for (what, pairs) in [("import", &import), ("restore", &restore)] {
        let rate = |seconds: f64| bytes as f64 / seconds / 1e6;
        let sides = format!(
            "{what} {:.0} MB/s, copy {:.0} MB/s",
            rate(pairs.a().median),
            rate(pairs.b().median)
        );
        let what = format!("{what}: time for one of copying the same files with fsync");
        report.pair(&what, "—", pairs, &sides);
    }
    Ok(())
}

async fn timed_import(store: Arc<dyn Store>, projects: &Path) -> anyhow::Result<Duration> {
    let start = Instant::now();
    let report = session::import(store, projects, &Import::default(), session::silent()).await?;
    let took = start.elapsed();
    ensure!(report.totals.failures == 0, "the import failed: {report:?}");
    Ok(took)
}

async fn timed_restore(store: Arc<dyn Store>, into: &Path) -> anyhow::Result<Duration> {
    let start = Instant::now();
    let report = session::restore(store, None, into, session::RestoreOptions::default(), session::silent()).await?;
    let took = start.elapsed();
    ensure!(report.totals.failures == 0, "the restore failed: {report:?}");
    Ok(took)
}

fn timed_copy(from: &Path, to: &Path) -> io::Result<Duration> {
    let start = Instant::now();
    copy(from, to)?;
    Ok(start.elapsed())
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let (from, to) = (entry?.path(), to.to_owned());
        let Some(name) = from.file_name() else { continue };
        let to = to.join(name);
        if from.is_dir() {
            copy(&from, &to)?;
        } else {
            fs::copy(&from, &to)?;
            File::open(&to)?.sync_all()?;
        }
    }
    File::open(to)?.sync_all()
}
