use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cap_std::ambient_authority;
use cap_std::fs::{Dir, DirBuilder, OpenOptions};

use super::{Disk, DiskFile, Lock, may_fail};

/// A directory of the file system; no name leads out of it.
#[derive(Debug)]
pub(crate) struct Folder {
    dir: Dir,
    path: PathBuf,
}

impl Folder {
    /// Opens a directory; makes it, and those above it, if it is not there.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let path = std::path::absolute(path)?;
        let missing: Vec<_> = path.ancestors().take_while(|dir| !dir.exists()).collect();
        for dir in missing.into_iter().rev() {
            make_outside(dir)?;
        }
        Self::open_existing(&path)
    }

    /// Opens a directory that is there; fails with `NotFound` where it is not.
    pub(crate) fn open_existing(path: &Path) -> io::Result<Self> {
        let path = std::path::absolute(path)?;
        Ok(Self {
            dir: Dir::open_ambient_dir(&path, ambient_authority())?,
            path,
        })
    }

    fn open_with(&self, path: &Path, options: &mut OpenOptions) -> io::Result<File> {
        may_fail(&self.path.join(path))?;
        options.read(true).write(true);
        #[cfg(unix)]
        cap_std::fs::OpenOptionsExt::mode(options, 0o600);
        Ok(self.dir.open_with(path, options)?.into_std())
    }

    fn lock_file(&self, path: &Path) -> io::Result<File> {
        self.open_with(path, OpenOptions::new().create(true))
    }
}

impl Disk for Folder {
    fn name_of(&self, path: &Path) -> PathBuf {
        self.path.join(path)
    }

    fn make_dir(&self, path: &Path) -> io::Result<()> {
        #[cfg_attr(not(unix), expect(unused_mut, reason = "modes are a Unix thing"))]
        let mut builder = DirBuilder::new();
        #[cfg(unix)]
        cap_std::fs::DirBuilderExt::mode(&mut builder, 0o700);
        match self.dir.create_dir_with(path, &builder) {
            // A file of that name is no directory.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && self.dir.is_dir(path) => Ok(()),
            made => made,
        }
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        Ok(Arc::new(self.open_with(path, OpenOptions::new().create_new(true))?))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        Ok(Arc::new(self.open_with(path, &mut OpenOptions::new())?))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        may_fail(&self.path.join(to))?;
        self.dir.rename(from, &self.dir, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.dir.remove_file(path)
    }

    fn remove_tree(&self, path: &Path) -> io::Result<()> {
        self.dir.remove_dir_all(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in self.dir.read_dir(here(path))? {
            names.extend(entry?.file_name().into_string());
        }
        Ok(names)
    }

    #[cfg(unix)]
    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        // As a file: a directory handle may be one that cannot be synced.
        self.dir.open(here(path))?.sync_all()
    }

    /// Elsewhere directories cannot be synced, and need not be.
    #[cfg(not(unix))]
    fn sync_dir(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn try_lock(&self, path: &Path) -> io::Result<Option<Lock>> {
        let file = self.lock_file(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Box::new(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    fn lock(&self, path: &Path) -> io::Result<Lock> {
        let file = self.lock_file(path)?;
        file.lock()?;
        Ok(Box::new(file))
    }
}

impl DiskFile for File {
    fn size(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    #[cfg(unix)]
    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        std::os::unix::fs::FileExt::read_at(self, into, offset)
    }

    #[cfg(windows)]
    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        std::os::windows::fs::FileExt::seek_read(self, into, offset)
    }

    #[cfg(unix)]
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        std::os::unix::fs::FileExt::write_all_at(self, bytes, offset)
    }

    #[cfg(windows)]
    fn write_at(&self, mut bytes: &[u8], mut offset: u64) -> io::Result<()> {
        while !bytes.is_empty() {
            let written = std::os::windows::fs::FileExt::seek_write(self, bytes, offset)?;
            if written == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            bytes = bytes.get(written..).unwrap_or_default();
            offset += written as u64;
        }
        Ok(())
    }

    fn set_size(&self, size: u64) -> io::Result<()> {
        self.set_len(size)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }
}

/// The directory itself has no name in it.
fn here(path: &Path) -> &Path {
    if path.as_os_str().is_empty() {
        Path::new(".")
    } else {
        path
    }
}

/// Makes a directory and those above it, for nobody else's eyes: what lies in them are conversations and credentials.
pub(crate) fn private_dirs() -> std::fs::DirBuilder {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
}

/// Makes a directory above the spool and syncs its name. Another process may be at it, too.
fn make_outside(dir: &Path) -> io::Result<()> {
    private_dirs().create(dir)?;
    match dir.parent() {
        #[cfg(unix)]
        Some(parent) => File::open(parent)?.sync_all(),
        _ => Ok(()),
    }
}
