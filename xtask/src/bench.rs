//! `cargo xtask bench`: the figures of docs/benchmarks.md.

use anyhow::Result;
use clap::Args;

use crate::workspace::Workspace;
use crate::{build, process, set_up};

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Passed to the benchmark program
    #[arg(last = true)]
    arguments: Vec<String>,
}

/// Builds the adapters and measures with the release profile.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    set_up(workspace)?;
    build::adapters(workspace)?;
    let mut cargo = workspace.cargo("run");
    process::run(
        cargo
            .args(["--release", "--package", "mirrorbox-bench", "--"])
            .args(&options.arguments),
    )
}
