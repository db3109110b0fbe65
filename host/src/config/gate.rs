//! The one gate to the files that decide what is run here: `mirrorbox.toml`, `adapters.lock`, manifests and components.
//!
//! Only their owner, the user of this process, and root may be able to change such a file: not by its mode, not
//! by its owner, and not by way of a directory or a link that leads to it. [`FileGate::file`] and
//! [`FileGate::directory`] check all of that and open nothing, so a fifo blocks no caller. What passed cannot be
//! exchanged by another user between the check and opening.
//!
//! A sticky directory that others can write to is fine where its owner is: they can add names there, but neither remove
//! nor rename ours, and what they add belongs to them. A file system that is mounted read-only is fine whatever it
//! says, for nobody can write to it from here; containers mount configurations like that.

mod rejected;
mod trust;
mod way;

use std::fs::Metadata;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use super::ConfigError;
use super::directory::FileStamp;
pub use rejected::Rejected;
use trust::Trust;
use way::ResolvedPath;

/// The largest `mirrorbox.toml` that is read, in bytes: 256 KiB, as of a manifest.
pub(super) const MAX_MAIN_FILE: u64 = 256 << 10;

/// The largest `adapters.lock` that is read, in bytes: 16 MiB, a thousand adapters with a hundred permissions each.
pub(super) const MAX_LOCK: u64 = 16 << 20;

/// What is wrong, and with which file or directory: it may be one on the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FileFault {
    pub(super) path: PathBuf,
    pub(super) refusal: Rejected,
}

/// Looks at files and directories of one configuration.
#[derive(Clone, Debug)]
pub(super) struct FileGate {
    trust: Trust,
}

impl FileGate {
    /// For the files of the directory `dir`: a configuration, an adapter directory, a host's state.
    pub(super) fn of(dir: &Path) -> Self {
        Self { trust: Trust::of(dir) }
    }

    /// Looks at a directory and everything on the way to it; where it lies, links resolved.
    pub(super) fn directory(&self, path: &Path) -> Result<PathBuf, FileFault> {
        let ResolvedPath { target, metadata } = self.way(path)?;
        self.check_directory(&target, &metadata)?;
        Ok(target)
    }

    /// Looks at a file of at most `most` bytes and everything on the way to it; where it lies, links resolved, and
    /// which file it is.
    pub(super) fn file(&self, path: &Path, most: u64) -> Result<(PathBuf, FileStamp), FileFault> {
        let (target, metadata) = self.resolve(path)?;
        let stamp = self.check_file(path, &metadata)?;
        match stamp.size() > most {
            true => Err(FileFault::of(path, Rejected::Large(most))),
            false => Ok((target, stamp)),
        }
    }

    /// Looks at everything on the way to what a path stands for; where that lies, links resolved, and what it is.
    pub(super) fn resolve(&self, path: &Path) -> Result<(PathBuf, Metadata), FileFault> {
        let ResolvedPath { target, metadata } = self.way(path)?;
        Ok((target, metadata))
    }

    /// Looks at what a name stands for, which is no link: the way to it was looked at already.
    pub(super) fn check_file(&self, path: &Path, metadata: &Metadata) -> Result<FileStamp, FileFault> {
        match metadata.is_file() {
            false => Err(FileFault::of(path, Rejected::NotAFile)),
            true => match self.trust.objection(path, metadata) {
                Some(refusal) => Err(FileFault::of(path, refusal)),
                None => Ok(FileStamp::of(metadata)),
            },
        }
    }

    /// Reads a text file that may be read; `None` if it is missing. Blocks for the disk.
    pub(super) fn read(&self, path: &Path, most: u64) -> Result<Option<String>, ConfigError> {
        match std::fs::symlink_metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            _ => self.file(path, most)?,
        };
        super::text::read(path, most)
    }

    fn way(&self, path: &Path) -> Result<ResolvedPath, FileFault> {
        ResolvedPath::to(
            path,
            |dir, metadata| self.check_directory(dir, metadata),
            |link, metadata| match self.trust.owns_link(link, metadata) {
                true => Ok(()),
                false => Err(FileFault::of(link, Rejected::foreign(metadata))),
            },
        )
    }

    fn check_directory(&self, dir: &Path, metadata: &Metadata) -> Result<(), FileFault> {
        match self.trust.objection(dir, metadata) {
            // Others may add names there, and leave ours alone.
            Some(Rejected::WorldWritable | Rejected::GroupWritable) if trust::is_sticky(metadata) => Ok(()),
            Some(refusal) => Err(FileFault::of(dir, refusal)),
            None => Ok(()),
        }
    }
}

impl FileFault {
    pub(super) fn of(path: &Path, refusal: Rejected) -> Self {
        Self {
            path: path.to_owned(),
            refusal,
        }
    }

    pub(super) fn of_io(path: &Path, error: &io::Error) -> Self {
        Self::of(path, Rejected::Unreadable(error.kind()))
    }
}

impl From<FileFault> for ConfigError {
    fn from(fault: FileFault) -> Self {
        Self::Refused {
            path: fault.path,
            refusal: fault.refusal,
        }
    }
}

/// Looks at a file that a host kept for itself: nobody else may have put it there. Opens nothing.
#[cfg(feature = "wasm")]
pub(crate) fn check_file(path: &Path) -> Result<(), ConfigError> {
    FileGate::of(path.parent().unwrap_or(path)).file(path, u64::MAX)?;
    Ok(())
}

/// Reads a regular file of at most `most` bytes, even if others may write to it: the user names it, and it runs only
/// once the user has put it into a configuration. Anything else is refused before it is opened. Blocks for the disk.
pub fn read_file(path: &Path, most: u64) -> Result<Vec<u8>, ConfigError> {
    let failed = |source| ConfigError::Read {
        path: path.to_owned(),
        source,
    };
    let refused = |refusal| Err(ConfigError::from(FileFault::of(path, refusal)));
    let metadata = std::fs::metadata(path).map_err(failed)?;
    if !metadata.is_file() {
        return refused(Rejected::NotAFile);
    }
    let mut bytes = Vec::new();
    // No further than the limit, whatever the file's length is said to be.
    let file = std::fs::File::open(path).map_err(failed)?;
    file.take(most + 1).read_to_end(&mut bytes).map_err(failed)?;
    match bytes.len() as u64 > most {
        true => refused(Rejected::Large(most)),
        false => Ok(bytes),
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
