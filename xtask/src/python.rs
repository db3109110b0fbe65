//! Programs and packages of Python's index, each kind in a virtual environment of its own.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::process;

/// The largest of them are some 170 MB.
const PATIENCE: Duration = Duration::from_secs(600);

/// Makes the environment anew, with these packages in it.
pub(crate) fn make(folder: &Path, packages: &[&str]) -> Result<()> {
    eprintln!("Installing {} into {}.", packages.join(" and "), folder.display());
    process::run_within(
        PATIENCE,
        Command::new("python3").args(["-m", "venv", "--clear"]).arg(folder),
    )
    .context("a virtual environment wants python3, and on Debian python3-venv")?;
    add(folder, packages)
}

/// Adds packages to an environment that is there.
pub(crate) fn add(folder: &Path, packages: &[&str]) -> Result<()> {
    let mut pip = Command::new(folder.join("bin/pip"));
    process::run_within(
        PATIENCE,
        pip.args(["install", "--quiet", "--disable-pip-version-check"])
            .args(packages),
    )
}

/// Puts a package alone, without what it depends on, into a folder that is emptied before.
pub(crate) fn unpack(environment: &Path, package: &Path, into: &Path) -> Result<()> {
    if into.exists() {
        fs::remove_dir_all(into)?;
    }
    let mut pip = Command::new(environment.join("bin/pip"));
    pip.args([
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
        "--target",
    ]);
    process::run_within(PATIENCE, pip.arg(into).arg(package))
}
