//! Puts the adapters that come with the command into the binary, as far as they have been built:
//! `<target directory>/adapters/NAME.wasm`, or those in the folder that `MIRRORBOX_ADAPTERS` names. And the files
//! that `mirrorbox adapters new` writes: those of `sdk-guest`, of the example and of the contract, wherever they lie.
#![allow(clippy::disallowed_macros, reason = "cargo reads what a build script prints")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// As in `src/built_in.rs`.
const NAMES: [&str; 4] = ["fs", "postgres", "redis", "s3"];

/// Names a folder: a target directory that lies in another one does not say which of the two is meant.
const ADAPTERS: &str = "MIRRORBOX_ADAPTERS";

/// What the folder of an adapter in each language is made of: a folder or file from the root of the repository, and
/// where it goes.
const LANGUAGES: [(&str, &[(&str, &str)]); 2] = [
    (
        "rust",
        &[
            ("sdk-guest/rust/template", ""),
            ("examples/adapter/src", "src"),
            ("sdk-guest/src", "mirrorbox-adapter/src"),
            ("sdk-guest/LICENSE", "mirrorbox-adapter/LICENSE"),
            ("wit", "mirrorbox-adapter/wit"),
            // The versions that it was tried with. Cargo takes out what such an adapter does not need.
            ("Cargo.lock", "Cargo.lock"),
        ],
    ),
    (
        "python",
        &[
            ("sdk-guest/python/template", ""),
            ("sdk-guest/python/mirrorbox_adapter", "mirrorbox_adapter"),
            ("sdk-guest/worlds/guest.wit", "wit/guest.wit"),
            ("wit/adapter.wit", "wit/deps/adapter/adapter.wit"),
            ("wit/deps", "wit/deps"),
        ],
    ),
];

/// What lies beside sources without being a source.
const PASSED_OVER: [&str; 1] = ["__pycache__"];

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=build.rs");
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or(io::ErrorKind::NotFound)?);
    fs::write(out.join("languages.rs"), languages()?)?;
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

/// The files of each language, as an expression for `src/command/adapters/new/templates.rs`.
fn languages() -> io::Result<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut text = String::from("[\n");
    for (language, sources) in LANGUAGES {
        let _ = writeln!(text, "({language:?}, [");
        for (from, to) in sources {
            let from = root.join(from);
            println!("cargo::rerun-if-changed={}", from.display());
            for (path, place) in files(&from, PathBuf::from(to))? {
                let path = path.canonicalize()?;
                let _ = writeln!(
                    text,
                    "({:?}, include_bytes!({path:?}).as_slice()),",
                    place.to_string_lossy()
                );
            }
        }
        text += "].as_slice()),\n";
    }
    Ok(text + "]")
}

/// A file, or all files of a folder, each with its place below `to`: sorted.
fn files(from: &Path, to: PathBuf) -> io::Result<Vec<(PathBuf, PathBuf)>> {
    if !from.is_dir() {
        return Ok(vec![(from.to_owned(), to)]);
    }
    let mut entries = fs::read_dir(from)?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    let mut found = Vec::new();
    for entry in entries {
        let name = entry.file_name();
        if !PASSED_OVER.iter().any(|passed| name == *passed) {
            found.extend(files(&entry.path(), to.join(name))?);
        }
    }
    Ok(found)
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
