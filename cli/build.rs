//! Puts the adapters that come with the command into the binary, as far as they have been built:
//! `<target directory>/adapters/NAME.wasm`, or those in the folder that `MIRRORBOX_ADAPTERS` names.
#![allow(clippy::disallowed_macros, reason = "cargo reads what a build script prints")]

use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// As in `src/built_in.rs`.
const NAMES: [&str; 4] = ["fs", "postgres", "redis", "s3"];

/// Names a folder: a target directory that lies in another one does not say which of the two is meant.
const ADAPTERS: &str = "MIRRORBOX_ADAPTERS";

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=build.rs");
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or(io::ErrorKind::NotFound)?);
    println!("cargo::rerun-if-env-changed={ADAPTERS}");
    let named = env::var_os(ADAPTERS).map(PathBuf::from);
    let adapters = named.or_else(|| Some(target_dir(&out)?.join("adapters")));
    for name in NAMES {
        let file = format!("{name}.wasm");
        let bytes = match &adapters {
            Some(adapters) => {
                let adapter = adapters.join(&file);
                println!("cargo::rerun-if-changed={}", adapter.display());
                fs::read(adapter).or_else(not_built)?
            }
            None => Vec::new(),
        };
        fs::write(out.join(file), bytes)?;
    }
    Ok(())
}

/// Nothing yet: the command says so when it is asked for it.
fn not_built(error: io::Error) -> io::Result<Vec<u8>> {
    match error.kind() {
        io::ErrorKind::NotFound => Ok(Vec::new()),
        _ => Err(error),
    }
}

/// The directory that cargo has marked as its own.
fn target_dir(out: &Path) -> Option<&Path> {
    out.ancestors().filter(|dir| dir.join("CACHEDIR.TAG").is_file()).last()
}
