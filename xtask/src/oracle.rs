//! The agent's own Python SDK, against which keys, paths and summaries are tested: in `target/oracle`, a virtual
//! environment of its own.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::Result;

use crate::process;
use crate::workspace::Workspace;

/// The version that the tests were written against.
const PACKAGE: &str = "claude-agent-sdk==0.2.186";

/// The servers' clients that its stores are written with, for benchmarks.
const CLIENTS: [&str; 3] = ["redis", "asyncpg", "boto3"];

/// Installing downloads a package of some 170 MB.
const PATIENCE: Duration = Duration::from_secs(600);

/// Installs the SDK where Python can. Where it cannot, the tests that want it say so and are passed over: nothing else
/// depends on it.
pub(crate) fn ensure(workspace: &Workspace) {
    let folder = workspace.target.join("oracle");
    if has_sdk(&folder) {
        return;
    }
    eprintln!("Installing {PACKAGE} into {}, to compare with.", folder.display());
    if let Err(error) = install(&folder) {
        eprintln!(
            "It cannot be installed, so those tests are passed over (on Debian, they want the packages python3 and \
             python3-venv): {error:#}"
        );
    }
}

/// Installs what benchmarks want beside it. Without it, nothing is compared with the SDK's stores.
pub(crate) fn ensure_clients(workspace: &Workspace) {
    let folder = workspace.target.join("oracle");
    let mut pip = Command::new(folder.join("bin/pip"));
    let install = pip
        .args(["install", "--quiet", "--disable-pip-version-check"])
        .args(CLIENTS);
    if let Err(error) = process::run_within(PATIENCE, install) {
        eprintln!("The clients of the servers cannot be installed for Python: {error:#}");
    }
}

fn has_sdk(folder: &Path) -> bool {
    let mut python = Command::new(folder.join("bin/python"));
    process::output(python.args(["-c", "import claude_agent_sdk"])).is_ok()
}

fn install(folder: &Path) -> Result<()> {
    process::run_within(
        PATIENCE,
        Command::new("python3").args(["-m", "venv", "--clear"]).arg(folder),
    )?;
    let mut pip = Command::new(folder.join("bin/pip"));
    process::run_within(
        PATIENCE,
        pip.args(["install", "--quiet", "--disable-pip-version-check", PACKAGE]),
    )
}
