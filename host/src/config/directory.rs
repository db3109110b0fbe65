//! The adapter directory, name by name: what stands under each, and what is wrong with it.
//!
//! [`scan`] only looks: no file is opened, so a fifo holds nobody up and a huge file costs nothing. What is wrong with
//! one name never hurts another. [`Found::manifest`] reads the manifest of a name with which nothing is wrong.
//!
//! What is looked past: names that begin with a dot, and all that do not end in `.wasm` or `.toml`. A program that
//! copies a file here in parts does so under such a name, then renames it.

mod check;
mod stamp;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

pub use stamp::FileStamp;

pub use super::gate::Rejected;

use super::gate::FileFault;
use super::{ConfigError, Manifest};
use check::CheckedDir;

/// The largest component that is looked into, in bytes: 256 MiB. Language runtimes take about 20.
pub const MAX_COMPONENT: u64 = 256 << 20;

/// The largest manifest that is read, in bytes: 256 KiB.
pub const MAX_MANIFEST: u64 = 256 << 10;

/// What stands under one name in the adapter directory.
///
/// Two that are equal are of the same files, as far as can be told without opening them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    component: Option<DirectoryEntry>,
    manifest: Option<DirectoryEntry>,
    /// What is wrong with the name itself, or with the directory.
    refused: Option<FileFault>,
}

/// A directory entry.
#[derive(Clone, Debug, PartialEq, Eq)]
struct DirectoryEntry {
    /// The path in the directory.
    path: PathBuf,
    /// The file behind it, if it may be opened.
    file: Result<FileStamp, FileFault>,
}

/// Whether a destination can have this name: it becomes a directory's name in several places.
pub fn is_destination_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= 200 && !name.starts_with('.') && !name.contains(['/', '\\', '\0'])
}

/// Looks at everything in the adapter directory; at nothing if it is missing. Blocks for the disk.
pub fn scan(dir: &Path) -> io::Result<BTreeMap<String, Found>> {
    let base = match CheckedDir::of(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        base => base?,
    };
    let mut names: BTreeMap<String, Found> = BTreeMap::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let Some(stem) = path.file_stem().filter(|stem| !is_hidden(stem)) else {
            continue;
        };
        let name = stem.to_string_lossy().into_owned();
        let place = || DirectoryEntry {
            path: path.clone(),
            file: base.check(&path),
        };
        let found = match path.extension().and_then(OsStr::to_str) {
            Some("wasm") => {
                let found = names.entry(name.clone()).or_default();
                found.component = Some(place());
                found
            }
            Some("toml") => {
                let found = names.entry(name.clone()).or_default();
                found.manifest = Some(place());
                found
            }
            _ => continue,
        };
        found.refused = match base.refusal() {
            Some(fault) => Some(fault.clone()),
            None if stem.to_str().is_some_and(is_destination_name) => None,
            None => Some(FileFault::of(&path, Rejected::Name)),
        };
    }
    Ok(names)
}

impl Found {
    /// Whether there is a component, whatever may be wrong with it.
    pub fn has_component(&self) -> bool {
        self.component.is_some()
    }

    /// The component's file, if nothing is wrong with what stands there.
    pub fn component(&self) -> Result<&Path, ConfigError> {
        if let Some(fault) = &self.refused {
            return Err(fault.clone().into());
        }
        if let Some(manifest) = &self.manifest {
            manifest.usable(MAX_MANIFEST)?;
        }
        match (&self.component, &self.manifest) {
            (Some(component), _) => component.usable(MAX_COMPONENT),
            (None, Some(manifest)) => Err(FileFault::of(&manifest.path, Rejected::Orphan).into()),
            (None, None) => Err(FileFault::of(Path::new(""), Rejected::Absent).into()),
        }
    }

    /// The manifest and its text; the default one, which grants nothing, where there is no file. Blocks for the disk.
    pub fn manifest(&self) -> Result<(Manifest, Option<String>), ConfigError> {
        if let Some(fault) = &self.refused {
            return Err(fault.clone().into());
        }
        let Some(place) = &self.manifest else {
            return Ok((Manifest::default(), None));
        };
        let path = place.usable(MAX_MANIFEST)?;
        match super::text::read(path, MAX_MANIFEST)? {
            Some(text) => Ok((Manifest::parse(path, &text)?, Some(text))),
            None => Ok((Manifest::default(), None)),
        }
    }
}

impl DirectoryEntry {
    fn usable(&self, most: u64) -> Result<&Path, ConfigError> {
        match &self.file {
            Err(fault) => Err(fault.clone().into()),
            Ok(stamp) if stamp.size() > most => Err(FileFault::of(&self.path, Rejected::Large(most)).into()),
            Ok(_) => Ok(&self.path),
        }
    }
}

fn is_hidden(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b".")
}

#[cfg(test)]
mod tests;
