//! The agent's own Python SDK with stores on the same servers, as far as it and their clients are installed.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::Value;

use super::place::Place;

/// The stores, and a program that times them.
pub(crate) const PROGRAM: &str = include_str!("sdk_stores.py");

/// A Python that has the SDK and the servers' clients.
#[derive(Debug)]
pub(crate) struct Sdk {
    python: PathBuf,
}

/// What the SDK wrote.
#[derive(Debug)]
pub(crate) struct Written {
    /// Until everything was stored.
    pub(crate) took: Duration,
    /// Entries that were not there in the end.
    pub(crate) lost: u64,
    /// What it reads the first session by.
    pub(crate) first: String,
}

/// What the SDK read.
#[derive(Debug)]
pub(crate) struct Resumed {
    /// Until the session was in a local file.
    pub(crate) took: Duration,
    /// How far the process's memory rose for it, in bytes.
    pub(crate) risen: u64,
}

impl Sdk {
    /// `$MIRRORBOX_ORACLE_PYTHON`, else the one that the tests install; none where something is missing.
    pub(crate) fn find(target: &Path) -> Option<Self> {
        let python = std::env::var_os("MIRRORBOX_ORACLE_PYTHON");
        let python = python.map_or_else(|| target.join("oracle/bin/python"), PathBuf::from);
        let mut command = Command::new(&python);
        let found = command
            .args(["-c", "import claude_agent_sdk, redis, asyncpg, boto3"])
            .output();
        match found.is_ok_and(|output| output.status.success()) {
            true => Some(Self { python }),
            false => None,
        }
    }

    /// Mirrors a file of frames, batched or eager.
    pub(crate) fn write(&self, place: &Place, mode: &str, frames: &Path) -> anyhow::Result<Written> {
        let said = self.run(place, mode, frames.as_os_str())?;
        let text = |name: &str| said.get(name).and_then(Value::as_str).context("no name");
        Ok(Written {
            took: Duration::from_secs_f64(figure(&said, "seconds")?),
            lost: figure(&said, "lost")? as u64,
            first: format!("{}/{}", text("run")?, text("session")?),
        })
    }

    /// Reads a session back into a local file.
    pub(crate) fn resume(&self, place: &Place, first: &str) -> anyhow::Result<Resumed> {
        let said = self.run(place, "resume", first.as_ref())?;
        Ok(Resumed {
            took: Duration::from_secs_f64(figure(&said, "seconds")?),
            risen: figure(&said, "risen_kib")? as u64 * 1024,
        })
    }

    fn run(&self, place: &Place, mode: &str, what: &OsStr) -> anyhow::Result<Value> {
        let mut command = Command::new(&self.python);
        command.args(["-c", PROGRAM, place.name, mode]).arg(what);
        command.envs(place.environment.iter().map(|(name, value)| (name, value)));
        let output = tokio::task::block_in_place(|| command.output())?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "the SDK's batcher failed: {said}");
        Ok(serde_json::from_slice(&output.stdout)?)
    }
}

/// A number in what a program printed.
pub(crate) fn figure(said: &Value, name: &str) -> anyhow::Result<f64> {
    said.get(name).and_then(Value::as_f64).context("no figure")
}
