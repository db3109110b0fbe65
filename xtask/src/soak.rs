//! `cargo xtask soak`: the tests of the durable mirror and of `watch` in their long forms, hundreds of kills, hundreds
//! of thousands of entries, a hundred thousand transcripts, and hundreds of seeds of the simulation of followed files.

use anyhow::Result;
use clap::Args;

use crate::workspace::Workspace;
use crate::{build, dist, languages, node, oracle, process, set_up};

/// Files that are followed, on disks and destinations that fail as seeds decide.
const SIMULATION: &str = "watch::tests::simulation";

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Only tests whose names hold one of these
    #[arg(default_values = ["mirror::", "scale::", "kills::", "overlaps::", "healthy::"])]
    filters: Vec<String>,
}

/// Those of the packages for Python and Node that have a long form.
const PACKAGES: [&str; 2] = ["brings_everything", "loads_leak_nothing"];

/// Builds what the tests need and runs them, one after the other, for many of them measure; each prints its seed and
/// its figures. The dev profile is optimised enough for that, and dependencies are compiled only once.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    set_up(workspace)?;
    build::adapters(workspace)?;
    build::test_guests(workspace)?;
    build::tests(workspace)?;
    oracle::ensure(workspace);
    node::ensure(workspace);
    languages::ensure(workspace);
    dist::test_packages(workspace);
    let simulation = [SIMULATION.to_owned()];
    let packages = PACKAGES.map(str::to_owned);
    for (targets, filters) in [
        (["--lib"].as_slice(), simulation.as_slice()),
        (&["--test", "e2e", "--test", "watch"], &options.filters),
        (&["--test", "python", "--test", "node"], &packages),
    ] {
        let mut cargo = workspace.cargo("test");
        cargo.arg("--workspace").args(targets);
        cargo.args(["--", "--nocapture", "--test-threads=1"]).args(filters);
        process::run(cargo.env("MIRRORBOX_SOAK", "1"))?;
    }
    Ok(())
}
