use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};
use serde_json::Value;
use tempfile::TempDir;

use crate::backends::sdk;

/// A Python that has the agent's SDK, the servers' clients and the package; and the programs that time them.
#[derive(Debug)]
pub(super) struct Installed {
    python: PathBuf,
    /// Where the wheel was unpacked.
    site: PathBuf,
    programs: TempDir,
}

const PROGRAMS: [(&str, &str); 5] = [
    ("sdk_stores.py", sdk::PROGRAM),
    ("appends.py", include_str!("appends.py")),
    ("mirrored.py", include_str!("mirrored.py")),
    ("resumed.py", include_str!("resumed.py")),
    ("asked.py", include_str!("asked.py")),
];

impl Installed {
    /// What `cargo xtask bench --packages` has made.
    pub(super) fn find(target: &Path) -> anyhow::Result<Self> {
        let (python, site) = (target.join("oracle/bin/python"), target.join("bench-site"));
        let programs = tempfile::tempdir()?;
        for (name, text) in PROGRAMS {
            fs::write(programs.path().join(name), text)?;
        }
        let installed = Self { python, site, programs };
        let mut command = installed.command(&[]);
        let output = command.args(["-c", "import claude_agent_sdk, redis, asyncpg, boto3, mirrorbox"]);
        let output = output.output().context("run `cargo xtask bench --packages`")?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "run `cargo xtask bench --packages`: {said}");
        Ok(installed)
    }

    /// What a program printed, as JSON.
    pub(super) fn run(
        &self,
        program: &str,
        arguments: &[&OsStr],
        environment: &[(&'static str, String)],
    ) -> anyhow::Result<Value> {
        let mut command = self.command(environment);
        command.arg(self.programs.path().join(program)).args(arguments);
        let output = command.output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{program} failed: {said}");
        serde_json::from_slice(&output.stdout).with_context(|| format!("{program} printed no JSON"))
    }

    fn command(&self, environment: &[(&'static str, String)]) -> Command {
        let mut command = Command::new(&self.python);
        let paths = [self.site.as_path(), self.programs.path()].map(|path| path.as_os_str());
        command
            .env("PYTHONPATH", paths.join(OsStr::new(":")))
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env_remove("MIRRORBOX_CONFIG")
            .envs(environment.iter().map(|(name, value)| (name, value)));
        command
    }
}

/// The median seconds of each round of one side, as a program printed them.
pub(super) fn rounds(said: &Value, side: &str) -> anyhow::Result<Vec<std::time::Duration>> {
    let times = said.get(side).and_then(Value::as_array).context("no such side")?;
    let seconds = times.iter().map(|time| time.as_f64().context("no figure"));
    seconds
        .map(|time| Ok(std::time::Duration::from_secs_f64(time?)))
        .collect()
}
