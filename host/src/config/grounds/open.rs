//! Looks at a granted directory over no link, for `adapter::preopens`, which opens it and holds it open.

use std::fs::File;
use std::io;
use std::path::Path;

/// Opens the directory at `path`, following no link at all: what was a directory when its place was settled, and is a
/// link now, is an error. What it is can be told from the file; nothing of it can be read through that.
#[cfg(unix)]
pub(crate) fn open(path: &Path) -> io::Result<File> {
    use std::path::Component;

    use rustix::fs::{CWD, Mode, OFlags, openat};

    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC | names_only();
    let mut dir = openat(CWD, "/", flags, Mode::empty())?;
    for component in path.components() {
        match component {
            Component::RootDir => {}
            Component::Normal(name) => dir = openat(&dir, name, flags, Mode::empty()).map_err(explained)?,
            _ => return Err(io::Error::other("its place is not settled")),
        }
    }
    Ok(dir.into())
}

/// A link is no directory to who does not follow it.
#[cfg(unix)]
fn explained(error: rustix::io::Errno) -> io::Error {
    use rustix::io::Errno;
    match error {
        Errno::NOTDIR | Errno::LOOP => io::Error::new(
            io::ErrorKind::NotADirectory,
            "it is no directory, or a link has taken its place or that of a directory above it",
        ),
        other => other.into(),
    }
}

/// Directories on the way may be ones that cannot be read, only passed.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn names_only() -> rustix::fs::OFlags {
    rustix::fs::OFlags::PATH
}

#[cfg(all(unix, not(any(target_os = "linux", target_os = "android"))))]
fn names_only() -> rustix::fs::OFlags {
    rustix::fs::OFlags::RDONLY
}

#[cfg(not(unix))]
pub(crate) fn open(path: &Path) -> io::Result<File> {
    use std::os::windows::fs::OpenOptionsExt;
    /// Directories are opened with this alone (`FILE_FLAG_BACKUP_SEMANTICS`).
    const DIRECTORY: u32 = 0x0200_0000;
    File::options().read(true).custom_flags(DIRECTORY).open(path)
}
