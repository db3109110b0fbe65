use std::fs::Metadata;
use std::path::Path;

use super::Rejected;

/// Whose files may decide what is run: root's, those of the user of this process, and, if that is root, those of the
/// owner of the configuration directory that root named.
#[derive(Clone, Debug)]
pub(super) struct Trust {
    #[cfg(unix)]
    owners: Vec<u32>,
}

#[cfg(unix)]
impl Trust {
    pub(super) fn of(dir: &Path) -> Self {
        use std::os::unix::fs::MetadataExt;
        let me = rustix::process::geteuid().as_raw();
        let mut owners = vec![0, me];
        if me == 0 {
            // Where it cannot be looked at, nobody else is trusted, and looking for what is in it says why.
            owners.extend(std::fs::metadata(dir).ok().map(|dir| dir.uid()));
        }
        Self { owners }
    }

    fn is_owner(&self, metadata: &Metadata) -> bool {
        self.owners.contains(&std::os::unix::fs::MetadataExt::uid(metadata))
    }

    /// Whether a link is nobody else's: what its mode says means nothing.
    pub(super) fn owns_link(&self, link: &Path, metadata: &Metadata) -> bool {
        self.is_owner(metadata) || link.parent().is_some_and(is_read_only)
    }

    /// Why another user could change this file or directory. Nobody can where the file system is mounted read-only.
    pub(super) fn objection(&self, path: &Path, metadata: &Metadata) -> Option<Rejected> {
        let mode = std::os::unix::fs::MetadataExt::mode(metadata);
        let refusal = if !self.is_owner(metadata) {
            Rejected::foreign(metadata)
        } else if mode & 0o002 != 0 {
            Rejected::WorldWritable
        } else if mode & 0o020 != 0 {
            Rejected::GroupWritable
        } else {
            return None;
        };
        (!is_read_only(path)).then_some(refusal)
    }
}

/// Elsewhere, who may write is neither in a file's mode nor told by its owner.
#[cfg(not(unix))]
impl Trust {
    pub(super) fn of(_: &Path) -> Self {
        Self {}
    }

    pub(super) fn owns_link(&self, _: &Path, _: &Metadata) -> bool {
        true
    }

    pub(super) fn objection(&self, _: &Path, _: &Metadata) -> Option<Rejected> {
        None
    }
}

#[cfg(unix)]
pub(super) fn is_sticky(metadata: &Metadata) -> bool {
    std::os::unix::fs::MetadataExt::mode(metadata) & 0o1000 != 0
}

#[cfg(not(unix))]
pub(super) fn is_sticky(_: &Metadata) -> bool {
    false
}

/// Whether the file system is mounted read-only; not where that cannot be told.
#[cfg(unix)]
fn is_read_only(path: &Path) -> bool {
    use rustix::fs::StatVfsMountFlags;
    // An error is no proof, and then the mode counts.
    rustix::fs::statvfs(path).is_ok_and(|fs| fs.f_flag.contains(StatVfsMountFlags::RDONLY))
}
