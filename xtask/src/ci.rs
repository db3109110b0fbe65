//! `cargo xtask ci`: what a change must pass. The cheap steps come first.

use std::time::Instant;

use anyhow::Result;

use crate::wasm_target::{TARGET, add_by_rustup};
use crate::workspace::Workspace;
use crate::{deny, fuzz, house, package, process, set_up, spelling, test};

/// Systems on which no test runs.
const OTHER_SYSTEMS: [&str; 2] = ["x86_64-pc-windows-gnu", "aarch64-apple-darwin"];

/// Formatting, house rules, spelling, dependencies, lints, a check for other systems, documentation, packages, fuzz
/// targets, tests.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let began = Instant::now();
    let step = |name: &str| println!("== {name} (after {} s)", began.elapsed().as_secs());
    step("formatting");
    process::run(workspace.cargo("fmt").args(["--all", "--check"]))?;
    step("house rules");
    house::run(workspace, &house::Options::default())?;
    step("spelling");
    spelling::run(workspace)?;
    step("dependencies");
    deny::run(workspace)?;
    set_up(workspace)?;
    step("lints");
    lint(workspace)?;
    step("other systems");
    check_elsewhere(workspace)?;
    step("documentation");
    document(workspace)?;
    step("packages");
    package::run(workspace)?;
    step("fuzz targets");
    fuzz::run(workspace, &fuzz::Options::default())?;
    step("tests");
    test::run(workspace, &test::Options::default())?;
    step("passed");
    Ok(())
}

/// Warnings are denied through the lint level and not through `RUSTFLAGS`, which would compile everything anew.
fn lint(workspace: &Workspace) -> Result<()> {
    let deny = ["--", "-D", "warnings"];
    // What only exists in a guest is seen for that target alone. All of them at once: what they share is checked once,
    // and that its features unify changes no lint.
    let mut guests = workspace.cargo("clippy");
    guests.args(["--target", TARGET]);
    for guest in ["adapters", "examples", "tests/guests"]
        .into_iter()
        .flat_map(|folder| workspace.packages_in(folder))
    {
        guests.args(["--package", &guest.name]);
    }
    process::run(guests.args(deny))?;
    for selection in [
        &["--workspace", "--all-targets"][..],
        // What an embedder gets who brings stores of his own, and each feature by itself.
        &["--package", "mirrorbox", "--no-default-features", "--all-targets"],
        &["--package", "mirrorbox", "--no-default-features", "--features", "agent"],
        &["--package", "mirrorbox", "--no-default-features", "--features", "wasm"],
    ] {
        process::run(workspace.cargo("clippy").args(selection).args(deny))?;
    }
    Ok(())
}

/// The library without WebAssembly, which has no C to compile, for systems whose standard library rustup has.
fn check_elsewhere(workspace: &Workspace) -> Result<()> {
    for target in OTHER_SYSTEMS {
        if let Err(error) = add_by_rustup(target) {
            println!("{target} is left out, for its standard library cannot be had: {error:#}");
            continue;
        }
        let library = ["--package", "mirrorbox", "--no-default-features", "--features", "agent"];
        // Lints are for the systems that it is made for: elsewhere, a lock may be nothing.
        let mut check = workspace.cargo("check");
        process::run(check.args(["--target", target]).args(library))?;
    }
    Ok(())
}

/// What docs.rs would show, with all features and with none: a link that leads nowhere fails. The whole workspace is
/// selected, so that what was linted is not checked a second time with other features.
fn document(workspace: &Workspace) -> Result<()> {
    for selection in [
        &["--workspace", "--lib"][..],
        &["--package", "mirrorbox", "--no-default-features"],
    ] {
        let mut cargo = workspace.cargo("doc");
        cargo
            .args(["--no-deps"])
            .args(selection)
            .env("RUSTDOCFLAGS", "-D warnings");
        process::run(&mut cargo)?;
    }
    Ok(())
}
