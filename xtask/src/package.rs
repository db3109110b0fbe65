//! `cargo xtask package`: the crates that are published, as a registry would get them.

use anyhow::{Result, ensure};

use crate::process;
use crate::workspace::Workspace;

/// In the order of their dependencies.
const PUBLISHED: [&str; 3] = ["mirrorbox-adapter", "mirrorbox", "mirrorbox-conformance"];

/// What must be in each package, beside its code.
const CONTENT: [&str; 2] = ["Cargo.toml", "LICENSE"];

/// Packs each crate, and looks what is in it. They are not compiled once more: the same files were, in their places.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let mut cargo = workspace.cargo("package");
    cargo.args(["--no-verify", "--allow-dirty"]);
    cargo.args(PUBLISHED.iter().flat_map(|name| ["--package", name]));
    process::run(&mut cargo)?;
    for name in PUBLISHED {
        let mut list = workspace.cargo("package");
        list.args(["--list", "--allow-dirty", "--package", name]);
        let list = process::output(&mut list)?;
        for file in CONTENT {
            ensure!(
                list.lines().any(|line| line == file),
                "the package of {name} has no {file}"
            );
        }
    }
    Ok(())
}
