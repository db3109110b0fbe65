//! Every way to the disk, small enough that tests can put another disk below it: one that fails, fills up and forgets.
//!
//! Paths are relative to a directory of the host's own (`<state>/spool`, say). A file's bytes are safe behind
//! [`DiskFile::sync`], a name behind [`Disk::sync_dir`] of the directory that it is in.

mod failing;
mod folder;
#[cfg(test)]
pub(crate) mod simulated;

use std::any::Any;
use std::fmt::Debug;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(crate) use failing::may_fail;
#[cfg(all(test, feature = "agent"))]
pub(crate) use failing::{fail, heal};
pub(crate) use folder::{Folder, private_dirs};

/// Enough that a system call is nothing beside the work on what it moves.
pub(crate) const BUFFER: usize = 256 << 10;

/// Held until it is dropped, or until the process is no more.
pub(crate) type Lock = Box<dyn Any + Send + Sync>;

/// A directory and what is in it.
pub(crate) trait Disk: Debug + Send + Sync {
    /// The whole path, for people.
    fn name_of(&self, path: &Path) -> PathBuf;

    /// Makes a directory in one that is there, for nobody else's eyes; fine if it is there already.
    fn make_dir(&self, path: &Path) -> io::Result<()>;

    /// Makes a file that must not be there yet.
    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;

    /// Opens a file that is there.
    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;

    /// Moves a file, over another if need be.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Removes a directory and everything in it.
    fn remove_tree(&self, path: &Path) -> io::Result<()>;

    /// The names in a directory.
    fn list(&self, path: &Path) -> io::Result<Vec<String>>;

    /// Returns once the names in a directory are on disk.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;

    /// Locks a file, which is made if it is not there; none if another process, or another lock in this one, has it.
    fn try_lock(&self, path: &Path) -> io::Result<Option<Lock>>;

    /// Locks a file, which is made if it is not there, as soon as nobody else has it.
    fn lock(&self, path: &Path) -> io::Result<Lock>;
}

/// An open file. Reading and writing at once is fine, as long as it is not the same bytes.
pub(crate) trait DiskFile: Debug + Send + Sync {
    /// Its length in bytes.
    fn size(&self) -> io::Result<u64>;

    /// Reads some bytes; none at the end.
    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Writes all bytes. After an error some of them may be there.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Cuts the file.
    fn set_size(&self, size: u64) -> io::Result<()>;

    /// Returns once the bytes are on disk, and the length. After an error, nobody knows what is: the system may take
    /// what it could not write for written.
    fn sync(&self) -> io::Result<()>;
}

/// Removes a file that may not be there.
pub(crate) fn remove_if_there(disk: &dyn Disk, path: &Path) -> io::Result<()> {
    match disk.remove(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Removes a directory that may not be there, and everything in it.
pub(crate) fn remove_tree_if_there(disk: &dyn Disk, path: &Path) -> io::Result<()> {
    match disk.remove_tree(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Makes an empty file, whatever was there.
pub(crate) fn create_anew(disk: &dyn Disk, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
    remove_if_there(disk, path)?;
    disk.create(path)
}

/// Replaces a small file: a reader, even after a crash, sees the old bytes or the new ones.
pub(crate) fn replace(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace_by(disk, &path.with_extension("new"), path, bytes)
}

/// [`replace`] with a temporary name of the caller's: for a file that several processes may replace at a time.
pub(crate) fn replace_by(disk: &dyn Disk, temporary: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let file = create_anew(disk, temporary)?;
    file.write_at(bytes, 0)?;
    file.sync()?;
    disk.rename(temporary, path)?;
    disk.sync_dir(parent(path))
}

/// Replaces a small file that may be lost, but never half there: it is not synced.
pub(crate) fn replace_hint(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = path.with_extension("new");
    create_anew(disk, &temporary)?.write_at(bytes, 0)?;
    disk.rename(&temporary, path)
}

/// A whole file, if it is a small one.
pub(crate) fn read_small(file: &dyn DiskFile) -> io::Result<Vec<u8>> {
    const MOST: u64 = 1 << 20;
    if file.size()? > MOST {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    read_whole(file)
}

/// A whole file. Of one's own, whose size is known to be bearable.
pub(crate) fn read_whole(file: &dyn DiskFile) -> io::Result<Vec<u8>> {
    let size = file.size()?;
    let mut bytes = vec![0; usize::try_from(size).unwrap_or_default()];
    let mut filled = 0;
    while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, filled as u64)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => filled += read,
        }
    }
    Ok(bytes)
}

/// The directory that a file is in.
pub(crate) fn parent(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new(""))
}

/// Copies the bytes from `from` to `to` to place `at` of a file.
pub(crate) fn copy(source: &Arc<dyn DiskFile>, from: u64, to: u64, into: &dyn DiskFile, at: u64) -> io::Result<()> {
    let mut section = Section::new(source.clone(), from, to);
    let mut buffer = vec![0; BUFFER];
    let mut copied = 0;
    while copied < to - from {
        let read = section.read(&mut buffer)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        into.write_at(buffer.get(..read).unwrap_or_default(), at + copied)?;
        copied += read as u64;
    }
    Ok(())
}

/// A part of a file, read from its beginning.
#[derive(Debug)]
pub(crate) struct Section {
    file: Arc<dyn DiskFile>,
    at: u64,
    end: u64,
}

impl Section {
    pub(crate) fn new(file: Arc<dyn DiskFile>, at: u64, end: u64) -> Self {
        Self { file, at, end }
    }
}

impl Read for Section {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let most = left.min(into.len());
        let read = self.file.read_at(into.get_mut(..most).unwrap_or_default(), self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}
