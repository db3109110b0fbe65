//! `cargo xtask bench`: the figures of docs/benchmarks.md; with `--backends`, those of docs/benchmarks-backends.md.

use std::process::Command;

use anyhow::Result;
use clap::Args;

use crate::build::{self, Profile};
use crate::workspace::Workspace;
use crate::{oracle, process, servers, set_up};

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The adapters before real servers, in place of everything else
    #[arg(long)]
    backends: bool,
    /// Passed to the benchmark program
    #[arg(last = true)]
    arguments: Vec<String>,
}

/// Builds everything with the release profile and measures.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    set_up(workspace)?;
    oracle::ensure(workspace);
    if options.backends {
        servers::ensure_for_benchmarks(workspace);
        oracle::ensure_clients(workspace);
    }
    build::adapters(workspace)?;
    build::test_guests(workspace)?;
    let mirrorbox = build::binary(workspace, Profile::Release)?;
    process::run(build::cargo_build(workspace, Profile::Release).args(["--bin", "mirrorbox-bench"]))?;
    let mut bench = Command::new(mirrorbox.with_file_name("mirrorbox-bench"));
    bench
        .arg("--target")
        .arg(&workspace.target)
        .env("CARGO_TARGET_DIR", &workspace.target)
        .arg("--out");
    match options.backends {
        true => bench
            .arg(workspace.root.join("docs/benchmarks-backends.md"))
            .arg("--backends"),
        false => bench.arg(workspace.root.join("docs/benchmarks.md")),
    };
    process::run(bench.args(&options.arguments).current_dir(&workspace.root))
}
