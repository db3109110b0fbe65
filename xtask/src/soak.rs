//! `cargo xtask soak`: the tests of the durable mirror in their long forms, hundreds of kills and hundreds of thousands
//! of entries, and ten thousand seeds of the simulation of followed files.

use anyhow::Result;
use clap::Args;

use crate::workspace::Workspace;
use crate::{build, process, set_up};

/// Files that are followed, on disks and destinations that fail as seeds decide.
const SIMULATION: &str = "watch::tests::simulation";

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Only tests whose names hold this
    #[arg(default_value = "mirror::")]
    filter: String,
}

/// Builds what the tests need and runs them; each prints its seed and its figures.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    set_up(workspace)?;
    build::adapters(workspace)?;
    build::test_guests(workspace)?;
    build::tests(workspace)?;
    for (target, filter) in [
        (["--lib"].as_slice(), SIMULATION),
        (&["--test", "e2e"], &options.filter),
    ] {
        let mut cargo = workspace.cargo("test");
        cargo
            .arg("--workspace")
            .args(target)
            .args(["--", "--nocapture", filter])
            .env("MIRRORBOX_SOAK", "1");
        process::run(&mut cargo)?;
    }
    Ok(())
}
