//! The agent's own Python SDK, as far as it is installed: its batcher in front of a store that does nothing.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, ensure};

const PROGRAM: &str = include_str!("sdk_batcher.py");

/// A Python that has the SDK.
#[derive(Debug)]
pub(super) struct MirrorSdk {
    python: PathBuf,
}

/// What the SDK took.
#[derive(Debug)]
pub(super) struct Took {
    pub(super) time: Duration,
    /// The most memory that its process had, in bytes.
    pub(super) peak: u64,
}

impl MirrorSdk {
    /// `$MIRRORBOX_ORACLE_PYTHON`, else the one that the tests install; none where it has no SDK.
    pub(super) fn find(target: &Path) -> Option<Self> {
        let python = std::env::var_os("MIRRORBOX_ORACLE_PYTHON");
        let python = python.map_or_else(|| target.join("oracle/bin/python"), PathBuf::from);
        let mut command = Command::new(&python);
        let found = command.args(["-c", "import claude_agent_sdk"]).output();
        match found.is_ok_and(|output| output.status.success()) {
            true => Some(Self { python }),
            false => None,
        }
    }

    pub(super) fn run(&self, frames: &Path) -> anyhow::Result<Took> {
        let output = Command::new(&self.python).args(["-c", PROGRAM]).arg(frames).output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "the SDK's batcher failed: {said}");
        let figures: serde_json::Value = serde_json::from_slice(&output.stdout)?;
        let figure = |name: &str| {
            figures
                .get(name)
                .and_then(serde_json::Value::as_f64)
                .context("no figure")
        };
        Ok(Took {
            time: Duration::from_secs_f64(figure("seconds")?),
            peak: figure("peak_kib")? as u64 * 1024,
        })
    }
}
