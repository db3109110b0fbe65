//! `mirrorbox adapters new`: a folder with an adapter to begin with.

mod templates;

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde::Serialize;

use self::templates::{Filled, files};
use super::Context;
use crate::error::{CliError, Exit};

/// A component is called so, and so are a crate, a folder and a file.
const LONGEST_NAME: usize = 40;

/// Begin an adapter: a folder with the contract, pinned tools and an adapter that keeps every rule
///
/// It stores in files until you put your backend in their place. Its README says what to type next.
#[derive(Debug, Args)]
pub(crate) struct New {
    /// What to call it, in lower-case letters, digits and `-`: the folder, the component and the destination
    name: String,
    /// The language that it is written in
    #[arg(long, value_enum)]
    lang: Language,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Language {
    Rust,
    Python,
}

/// What was made, for programs.
#[derive(Serialize)]
struct NewDocument<'a> {
    name: &'a str,
    language: &'a str,
    folder: &'a Path,
    files: Vec<PathBuf>,
    build: &'a str,
}

impl Language {
    const fn name(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::Python => "python",
        }
    }

    /// What builds the component, in its folder.
    const fn build(self) -> &'static str {
        match self {
            Self::Rust | Self::Python => "make",
        }
    }
}

impl New {
    pub(super) fn run(self, context: &mut Context) -> Result<Exit, CliError> {
        may_be_called(&self.name)?;
        let here = std::env::current_dir()
            .map_err(|error| CliError::failed(format!("the current directory cannot be found: {error}")))?;
        let folder = here.join(&self.name);
        let filled = Filled::of(&self.name, &folder.join("data"))?;
        make_folder(&folder, 0o755)?;
        let made = fill(&folder, self.lang.name(), &filled);
        if made.is_err() {
            // There is an error on its way to the user already.
            let _ = fs::remove_dir_all(&folder);
        }
        self.report(context, &folder, made?)
    }

    fn report(&self, context: &mut Context, folder: &Path, files: Vec<PathBuf>) -> Result<Exit, CliError> {
        let (name, build) = (&self.name, self.lang.build());
        if context.output.is_json() {
            let language = self.lang.name();
            context.output.json(&NewDocument {
                name,
                language,
                folder,
                files,
                build,
            })?;
            return Ok(Exit::Done);
        }
        context.output.line(format_args!(
            "made {}; {name}/README.md says what is in it",
            folder.display()
        ))?;
        context.output.line(format_args!("cd {name} && {build}"))?;
        context
            .output
            .line(format_args!("mirrorbox adapters check {name}.wasm"))?;
        Ok(Exit::Done)
    }
}

/// Writes the files of a language, and makes the folder that the adapter is granted.
fn fill(folder: &Path, language: &str, filled: &Filled) -> Result<Vec<PathBuf>, CliError> {
    let mut made = Vec::new();
    for (place, content) in files(language) {
        let place = PathBuf::from(filled.name_of(place));
        let path = folder.join(&place);
        if let Some(parent) = path.parent() {
            make_folders(parent)?;
        }
        write(&path, &filled.text(content))?;
        made.push(place);
    }
    make_folder(&folder.join("data"), 0o700)?;
    Ok(made)
}

fn may_be_called(name: &str) -> Result<(), CliError> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let begins = name.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase());
    if begins && name.bytes().all(plain) && !name.ends_with('-') && name.len() <= LONGEST_NAME {
        return Ok(());
    }
    Err(
        CliError::usage(format!("an adapter cannot be called {name:?}")).advise(format!(
            "take lower-case letters, digits and `-`, a letter first, {LONGEST_NAME} at most"
        )),
    )
}

/// Nobody but its owner may change what lies in it: the host would not open it.
fn make_folder(folder: &Path, mode: u32) -> Result<(), CliError> {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, mode);
    #[cfg(not(unix))]
    let _ = mode;
    builder.create(folder).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => {
            CliError::failed(format!("{} is there already", folder.display())).advise("take another name, or remove it")
        }
        _ => cannot_make(folder, &error),
    })
}

fn make_folders(folder: &Path) -> Result<(), CliError> {
    if folder.is_dir() {
        return Ok(());
    }
    if let Some(parent) = folder.parent() {
        make_folders(parent)?;
    }
    make_folder(folder, 0o755)
}

fn write(path: &Path, content: &[u8]) -> Result<(), CliError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o644);
    let written = options.open(path).and_then(|mut file| file.write_all(content));
    written.map_err(|error| cannot_make(path, &error))
}

fn cannot_make(path: &Path, error: &io::Error) -> CliError {
    CliError::failed(format!("cannot make {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_ones_for_a_crate_a_folder_and_a_file() {
        for name in ["a", "mine", "my-store-2"] {
            assert!(may_be_called(name).is_ok(), "{name}");
        }
        for name in ["", "-a", "a-", "2a", "A", "a/b", "..", "a_b", "ä", &"a".repeat(41)] {
            assert!(may_be_called(name).is_err(), "{name}");
        }
    }

    #[test]
    fn every_language_has_its_files() {
        for language in Language::value_variants() {
            let places: Vec<_> = files(language.name()).map(|(place, _)| place).collect();
            for wanted in ["README.md", "__NAME__.toml", "gitignore"] {
                assert!(places.contains(&wanted), "{language:?}: {places:?}");
            }
            assert!(
                places.iter().any(|place| place.ends_with("adapter.wit")),
                "{language:?}"
            );
        }
    }
}
