//! A standard library for wasm32-wasip2, which every guest is built for.
//!
//! | way | when | cost |
//! | --- | --- | --- |
//! | it is there | a guest of three lines links with it | half a second |
//! | `rustup target add` | else | a download of 20 MB |
//! | built from Debian's sources of exactly this compiler | if rustup has none | a minute, 50 MB |
//! | built from the folder `WASM_STD_SOURCES` | if that is set and Debian has none | half a minute |
//!
//! Whichever way it came, guests may import the same from the host: `each_way` tests that.
//!
//! What a build leaves in the compiler's sysroot is what rustup would put there, so guests are ordinary
//! `cargo build --target wasm32-wasip2` builds in every case. Nothing is installed into the system.

use std::env;
use std::fmt::Write as _;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Error, Result};

mod compiler;
mod debian;
#[cfg(test)]
mod each_way;
mod folder;
mod probe;
mod std_build;

use crate::process;
use crate::workspace::Workspace;
use compiler::Compiler;
use std_build::{Scratch, StdSources};

/// The triple, as everybody spells it.
pub(crate) const TARGET: &str = "wasm32-wasip2";

/// How long rustup may take: a slow line needs minutes, a firewall that drops packets would take for ever.
const RUSTUP_LIMIT: Duration = Duration::from_secs(180);

/// Makes sure that the compiler can link guests.
pub(crate) fn ensure(workspace: &Workspace) -> Result<()> {
    let compiler = Compiler::find()?;
    let Err(refusal) = probe::link(&compiler, &workspace.target) else {
        return Ok(());
    };
    let _turn = take_turn(&compiler)?;
    // The process that held the lock before may have done the work.
    if probe::link(&compiler, &workspace.target).is_ok() {
        return Ok(());
    }
    if compiler.std_folder().exists() {
        eprintln!(
            "The {TARGET} standard library of rustc {} is there but does not work: {refusal:#}",
            compiler.release
        );
    } else {
        eprintln!("rustc {} has no standard library for {TARGET} yet.", compiler.release);
    }
    let mut failures = Vec::new();
    for way in ways(named_folder()) {
        eprintln!("{}", way.announce(&compiler));
        match way
            .take(&compiler)
            .and_then(|()| probe::link(&compiler, &workspace.target))
        {
            Ok(()) => {
                eprintln!("{TARGET} is ready, in {}.", compiler.std_folder().display());
                return Ok(());
            }
            Err(failure) => {
                eprintln!("That failed.");
                failures.push((way, failure));
            }
        }
    }
    Err(none_worked(&compiler, &failures))
}

/// A way to get the standard library.
#[derive(Debug)]
enum Way {
    Rustup,
    Folder(PathBuf),
    Debian,
}

/// The ways to try, best first: what every newcomer gets comes before what only this machine has.
fn ways(folder: Option<PathBuf>) -> Vec<Way> {
    let folder = folder.map(Way::Folder);
    [Way::Rustup, Way::Debian].into_iter().chain(folder).collect()
}

/// The folder of sources that the caller names in `WASM_STD_SOURCES`.
fn named_folder() -> Option<PathBuf> {
    let folder = env::var_os("WASM_STD_SOURCES").filter(|folder| !folder.is_empty());
    folder.map(PathBuf::from)
}

impl Way {
    fn name(&self) -> String {
        match self {
            Way::Rustup => format!("rustup target add {TARGET}"),
            Way::Folder(folder) => format!("a build from the sources in {} (WASM_STD_SOURCES)", folder.display()),
            Way::Debian => "a build from Debian's sources".to_owned(),
        }
    }

    fn announce(&self, compiler: &Compiler) -> String {
        let release = &compiler.release;
        match self {
            Way::Rustup => {
                let limit = RUSTUP_LIMIT.as_secs() / 60;
                format!("Asking rustup for it (`rustup target add {TARGET}`, {limit} minutes at most).")
            }
            Way::Folder(folder) => format!(
                "Building it from the sources of rustc {release} in {} (WASM_STD_SOURCES): about half a minute, once \
                 per compiler. Some crates come from the crate registry.",
                folder.display()
            ),
            Way::Debian => format!(
                "Building it from Debian's packages of the sources of rustc {release} and of wasi-libc: about 50 MB and \
                 a minute, once per compiler. The packages are unpacked into a temporary folder; nothing is installed \
                 into the system, and apt's own lists stay as they are."
            ),
        }
    }

