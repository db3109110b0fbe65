use std::path::{Path, PathBuf};

use super::mounts::Mounts;

/// What lies below a directory, by whichever path it is reached.
#[derive(Clone, Debug)]
pub(super) struct Ground {
    /// Absolute and without links.
    path: PathBuf,
    /// Which directory it is, where there is one.
    identity: Option<(u64, u64)>,
    /// Where it lies in its file system, and what is mounted below it: a file system's device, and a path from its
    /// root.
    parts: Vec<(String, PathBuf)>,
}

/// What one directory has to do with another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meeting {
    Same,
    /// The first lies in the second.
    Within,
    /// The second lies in the first.
    Holds,
}

impl Ground {
    /// Looks at the disk, as far as the path exists.
    pub(super) fn of(path: &Path, mounts: &Mounts) -> Self {
        let path = real(path);
        Self {
            identity: identity(&path),
            parts: mounts.parts(&path),
            path,
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether a file could lie in both.
    pub(super) fn meets(&self, other: &Self) -> Option<Meeting> {
        let is_same = self.identity.is_some() && self.identity == other.identity;
        if is_same || self.path == other.path {
            return Some(Meeting::Same);
        }
        // What a path says is what people expect to read.
        if self.path.starts_with(&other.path) || !other.path.starts_with(&self.path) && self.shares(other) {
            Some(Meeting::Within)
        } else if other.path.starts_with(&self.path) || other.shares(self) {
            Some(Meeting::Holds)
        } else {
            None
        }
    }

    /// Whether a part of this one lies in a part of the other, under another path.
    fn shares(&self, other: &Self) -> bool {
        let below = |(device, path): &(String, PathBuf)| {
            let mut parts = other.parts.iter();
            parts.any(|(its, above)| device == its && path.starts_with(above))
        };
        self.parts.iter().any(below)
    }
}

#[cfg(unix)]
fn identity(path: &Path) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    // What is not there yet has none, and is named by its path.
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.dev(), metadata.ino()))
}

#[cfg(not(unix))]
fn identity(_: &Path) -> Option<(u64, u64)> {
    None
}

/// The absolute path without links, as far as it exists.
pub(in crate::config) fn real(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let existing = absolute.ancestors().find_map(|ancestor| {
        let rest = absolute.strip_prefix(ancestor).ok()?;
        let real = ancestor.canonicalize().ok()?;
        // `join` with nothing would end the path of a file in a slash.
        Some(if rest.as_os_str().is_empty() {
            real
        } else {
            real.join(rest)
        })
    });
    existing.unwrap_or(absolute)
}
