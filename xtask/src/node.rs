//! The agent's own SDK for TypeScript, against which the Node package is tested, and what its tests are run with: in
//! `target/node-oracle`.

use std::fs;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::process;
use crate::workspace::Workspace;

/// The SDK that the tests were written against, another runtime than Node, and what checks types.
const PACKAGES: [&str; 4] = [
    "@anthropic-ai/claude-agent-sdk@0.3.332",
    "bun@1.4.5",
    "typescript@7.0.2",
    "@types/node@20.19.43",
];

/// They are some 600 MB.
const PATIENCE: Duration = Duration::from_secs(600);

/// Installs them where npm can. Where it cannot, the tests that want them say so and are passed over: nothing else
/// depends on them.
pub(crate) fn ensure(workspace: &Workspace) {
    if let Err(error) = install(workspace) {
        eprintln!("The tests of the Node package are passed over: {error:#}");
    }
}

fn install(workspace: &Workspace) -> Result<()> {
    let folder = workspace.target.join("node-oracle");
    let (note, wanted) = (folder.join("installed"), PACKAGES.join("\n"));
    // Nothing is noted before the first time.
    if fs::read_to_string(&note).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    eprintln!("Installing {} into {}.", PACKAGES.join(", "), folder.display());
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("package.json"), "{\"private\": true}\n")?;
    let mut npm = Command::new("npm");
    npm.args(["install", "--no-audit", "--no-fund", "--silent", "--save-exact"]);
    process::run_within(PATIENCE, npm.args(PACKAGES).current_dir(&folder))
        .context("installing them wants npm, and on Debian the package `npm`")?;
    Ok(fs::write(note, wanted)?)
}
