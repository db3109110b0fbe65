//! `cargo xtask ci`: what a change must pass. The cheap steps come first.

use anyhow::Result;

use crate::wasm_target::TARGET;
use crate::workspace::Workspace;
use crate::{process, set_up, test};

/// Formatting, lints, tests.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    step("formatting");
    process::run(workspace.cargo("fmt").args(["--all", "--check"]))?;
    set_up(workspace)?;
    step("lints");
    lint(workspace)?;
    step("tests");
    test::run(workspace, &test::Options::default())
}

/// Warnings are denied through the lint level and not through `RUSTFLAGS`, which would compile everything anew.
fn lint(workspace: &Workspace) -> Result<()> {
    let deny = ["--", "-D", "warnings"];
    // What only exists in a guest is seen for that target alone.
    for folder in ["adapters", "tests/guests"] {
        for guest in workspace.packages_in(folder) {
            let mut clippy = workspace.cargo("clippy");
            process::run(clippy.args(["--target", TARGET, "--package", &guest.name]).args(deny))?;
        }
    }
    for selection in [
        &["--workspace", "--all-targets"][..],
        // What an embedder gets who brings stores of his own.
        &["--package", "mirrorbox", "--no-default-features", "--all-targets"],
    ] {
        process::run(workspace.cargo("clippy").args(selection).args(deny))?;
    }
    Ok(())
}

fn step(name: &str) {
    println!("== {name}");
}
