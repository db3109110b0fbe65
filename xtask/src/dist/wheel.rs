//! The Python package as a wheel: what cargo built is put in its place, and setuptools packs it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::{Built, pack_with, strip};
use crate::python;
use crate::workspace::Workspace;

/// What packs it.
const TOOLS: [&str; 2] = ["setuptools==84.2.1", "wheel==0.48.0"];

/// `mirrorbox-VERSION-cp310-abi3-PLATFORM.whl`, for each Python from 3.10 on. Returns where it is.
pub(crate) fn build(workspace: &Workspace, built: &Built, out: &Path) -> Result<PathBuf> {
    let tools = workspace.target.join("wheel-tools");
    if !tools.join("installed").is_file() {
        python::make(&tools, &TOOLS)?;
        fs::write(tools.join("installed"), "")?;
    }
    let staged = stage(workspace, built)?;
    let mut pip = Command::new(tools.join("bin/pip"));
    pip.args([
        "wheel",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
        "--no-build-isolation",
        "--wheel-dir",
    ]);
    let system = match built.glibc {
        Some(oldest) => format!("manylinux_{}", oldest.replace('.', "_")),
        None => "linux".to_owned(),
    };
    let platform = format!("{system}_{}", std::env::consts::ARCH);
    pack_with(pip.arg(out).arg(&staged).env("MIRRORBOX_PLATFORM", platform))?;
    let wheels = fs::read_dir(out)?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<Vec<_>>>()?;
    let wheel = wheels
        .into_iter()
        .find(|path| path.extension().is_some_and(|end| end == "whl"));
    wheel.context("setuptools left no wheel")
}

/// The package's sources, with what only a build has.
fn stage(workspace: &Workspace, built: &Built) -> Result<PathBuf> {
    let sources = workspace.root.join("bindings/python");
    let staged = workspace.target.join("wheel-work");
    if staged.exists() {
        fs::remove_dir_all(&staged)?;
    }
    let package = staged.join("python/mirrorbox");
    fs::create_dir_all(package.join("bin"))?;
    for file in ["pyproject.toml", "setup.py", "README.md"] {
        fs::copy(sources.join(file), staged.join(file))?;
    }
    fs::copy(workspace.root.join("LICENSE"), staged.join("LICENSE"))?;
    fs::write(staged.join("VERSION"), env!("CARGO_PKG_VERSION"))?;
    for file in fs::read_dir(sources.join("python/mirrorbox"))? {
        let file = file?.path();
        if file.is_file() {
            fs::copy(&file, package.join(file.file_name().unwrap_or_default()))?;
        }
    }
    strip(&built.native, &package.join("_native.abi3.so"))?;
    strip(&built.command, &package.join("bin/mirrorbox"))?;
    Ok(staged)
}
