//! Starting the command with a component whose compiled code is cached, against starting it without any.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::ensure;

use crate::build::Built;
use crate::pairs::Pairs;
use crate::report::Report;

pub(crate) fn measure(built: &Built, rounds: usize, report: &mut Report) -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let (with, without) = (dir.path().join("with"), dir.path().join("without"));
    std::fs::create_dir_all(without.join("adapters"))?;
    std::fs::create_dir_all(with.join("adapters"))?;
    std::fs::create_dir_all(dir.path().join("data"))?;
    std::fs::copy(&built.fs, with.join("adapters/fs.wasm"))?;
    let manifest = format!(
        "[grants]\ndirs = [{{ host = {:?}, guest = \"/data\" }}]\n",
        dir.path().join("data")
    );
    std::fs::write(with.join("adapters/fs.toml"), manifest)?;
    let start = |config: &Path| timed_start(&built.mirrorbox, config, &dir.path().join("state"));
    let cold = start(&with)?;
    start(&without)?;
    let mut pairs = Pairs::default();
    for _ in 0..rounds {
        pairs.add(start(&with)?, start(&without)?);
    }
    let sides = format!(
        "with {:.1} ms, without {:.1} ms; the first start, which compiles it: {:.0} ms",
        pairs.a().median * 1e3,
        pairs.b().median * 1e3,
        cold.as_secs_f64() * 1e3
    );
    report.pair(
        "start-up: `mirrorbox adapters` with the fs adapter from a warm code cache, against the same host and engine with no adapter",
        "≤ 2",
        &pairs,
        &sides,
    );
    Ok(())
}

fn timed_start(mirrorbox: &Path, config: &Path, state: &Path) -> anyhow::Result<Duration> {
    let mut command = Command::new(mirrorbox);
    command
        .arg("--config")
        .arg(config)
        .arg("--state")
        .arg(state)
        .arg("adapters");
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    let start = Instant::now();
    let output = command.output()?;
    let took = start.elapsed();
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "mirrorbox adapters failed: {said}");
    Ok(took)
}
