use std::fmt;
use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use super::Stamp;

/// Why something in the adapter directory is not looked into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// No destination can have that name.
    Name,
    /// There is neither a component nor a manifest.
    Absent,
    /// A manifest without its component.
    Orphan,
    /// A directory, a fifo, a device or a socket.
    NotAFile,
    /// A link that leads nowhere.
    Dangling,
    /// A link to something outside the adapter directory.
    Outside,
    /// Everybody on this machine can write to it.
    WorldWritable,
    /// It is larger than so many bytes.
    Large(u64),
    /// It cannot be looked at.
    Unreadable(io::ErrorKind),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name => write!(
                f,
                "a destination cannot be called that: names are text of at most 200 bytes without `\\`"
            ),
            Self::Absent => write!(f, "there is no component and no manifest"),
            Self::Orphan => write!(
                f,
                "there is no component beside this manifest yet; copy it here as NAME.wasm"
            ),
            Self::NotAFile => write!(
                f,
                "it is not a file; remove it, or put a component or manifest in its place"
            ),
            Self::Dangling => write!(f, "it is a link that leads nowhere"),
            Self::Outside => write!(
                f,
                "it is a link to something outside the adapter directory; copy the file here instead"
            ),
            Self::WorldWritable => write!(f, "everybody on this machine can write to it; `chmod o-w` it"),
            Self::Large(most) => write!(f, "it is larger than {} KiB, which nothing needs", most >> 10),
            Self::Unreadable(kind) => write!(f, "it cannot be looked at: {kind}"),
        }
    }
}

/// The directory that everything must lie in, links resolved.
pub(super) struct Base {
    path: PathBuf,
    is_writable: bool,
}

impl Base {
    pub(super) fn of(dir: &Path) -> io::Result<Self> {
        let path = dir.canonicalize()?;
        let is_writable = is_world_writable(&fs::metadata(&path)?);
        Ok(Self { path, is_writable })
    }

    /// What is wrong with the directory itself.
    pub(super) fn refusal(&self) -> Option<Refusal> {
        self.is_writable.then_some(Refusal::WorldWritable)
    }

    /// Looks at a directory entry; opens nothing.
    pub(super) fn check(&self, path: &Path) -> Result<Stamp, Refusal> {
        let itself = fs::symlink_metadata(path).map_err(|error| Refusal::Unreadable(error.kind()))?;
        if itself.is_symlink() {
            return self.follow(path);
        }
        check_file(&itself)
    }

    fn follow(&self, path: &Path) -> Result<Stamp, Refusal> {
        let target = path.canonicalize().map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Refusal::Dangling,
            kind => Refusal::Unreadable(kind),
        })?;
        if !target.starts_with(&self.path) {
            return Err(Refusal::Outside);
        }
        // Whoever can write to a directory on the way decides what the link leads to.
        let mut between = target.ancestors().skip(1).take_while(|dir| *dir != self.path);
        if between.any(|dir| fs::metadata(dir).is_ok_and(|dir| is_world_writable(&dir))) {
            return Err(Refusal::WorldWritable);
        }
        let metadata = fs::metadata(&target).map_err(|error| Refusal::Unreadable(error.kind()))?;
        check_file(&metadata)
    }
}

fn check_file(metadata: &Metadata) -> Result<Stamp, Refusal> {
    match metadata.is_file() {
        false => Err(Refusal::NotAFile),
        true if is_world_writable(metadata) => Err(Refusal::WorldWritable),
        true => Ok(Stamp::of(metadata)),
    }
}

#[cfg(unix)]
fn is_world_writable(metadata: &Metadata) -> bool {
    std::os::unix::fs::MetadataExt::mode(metadata) & 0o002 != 0
}

/// Elsewhere, who may write is not in the file's mode.
#[cfg(not(unix))]
fn is_world_writable(_: &Metadata) -> bool {
    false
}
