//! Looks for misspelt words in everything that is written here, names included (`typos.toml`).

use std::process::Command;

use anyhow::Result;

use crate::workspace::Workspace;
use crate::{process, python};

/// The version whose list of words the sources pass: a newer one knows more mistakes.
const PACKAGE: &str = "typos==1.52.0";

/// Fails where a word is misspelt, and where the list of words cannot be had.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let folder = workspace.target.join("spelling");
    let program = folder.join("bin/typos");
    if !program.is_file() {
        python::make(&folder, &[PACKAGE])?;
    }
    process::run(
        Command::new(program)
            .args(["--format", "brief"])
            .current_dir(&workspace.root),
    )
}
