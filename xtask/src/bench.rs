//! `cargo xtask bench`: the figures of docs/benchmarks.md; with `--backends`, those of docs/benchmarks-backends.md;
//! with `--packages`, those of docs/benchmarks-packages.md.

use std::process::Command;

use anyhow::Result;
use clap::Args;

use crate::build::{self, Profile};
use crate::workspace::Workspace;
use crate::{dist, oracle, process, python, servers, set_up};

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The adapters before real servers, in place of everything else
    #[arg(long)]
    backends: bool,
    /// The Python package beside the agent's SDK alone, in place of everything else
    #[arg(long, conflicts_with = "backends")]
    packages: bool,
    /// Passed to the benchmark program
    #[arg(last = true)]
    arguments: Vec<String>,
}

/// Builds everything with the release profile and measures.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    set_up(workspace)?;
    oracle::ensure(workspace);
    if options.backends || options.packages {
        servers::ensure_for_benchmarks(workspace);
        oracle::ensure_clients(workspace);
    }
    build::adapters(workspace)?;
    build::test_guests(workspace)?;
    let mirrorbox = build::binary(workspace, Profile::Release)?;
    process::run(build::cargo_build(workspace, Profile::Release).args(["--bin", "mirrorbox-bench"]))?;
    if options.packages {
        install_package(workspace)?;
    }
    let (page, part) = match (options.backends, options.packages) {
        (true, _) => ("docs/benchmarks-backends.md", Some("--backends")),
        (_, true) => ("docs/benchmarks-packages.md", Some("--packages")),
        _ => ("docs/benchmarks.md", None),
    };
    let mut bench = Command::new(mirrorbox.with_file_name("mirrorbox-bench"));
    bench
        .arg("--target")
        .arg(&workspace.target)
        .env("CARGO_TARGET_DIR", &workspace.target)
        .arg("--out")
        .arg(workspace.root.join(page))
        .args(part);
    process::run(bench.args(&options.arguments).current_dir(&workspace.root))
}

/// Packs the wheel of the released code and unpacks it into `target/bench-site`, as a user's pip does.
fn install_package(workspace: &Workspace) -> Result<()> {
    process::run(build::cargo_build(workspace, Profile::Release).arg("--lib"))?;
    let (wheel, site) = (
        dist::wheel_of(workspace, Profile::Release)?,
        workspace.target.join("bench-site"),
    );
    python::unpack(&workspace.target.join("oracle"), &wheel, &site)
}
