//! The Node package as a tarball: what cargo built is put in its place, and npm packs it.

use std::env::consts;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::{Built, pack_with, strip};
use crate::workspace::Workspace;

/// `mirrorbox-VERSION.tgz`, for one system and kind of processor.
pub(super) fn build(workspace: &Workspace, built: &Built, out: &Path) -> Result<()> {
    let staged = stage(workspace, built)?;
    fs::create_dir_all(out)?;
    let mut npm = Command::new("npm");
    npm.args(["pack", "--silent", "--ignore-scripts", "--pack-destination"]);
    pack_with(npm.arg(out).current_dir(staged))
}

/// The package's sources, with what only a build has.
fn stage(workspace: &Workspace, built: &Built) -> Result<PathBuf> {
    let sources = workspace.root.join("bindings/node");
    let staged = workspace.target.join("npm-work");
    if staged.exists() {
        fs::remove_dir_all(&staged)?;
    }
    for folder in ["lib", "bin", "native"] {
        fs::create_dir_all(staged.join(folder))?;
    }
    for file in fs::read_dir(sources.join("lib"))? {
        let file = file?.path();
        fs::copy(&file, staged.join("lib").join(file.file_name().unwrap_or_default()))?;
    }
    fs::copy(sources.join("README.md"), staged.join("README.md"))?;
    fs::copy(workspace.root.join("LICENSE"), staged.join("LICENSE"))?;
    fs::write(staged.join("package.json"), manifest(&sources.join("package.json"))?)?;
    strip(&built.node, &staged.join("native/mirrorbox.node"))?;
    strip(&built.command, &staged.join("bin/mirrorbox"))?;
    Ok(staged)
}

/// With the version of the workspace, and for the system that it was built for.
fn manifest(path: &Path) -> Result<String> {
    let text = fs::read_to_string(path)?;
    let manifest = serde_json::from_str(&text).with_context(|| format!("in {}", path.display()))?;
    let Value::Object(mut manifest) = manifest else {
        bail!("{} is no object", path.display())
    };
    let cpu = match consts::ARCH {
        "x86_64" => "x64",
        "aarch64" => "arm64",
        other => other,
    };
    let built = [
        ("version", json!(env!("CARGO_PKG_VERSION"))),
        ("os", json!([consts::OS])),
        ("cpu", json!([cpu])),
    ];
    manifest.extend(built.map(|(name, value)| (name.to_owned(), value)));
    Ok(format!("{:#}\n", Value::Object(manifest)))
}
