use std::fmt;
use std::fs::Metadata;
use std::io;

/// Why a file or directory is not looked into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rejected {
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
    /// All members of its group can write to it.
    GroupWritable,
    /// It belongs to another user (the number), who is not root.
    Foreign(u32),
    /// It is larger than so many bytes.
    Large(u64),
    /// It cannot be looked at.
    Unreadable(io::ErrorKind),
}

impl fmt::Display for Rejected {
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
            Self::GroupWritable => write!(f, "everybody in its group can write to it; `chmod g-w` it"),
            Self::Foreign(owner) => write!(
                f,
                "it belongs to another user ({owner}), who could change it; `chown` it, or mount it read-only"
            ),
            Self::Large(most) => write!(f, "it is larger than {} KiB, which nothing needs", most >> 10),
            Self::Unreadable(kind) => write!(f, "it cannot be looked at: {kind}"),
        }
    }
}

impl Rejected {
    /// It belongs to another user.
    #[cfg(unix)]
    pub(super) fn foreign(metadata: &Metadata) -> Self {
        Self::Foreign(std::os::unix::fs::MetadataExt::uid(metadata))
    }

    #[cfg(not(unix))]
    pub(super) fn foreign(_: &Metadata) -> Self {
        Self::Foreign(0)
    }
}
