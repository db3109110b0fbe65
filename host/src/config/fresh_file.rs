//! Files of the user's in the configuration directory, replaced in one step: a reader, even after a crash, sees the old
//! bytes or the new ones.

use std::ffi::OsString;
use std::fs::{self, File, Permissions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::ConfigError;

/// A new file, written and synced beside the place that it is for. Dropped before it is put there, it is removed.
///
/// It lies under a hidden name, `.NAME.new`, and replaces whatever lies under that: only one process at a time may
/// replace a file.
///
/// ```
/// use mirrorbox::config::FreshFile;
///
/// # let dir = tempfile::tempdir()?;
/// let place = dir.path().join("s3.toml");
/// FreshFile::write(&place, b"timeout = \"10s\"\n")?.put()?;
/// assert_eq!(std::fs::read(&place)?, b"timeout = \"10s\"\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "dropped, it is removed"]
pub struct FreshFile {
    path: PathBuf,
    place: PathBuf,
}

impl FreshFile {
    /// With the permissions that any new file gets. Blocks for the disk.
    pub fn write(place: &Path, bytes: &[u8]) -> Result<Self, ConfigError> {
        Self::make(place, bytes, false, || Ok(None))
    }

    /// With the permissions of another file; where that is missing, with those that any new file gets. Blocks for the
    /// disk.
    pub fn write_like(model: &Path, place: &Path, bytes: &[u8]) -> Result<Self, ConfigError> {
        let permissions = permissions(model);
        let is_private = !matches!(permissions, Ok(None));
        Self::make(place, bytes, is_private, || permissions)
    }

    /// With the permissions of the file that it replaces; where that is missing, for its owner alone. Blocks for the
    /// disk.
    pub fn write_private(place: &Path, bytes: &[u8]) -> Result<Self, ConfigError> {
        Self::make(place, bytes, true, || permissions(place))
    }

    /// The permissions are set before anything is in it: it may hold secrets.
    fn make(
        place: &Path,
        bytes: &[u8],
        is_private: bool,
        permissions: impl FnOnce() -> io::Result<Option<Permissions>>,
    ) -> Result<Self, ConfigError> {
        let Some(name) = place.file_name() else {
            return Err(unwritten(place, io::ErrorKind::InvalidInput.into()));
        };
        let mut hidden = OsString::from(".");
        hidden.push(name);
        hidden.push(".new");
        let fresh = Self {
            path: place.with_file_name(hidden),
            place: place.to_owned(),
        };
        let written = create_anew(&fresh.path, is_private).and_then(|mut file| {
            if let Some(permissions) = permissions()? {
                file.set_permissions(permissions)?;
            }
            file.write_all(bytes)?;
            file.sync_all()
        });
        match written {
            Ok(()) => Ok(fresh),
            Err(source) => Err(unwritten(&fresh.path, source)),
        }
    }

    /// Puts it in its place, synced behind its new name.
    pub fn put(self) -> Result<(), ConfigError> {
        let Self { path, place } = &self;
        let put = fs::rename(path, place).and_then(|()| match place.parent() {
            Some(dir) if cfg!(unix) => File::open(dir)?.sync_all(),
            _ => Ok(()),
        });
        put.map_err(|source| unwritten(place, source))
    }
}

impl Drop for FreshFile {
    fn drop(&mut self) {
        // It has moved, or there is an error on its way to the user already.
        let _ = fs::remove_file(&self.path);
    }
}

fn unwritten(path: &Path, source: io::Error) -> ConfigError {
    ConfigError::Write {
        path: path.to_owned(),
        source,
    }
}

/// What a file lets others do; `None` if it is missing.
fn permissions(path: &Path) -> io::Result<Option<Permissions>> {
    match fs::metadata(path) {
        Ok(metadata) => Ok(Some(metadata.permissions())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// A file that was not there: no link is followed. What a process that was killed left under that name goes.
fn create_anew(path: &Path, is_private: bool) -> io::Result<File> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if is_private {
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    }
    // Elsewhere a file has no mode.
    #[cfg(not(unix))]
    let _ = is_private;
    options.open(path)
}

#[cfg(test)]
mod tests;
