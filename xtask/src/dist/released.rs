//! The released build: in a target directory of its own, with no path of this machine in it, and linked against an old
//! C library by zig, which a package of Python's index brings.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::Built;
use crate::workspace::Workspace;
use crate::{build, process, python};

/// Of 2018: Debian 10, Ubuntu 18.10, RHEL 8 and everything newer.
const GLIBC: &str = "2.28";

/// The linker, and what has cargo use it.
const TOOLS: [&str; 2] = ["cargo-zigbuild==0.24.1", "ziglang==0.17.1"];

/// What is built, together: it is compiled once.
const PACKAGES: [&str; 3] = ["mirrorbox-cli", "mirrorbox-python", "mirrorbox-node"];

pub(super) fn build(workspace: &Workspace) -> Result<Built> {
    let tools = workspace.target.join("dist-tools");
    if !tools.join("bin/cargo-zigbuild").is_file() {
        python::make(&tools, &TOOLS)?;
    }
    let released = workspace.released();
    build::adapters(&released)?;
    let machine = env::consts::ARCH;
    let target = format!("{machine}-unknown-linux-gnu");
    let mut cargo = released.cargo("zigbuild");
    cargo.args(["--release", "--target", &format!("{target}.{GLIBC}")]);
    cargo.args(PACKAGES.iter().flat_map(|name| ["--package", name]));
    cargo.env("MIRRORBOX_ADAPTERS", released.target.join("adapters"));
    process::run(cargo.env("PATH", first_on_path(&tools.join("bin"))?))?;
    let folder = released.target.join(&target).join("release");
    let built = Built {
        command: folder.join("mirrorbox"),
        native: folder.join("libmirrorbox_native.so"),
        node: folder.join("libmirrorbox_node.so"),
        glibc: Some(GLIBC),
    };
    for file in [&built.command, &built.native, &built.node] {
        names_no_folder_of(&released.here(), file)?;
    }
    Ok(built)
}

/// What is released is the same wherever it was built.
fn names_no_folder_of(here: &[PathBuf], file: &Path) -> Result<()> {
    let bytes = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    for folder in here {
        let name = folder.as_os_str().as_encoded_bytes();
        let is_named = bytes.windows(name.len()).any(|part| part == name);
        ensure!(
            !is_named,
            "{} names {}, a folder of this machine",
            file.display(),
            folder.display()
        );
    }
    Ok(())
}

fn first_on_path(folder: &Path) -> Result<OsString> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(folder.to_owned()).chain(env::split_paths(&path));
    Ok(env::join_paths(folders)?)
}
