//! The command with its pages and completions, as it lies in an installation, and that as an archive.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use super::{Built, DATE, pack_with, printed};
use crate::workspace::Workspace;

/// Where completions lie, by shell.
const COMPLETIONS: [(&str, &str); 3] = [
    ("bash", "share/bash-completion/completions/mirrorbox"),
    ("fish", "share/fish/vendor_completions.d/mirrorbox.fish"),
    ("zsh", "share/zsh/vendor-completions/_mirrorbox"),
];

/// Lays the files out: `bin`, `share`. Returns the folder.
pub(super) fn stage(workspace: &Workspace, built: &Built, folder: &Path) -> Result<PathBuf> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    let root = folder.join("mirrorbox");
    let put = |name: &str, bytes: &[u8]| -> Result<()> {
        let path = root.join(name);
        fs::create_dir_all(path.parent().unwrap_or(&root))?;
        Ok(fs::write(path, bytes)?)
    };
    put(
        "share/man/man1/mirrorbox.1",
        printed(&built.command, &["man"])?.as_bytes(),
    )?;
    for (shell, place) in COMPLETIONS {
        put(place, printed(&built.command, &["completions", shell])?.as_bytes())?;
    }
    for page in ["LICENSE", "CHANGELOG.md"] {
        put(
            &format!("share/doc/mirrorbox/{page}"),
            &fs::read(workspace.root.join(page))?,
        )?;
    }
    fs::create_dir_all(root.join("bin"))?;
    fs::copy(&built.command, root.join("bin/mirrorbox"))?;
    Ok(root)
}

/// `mirrorbox-VERSION-MACHINE.tar.gz`, whose files are root's and dated alike.
pub(super) fn pack(root: &Path, out: &Path, version: &str) -> Result<()> {
    let name = format!("mirrorbox-{version}-{}-linux.tar.gz", std::env::consts::ARCH);
    let mut tar = Command::new("tar");
    tar.args([
        "--sort=name",
        "--owner=0",
        "--group=0",
        "--numeric-owner",
        "--format=ustar",
    ]);
    tar.args([
        "--mode=u=rwX,go=rX",
        &format!("--mtime=@{DATE}"),
        "--use-compress-program=gzip -9n",
    ]);
    let folder = root.parent().unwrap_or(root);
    pack_with(
        tar.arg("--create")
            .arg("--file")
            .arg(out.join(name))
            .arg("--directory")
            .arg(folder)
            .arg("mirrorbox"),
    )
}
