//! Where things are: cargo is asked, so that settings of the target directory are respected.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::process;

/// This repository and where it builds.
#[derive(Debug)]
pub(crate) struct Workspace {
    /// The folder of the top `Cargo.toml`.
    pub(crate) root: PathBuf,
    /// The target directory, absolute.
    pub(crate) target: PathBuf,
    packages: Vec<Package>,
    /// Given to the compiler.
    flags: Vec<String>,
}

/// A package of the workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Package {
    pub(crate) name: String,
    /// The folder of its `Cargo.toml`.
    pub(crate) folder: PathBuf,
}

impl Workspace {
    /// Asks cargo.
    pub(crate) fn load() -> Result<Workspace> {
        let mut cargo = Command::new(cargo_program());
        cargo
            .args(["metadata", "--no-deps", "--format-version", "1"])
            .current_dir(here());
        let metadata = process::output(&mut cargo)?;
        Workspace::from_metadata(&metadata).context("cannot read what `cargo metadata` printed")
    }

    fn from_metadata(metadata: &str) -> Result<Workspace> {
        let metadata: Value = serde_json::from_str(metadata)?;
        let text = |value: &Value, key: &str| {
            let text = value.get(key).and_then(Value::as_str);
            text.map(str::to_owned).with_context(|| format!("no `{key}`"))
        };
        let mut packages = Vec::new();
        for package in metadata
            .get("packages")
            .and_then(Value::as_array)
            .context("no `packages`")?
        {
            let manifest = PathBuf::from(text(package, "manifest_path")?);
            let folder = manifest.parent().context("a manifest without a folder")?.to_owned();
            packages.push(Package {
                name: text(package, "name")?,
                folder,
            });
        }
        Ok(Workspace {
            root: text(&metadata, "workspace_root")?.into(),
            target: text(&metadata, "target_directory")?.into(),
            packages,
            flags: Vec::new(),
        })
    }

    /// The same sources as they are released: built beside everything else, and without this machine's paths in what
    /// comes of it.
    pub(crate) fn released(&self) -> Workspace {
        let [home, _] = self.here();
        let remap = |from: &Path, to: &str| format!("--remap-path-prefix={}={to}", from.display());
        Workspace {
            root: self.root.clone(),
            target: self.target.join("released"),
            packages: self.packages.clone(),
            flags: vec![remap(&home, "cargo"), remap(&self.root, "mirrorbox")],
        }
    }

    /// The folders of this machine that a compiler would name: cargo's own, and the sources'.
    pub(crate) fn here(&self) -> [PathBuf; 2] {
        let home = env::var_os("CARGO_HOME").map(PathBuf::from);
        let home = home.or_else(|| Some(env::home_dir()?.join(".cargo")));
        [home.unwrap_or_default(), self.root.clone()]
    }

    /// The packages whose folders lie directly in `folder` (relative to the root), by name.
    pub(crate) fn packages_in(&self, folder: &str) -> Vec<&Package> {
        let folder = self.root.join(folder);
        let mut found: Vec<_> = self
            .packages
            .iter()
            .filter(|p| p.folder.parent() == Some(&folder))
            .collect();
        found.sort_by(|a, b| a.name.cmp(&b.name));
        found
    }

    /// A cargo command for this workspace.
    pub(crate) fn cargo(&self, subcommand: &str) -> Command {
        let mut cargo = Command::new(cargo_program());
        cargo
            .arg(subcommand)
            .current_dir(&self.root)
            .env("CARGO_TARGET_DIR", &self.target);
        // The results are looked for in the host's own folder.
        cargo.env_remove("CARGO_BUILD_TARGET");
        if !self.flags.is_empty() {
            cargo.env("RUSTFLAGS", self.flags.join(" "));
        }
        // `cargo run` described this very package to us. A build script that watches these variables would run anew
        // whenever a build comes through here after one that did not.
        for (name, _) in env::vars_os() {
            if ["CARGO_PKG_", "CARGO_MANIFEST_"]
                .iter()
                .any(|prefix| name.to_string_lossy().starts_with(prefix))
            {
                cargo.env_remove(name);
            }
        }
        cargo
    }

    /// [`Workspace::cargo`] for a target that has flags of its own in `.cargo/config.toml`: a variable would be in
    /// their place, and this is beside them.
    pub(crate) fn cargo_for(&self, target: &str, subcommand: &str) -> Command {
        let mut cargo = self.cargo(subcommand);
        cargo.env_remove("RUSTFLAGS").args(["--target", target]);
        if !self.flags.is_empty() {
            cargo.args(["--config", &format!("target.{target}.rustflags={:?}", self.flags)]);
        }
        cargo
    }
}

/// The cargo that runs us, else the one on the path.
pub(crate) fn cargo_program() -> OsString {
    env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// This package's folder; the one from the time of compilation is wrong once the repository has moved.
fn here() -> PathBuf {
    env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).to_owned(), PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_found_by_folder() {
        let metadata = r#"{"workspace_root":"/w","target_directory":"/t","packages":[
            {"name":"top","manifest_path":"/w/host/Cargo.toml"},
            {"name":"two","manifest_path":"/w/adapters/two/Cargo.toml"},
            {"name":"one","manifest_path":"/w/adapters/one/Cargo.toml"},
            {"name":"deep","manifest_path":"/w/adapters/one/deep/Cargo.toml"}]}"#;
        let workspace = Workspace::from_metadata(metadata).unwrap();
        let names: Vec<_> = workspace
            .packages_in("adapters")
            .iter()
            .map(|p| p.name.as_str())
            .collect();
        assert_eq!(names, ["one", "two"]);
        assert_eq!(workspace.target, Path::new("/t"));
    }

    #[test]
    fn this_workspace_has_the_embedded_adapter() {
        let workspace = Workspace::load().unwrap();
        assert!(
            workspace
                .packages_in("adapters")
                .iter()
                .any(|p| p.name == "mirrorbox-adapter-fs")
        );
    }
}
