//! `cargo xtask build`: guests first, then the binary, which carries the adapters inside.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::wasm_target::TARGET;
use crate::workspace::{Package, Workspace};
use crate::{process, set_up};

/// What every adapter crate's name begins with; the rest is the adapter's name.
const ADAPTER_PREFIX: &str = "mirrorbox-adapter-";

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Build the binary with the dev profile: target/debug/mirrorbox
    #[arg(long)]
    pub(crate) debug: bool,
}

/// How the host's side is compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Profile {
    Dev,
    Release,
}

impl Profile {
    /// Its folder in the target directory.
    pub(crate) fn folder(self) -> &'static str {
        match self {
            Profile::Dev => "debug",
            Profile::Release => "release",
        }
    }

    /// What cargo calls it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Profile::Dev => "dev",
            Profile::Release => "release",
        }
    }
}

/// Builds the adapters and the binary, and says where they are.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    set_up(workspace)?;
    let profile = if options.debug { Profile::Dev } else { Profile::Release };
    let adapters = adapters(workspace)?;
    let binary = binary(workspace, profile)?;
    for path in [&[binary], &adapters[..]].concat() {
        let kilobytes = fs::metadata(&path)?.len() / 1000;
        println!("{}  {kilobytes} kB", path.display());
    }
    Ok(())
}

/// Builds every adapter: `target/adapters/NAME.wasm`.
pub(crate) fn adapters(workspace: &Workspace) -> Result<Vec<PathBuf>> {
    guests(workspace, "adapters", &workspace.target.join("adapters"))
}

/// Builds the guests that only tests use, and the examples: `target/test-guests/NAME.wasm`.
pub(crate) fn test_guests(workspace: &Workspace) -> Result<Vec<PathBuf>> {
    let into = workspace.target.join("test-guests");
    let examples = guests(workspace, "examples", &into)?;
    Ok([guests(workspace, "tests/guests", &into)?, examples].concat())
}

/// Builds the binary, makes sure that the adapters in it are those built last, and returns its path.
pub(crate) fn binary(workspace: &Workspace, profile: Profile) -> Result<PathBuf> {
    process::run(cargo_build(workspace, profile).args(["--bin", "mirrorbox"]))?;
    built_binary(workspace, profile)
}

/// Builds the test programs and the dev binary that they run. Together: what only tests depend on asks more of tokio,
/// and everything on top of it would be compiled a second time for a binary that is built alone.
pub(crate) fn tests(workspace: &Workspace) -> Result<PathBuf> {
    process::run(cargo_build(workspace, Profile::Dev).args(["--tests", "--bins"]))?;
    built_binary(workspace, Profile::Dev)
}

fn built_binary(workspace: &Workspace, profile: Profile) -> Result<PathBuf> {
    let binary = workspace.target.join(profile.folder()).join("mirrorbox");
    carries_adapters(&binary, &workspace.target.join("adapters"))?;
    Ok(binary)
}

/// A cargo command that builds what runs here. Always with the whole workspace selected, as `cargo test` has it:
/// features unify over the selection, and wasmtime would be compiled once for each set of them.
pub(crate) fn cargo_build(workspace: &Workspace, profile: Profile) -> Command {
    let mut cargo = workspace.cargo("build");
    cargo.args(["--workspace", "--profile", profile.name()]);
    cargo
}

fn guests(workspace: &Workspace, folder: &str, into: &Path) -> Result<Vec<PathBuf>> {
    fs::create_dir_all(into).with_context(|| format!("cannot create {}", into.display()))?;
    workspace
        .packages_in(folder)
        .into_iter()
        .map(|package| guest(workspace, package, into))
        .collect()
}

/// Builds one guest. Each alone: together, the features of what they share would unify.
fn guest(workspace: &Workspace, package: &Package, into: &Path) -> Result<PathBuf> {
    let mut cargo = workspace.cargo_for(TARGET, "build");
    cargo.args(["--profile", "guest", "--package", &package.name]);
    process::run(&mut cargo)?;
    let built = format!("{}.wasm", package.name.replace('-', "_"));
    let built = workspace.target.join(TARGET).join("guest").join(built);
    let name = package.name.strip_prefix(ADAPTER_PREFIX);
    let name = name.with_context(|| format!("{} must be named {ADAPTER_PREFIX}NAME", package.folder.display()))?;
    let place = into.join(format!("{name}.wasm"));
    publish(&built, &place)?;
    Ok(place)
}

/// Copies in one step, and only what changed: the binary that carries the adapter is built anew when the file is.
fn publish(built: &Path, place: &Path) -> Result<()> {
    let bytes = fs::read(built).with_context(|| format!("the build left no {}", built.display()))?;
    if fs::read(place).is_ok_and(|there| there == bytes) {
        return Ok(());
    }
    let new = place.with_extension("wasm.new");
    fs::write(&new, bytes).with_context(|| format!("cannot write {}", new.display()))?;
    fs::rename(&new, place).with_context(|| format!("cannot write {}", place.display()))
}

/// Lets the binary set up a configuration and compares the adapters that it puts there.
fn carries_adapters(binary: &Path, adapters: &Path) -> Result<()> {
    let folder = binary.with_file_name(format!("init-{}", std::process::id()));
    let config = folder.join("config");
    let put = put_adapters(binary, adapters, &folder, &config);
    // It may have failed before it made the folder.
    let _ = fs::remove_dir_all(&folder);
    put.with_context(|| {
        format!(
            "{} does not carry the adapters: its build script should watch them",
            binary.display()
        )
    })
}

fn put_adapters(binary: &Path, adapters: &Path, folder: &Path, config: &Path) -> Result<()> {
    let mirrorbox = || {
        let mut command = Command::new(binary);
        command.arg("--config").arg(config);
        command
    };
    process::output(mirrorbox().arg("init").arg("--store").arg(folder.join("store")))?;
    for adapter in fs::read_dir(adapters)? {
        let adapter = adapter?.path();
        let Some(name) = adapter
            .file_stem()
            .filter(|_| adapter.extension().is_some_and(|end| end == "wasm"))
        else {
            continue;
        };
        process::output(mirrorbox().args(["adapters", "install"]).arg(name))?;
        let put = fs::read(config.join("adapters").join(name).with_extension("wasm"))?;
        ensure!(put == fs::read(&adapter)?, "{} is another one there", adapter.display());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_did_not_change_is_not_written_again() {
        let folder = std::env::temp_dir().join(format!("mirrorbox-publish-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let (built, place) = (folder.join("built.wasm"), folder.join("name.wasm"));
        let modified = || fs::metadata(&place).unwrap().modified().unwrap();
        fs::write(&built, "one").unwrap();
        publish(&built, &place).unwrap();
        let first = modified();
        publish(&built, &place).unwrap();
        assert_eq!(modified(), first);
        fs::write(&built, "two").unwrap();
        publish(&built, &place).unwrap();
        assert_eq!(fs::read(&place).unwrap(), b"two");
        fs::remove_dir_all(&folder).unwrap();
    }
}
