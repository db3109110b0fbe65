use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::error::CliError;

/// A file under a name that nobody looks at, on its way to its place. Dropped, it goes away.
pub(super) struct Fresh {
    path: PathBuf,
}

impl Fresh {
    pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<Self, CliError> {
        let fresh = Self { path: path.to_owned() };
        let write = || {
            let mut file = File::create(path)?;
            file.write_all(bytes)?;
            file.sync_all()
        };
        write().map_err(|error| cannot_write(path, &error))?;
        Ok(fresh)
    }

    /// With what the file at `place`, if there is one, lets others do.
    pub(super) fn write_like(place: &Path, path: &Path, bytes: &[u8]) -> Result<Self, CliError> {
        // Before there is anything in it: it may hold secrets.
        let fresh = Self::write(path, b"")?;
        let write = || {
            if let Ok(metadata) = fs::metadata(place) {
                fs::set_permissions(path, metadata.permissions())?;
            }
            let mut file = File::options().write(true).open(path)?;
            file.write_all(bytes)?;
            file.sync_all()
        };
        write().map_err(|error| cannot_write(path, &error))?;
        Ok(fresh)
    }

    /// The file was synced when it was written; the directory is, behind its new name.
    pub(super) fn put(self, place: &Path) -> Result<(), CliError> {
        let put = fs::rename(&self.path, place).and_then(|()| match place.parent() {
            Some(dir) if cfg!(unix) => File::open(dir)?.sync_all(),
            _ => Ok(()),
        });
        put.map_err(|error| cannot_write(place, &error))
    }
}

impl Drop for Fresh {
    fn drop(&mut self) {
        // It has moved, or there is an error on its way to the user already.
        let _ = fs::remove_file(&self.path);
    }
}

fn cannot_write(path: &Path, error: &io::Error) -> CliError {
    CliError::failed(format!("cannot write {}: {error}", path.display()))
}