    fn take(&self, compiler: &Compiler) -> Result<()> {
        match self {
            Way::Rustup => add_by_rustup(TARGET),
            Way::Folder(folder) => install(compiler, |scratch| folder::fetch(folder, compiler, scratch)),
            Way::Debian => install(compiler, |scratch| debian::fetch(compiler, scratch)),
        }
    }
}

/// Has rustup fetch a target's standard library. Fails where there is no rustup, or it cannot reach its server.
pub(crate) fn add_by_rustup(target: &str) -> Result<()> {
    // Its backtraces would push the reason out of the message.
    let mut rustup = Command::new("rustup");
    process::run_within(
        RUSTUP_LIMIT,
        rustup.args(["target", "add", target]).env_remove("RUST_BACKTRACE"),
    )
}

fn install(compiler: &Compiler, fetch: impl FnOnce(&Path) -> Result<StdSources>) -> Result<()> {
    let scratch = Scratch::beside(compiler)?;
    let sources = fetch(scratch.path())?;
    let built = std_build::build(compiler, &sources, scratch.path())?;
    std_build::install(compiler, &built, &scratch.path().join("replaced"))
}

/// One process at a time changes a compiler's sysroot; the others wait here.
fn take_turn(compiler: &Compiler) -> Result<File> {
    let path = compiler.targets.join(format!(".{TARGET}.lock"));
    let options = File::options().create(true).append(true).open(&path);
    let file = options.map_err(|error| not_writable(compiler, error))?;
    if file.try_lock().is_err() {
        eprintln!("Waiting for another process that is getting the {TARGET} standard library.");
    }
    file.lock().with_context(|| format!("cannot lock {}", path.display()))?;
    Ok(file)
}

fn not_writable(compiler: &Compiler, error: std::io::Error) -> Error {
    Error::new(error).context(format!(
        "rustc {} cannot link for {TARGET}, and its folder {} is not ours to write. Either let its owner run \
         `cargo xtask setup` once, or use a toolchain of your own (rustup keeps them in your home folder); for a \
         compiler from a distribution, install its {TARGET} standard library (Debian: libstd-rust-dev-wasm32).",
        compiler.release,
        compiler.targets.display()
    ))
}

fn none_worked(compiler: &Compiler, failures: &[(Way, Error)]) -> Error {
    let release = &compiler.release;
    let mut message = format!("rustc {release} has no {TARGET} standard library, and no way to get one worked.\n");
    for (number, (way, failure)) in (1..).zip(failures) {
        let reason = format!("{failure:#}").replace('\n', "\n     ");
        let _ = writeln!(message, "  {number}. {}\n     {reason}", way.name());
    }
    let _ = write!(
        message,
        "What you can do: on a machine that reaches rustup's server, run `rustup target add {TARGET}`. Or set \
         WASM_STD_SOURCES to a folder with {} (the folder `library` of this compiler's sources) and {} (Debian's \
         wasi-libc, 2026 or newer: usr/lib/{TARGET}), and run this again.",
        folder::library_archive(release),
        folder::LIBC_ARCHIVE,
    );
    Error::msg(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_of_sources_is_the_last_way() {
        let names = |folder| ways(folder).iter().map(Way::name).collect::<Vec<_>>();
        assert_eq!(names(None).len(), 2);
        let with_folder = names(Some("/sources".into()));
        assert!(with_folder.starts_with(&names(None)) && with_folder.len() == 3);
        assert!(
            with_folder[0].contains("rustup") && with_folder[2].contains("/sources"),
            "{with_folder:?}"
        );
    }

    #[test]
    fn the_last_error_says_what_was_tried_and_what_to_do() {
        let compiler = Compiler::parse("release: 1.95.0\ncommit-hash: abc\n", "/toolchain".into()).unwrap();
        let failures = [
            (Way::Rustup, Error::msg("no line\nto the server")),
            (Way::Debian, Error::msg("disk full").context("cannot unpack")),
        ];
        let message = none_worked(&compiler, &failures).to_string();
        for part in [
            "1. rustup target add",
            "no line\n     to the server",
            "2. a build",
            "cannot unpack: disk full",
        ] {
            assert!(message.contains(part), "{part} is missing in: {message}");
        }
        assert!(message.contains("rust-library-1.95.0.tar.xz"), "{message}");
    }
}
