//! Building the standard library from source, and putting it where rustup would.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::compiler::Compiler;
use super::{TARGET, not_writable};
use crate::process;
use crate::workspace::cargo_program;

/// What a build needs, unpacked.
#[derive(Debug)]
pub(super) struct StdSources {
    /// The folder `library` of the compiler's sources.
    pub(super) library: PathBuf,
    /// The folder with the C library: [`LIBC_FILES`].
    pub(super) libc: PathBuf,
}

/// What the linker takes from wasi-libc: start-up code of programs and of libraries, and the library.
const LIBC_FILES: [&str; 3] = ["crt1-command.o", "crt1-reactor.o", "libc.a"];

/// The folder to build in, gone when dropped.
#[derive(Debug)]
pub(super) struct Scratch(PathBuf);

impl Scratch {
    /// One in the sysroot: there the result is moved into place in one step, and the path, which a compiled crate
    /// remembers, is the same for every build with this compiler.
    pub(super) fn beside(compiler: &Compiler) -> Result<Scratch> {
        let path = compiler.targets.join(format!(".{TARGET}-build"));
        Scratch::at(path).map_err(|error| not_writable(compiler, error))
    }

    /// An empty folder at this path; what a killed run left there is removed.
    pub(super) fn at(path: PathBuf) -> io::Result<Scratch> {
        if path.exists() {
            fs::remove_dir_all(&path)?;
        }
        fs::create_dir(&path)?;
        Ok(Scratch(path))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed now is removed by the next build.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Builds the standard library; the folder that belongs at [`Compiler::std_folder`].
pub(super) fn build(compiler: &Compiler, sources: &StdSources, scratch: &Path) -> Result<PathBuf> {
    let vendored = sources.library.join("vendor");
    if vendored.exists() {
        // Debian strips the prebuilt object that one of these crates comes with; the registry's crates are the same.
        fs::remove_dir_all(&vendored).with_context(|| format!("cannot remove {}", vendored.display()))?;
    }
    let out = scratch.join("out");
    process::output(&mut cargo(compiler, &sources.library, &out)).context("the standard library does not build")?;
    let staged = scratch.join("staged");
    stage(&out, &sources.libc, &staged)?;
    Ok(staged)
}

fn cargo(compiler: &Compiler, library: &Path, out: &Path) -> Command {
    // Like the official build: messages of panics do not tell where it was built.
    let official = format!(
        "/rustc/{}/library",
        compiler.commit.as_deref().unwrap_or(&compiler.release)
    );
    let mut remap = OsString::from("--remap-path-prefix=");
    remap.push(library);
    remap.push("=");
    remap.push(official);
    // Flags that hold a path with a space in it need the encoded form.
    let mut flags = OsString::from("-Zforce-unstable-if-unmarked\x1f-Cembed-bitcode=yes\x1f-Cpanic=abort\x1f");
    flags.push(remap);

    let mut cargo = Command::new(cargo_program());
    // Development dependencies are not in the lock file that the compiler's sources come with.
    cargo.args([
        "-Zavoid-dev-deps",
        "build",
        "--quiet",
        "--package",
        "sysroot",
        "--release",
        "--target",
        TARGET,
    ]);
    cargo.arg("--target-dir").arg(out).current_dir(library);
    cargo.env("RUSTC_BOOTSTRAP", "1").env("CARGO_ENCODED_RUSTFLAGS", flags);
    for wrapper in ["RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER"] {
        cargo.env_remove(wrapper);
    }
    cargo
}

/// Lays `out` and the C library out as rustup does.
fn stage(out: &Path, libc: &Path, staged: &Path) -> Result<()> {
    let lib = staged.join("lib");
    let self_contained = lib.join("self-contained");
    fs::create_dir_all(&self_contained)?;
    for file in LIBC_FILES {
        move_file(&libc.join(file), &self_contained.join(file))?;
    }
    let deps = out.join(TARGET).join("release").join("deps");
    let mut crates = 0;
    for entry in fs::read_dir(&deps).with_context(|| format!("cannot list {}", deps.display()))? {
        let path = entry?.path();
        if let Some(name) = path
            .file_name()
            .filter(|_| path.extension().is_some_and(|kind| kind == "rlib"))
        {
            move_file(&path, &lib.join(name))?;
            crates += 1;
        }
    }
    ensure!(crates > 0, "the build left no crates in {}", deps.display());
    Ok(())
}

fn move_file(from: &Path, to: &Path) -> Result<()> {
    fs::rename(from, to).with_context(|| format!("cannot move {} to {}", from.display(), to.display()))
}

/// Moves the new folder into place; one that did not work makes way.
pub(super) fn install(compiler: &Compiler, staged: &Path, replaced: &Path) -> Result<()> {
    let place = compiler.std_folder();
    if place.exists() {
        fs::rename(&place, replaced).map_err(|error| not_writable(compiler, error))?;
    }
    fs::rename(staged, &place).map_err(|error| not_writable(compiler, error))
}
