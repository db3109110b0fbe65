use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::FileStamp;
use crate::config::gate::{FileFault, FileGate, Rejected};

/// The directory that everything must lie in.
pub(super) struct CheckedDir {
    gate: FileGate,
    /// Where it lies, links resolved, if it may be looked into.
    path: Result<PathBuf, FileFault>,
}

impl CheckedDir {
    /// Fails if it cannot be looked at; what is wrong with it is [`CheckedDir::refusal`].
    pub(super) fn of(dir: &Path) -> io::Result<Self> {
        fs::symlink_metadata(dir)?;
        let gate = FileGate::of(dir);
        let path = gate.directory(dir);
        Ok(Self { gate, path })
    }

    /// What is wrong with the directory itself, or with one above it.
    pub(super) fn refusal(&self) -> Option<&FileFault> {
        self.path.as_ref().err()
    }

    /// Looks at a directory entry; opens nothing.
    pub(super) fn check(&self, path: &Path) -> Result<FileStamp, FileFault> {
        let base = self.path.as_ref().map_err(FileFault::clone)?;
        let itself = fs::symlink_metadata(path).map_err(|error| FileFault::of_io(path, &error))?;
        if !itself.is_symlink() {
            return self.gate.check_file(path, &itself);
        }
        let (target, metadata) = self.gate.resolve(path)?;
        match target.starts_with(base) {
            true => self.gate.check_file(path, &metadata),
            false => Err(FileFault::of(path, Rejected::Outside)),
        }
    }
}
