//! The agent's own Python SDK, against which keys, paths and summaries are tested, and the Python package: in
//! `target/oracle`, a virtual environment of its own.

use std::path::Path;
use std::process::Command;

use crate::workspace::Workspace;
use crate::{process, python};

/// The version that the tests were written against.
const PACKAGE: &str = "claude-agent-sdk==0.2.186";

/// What the tests of the Python package are run with, and the other kind of loop that it works under.
const TESTING: [&str; 2] = ["pytest>=8.4,<10", "trio>=0.27"];

/// The servers' clients that its stores are written with, for benchmarks.
const CLIENTS: [&str; 3] = ["redis", "asyncpg", "boto3"];

/// Installs the SDK where Python can. Where it cannot, the tests that want it say so and are passed over: nothing else
/// depends on it.
pub(crate) fn ensure(workspace: &Workspace) {
    let folder = workspace.target.join("oracle");
    let installed = match (has(&folder, "claude_agent_sdk"), has(&folder, "pytest, trio")) {
        (true, true) => Ok(()),
        (true, false) => python::add(&folder, &TESTING),
        (false, _) => python::make(&folder, &[PACKAGE]).and_then(|()| python::add(&folder, &TESTING)),
    };
    if let Err(error) = installed {
        eprintln!("It cannot be installed, so the tests that want it are passed over: {error:#}");
    }
}

/// Installs what benchmarks want beside it. Without it, nothing is compared with the SDK's stores.
pub(crate) fn ensure_clients(workspace: &Workspace) {
    if let Err(error) = python::add(&workspace.target.join("oracle"), &CLIENTS) {
        eprintln!("The clients of the servers cannot be installed for Python: {error:#}");
    }
}

fn has(folder: &Path, modules: &str) -> bool {
    let mut python = Command::new(folder.join("bin/python"));
    process::output(python.arg("-c").arg(format!("import {modules}"))).is_ok()
}
