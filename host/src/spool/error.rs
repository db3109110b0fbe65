use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::place::{Base, Place};
use crate::transcript::{EntryError, MAX_LINE};

/// Why a spool could not be opened or adopted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SpoolError {
    /// The disk failed.
    #[error("cannot use the spool at {}: {}", path.display(), advised(source))]
    Io {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A later version of this library wrote it.
    #[error("the spool at {} has format {found}, this program knows up to {known}; deliver it with a newer program", path.display())]
    Newer {
        /// Its directory.
        path: PathBuf,
        /// The format that it has.
        found: u32,
        /// The newest format that is known here.
        known: u32,
    },
    /// The directory's name is not the identity in it: it was copied or renamed.
    #[error("the spool at {} belongs to writer {writer}; give the directory its name back, or remove the copy", path.display())]
    Moved {
        /// Its directory.
        path: PathBuf,
        /// The identity in it.
        writer: String,
    },
    /// A part of it cannot be read: what it holds is not known.
    #[error("the spool of writer {writer} cannot be read whole: {cause}{}; `mirrorbox status` names all of it", more(*others))]
    Unreadable {
        /// Whose spool.
        writer: String,
        /// What cannot be read, and why.
        cause: String,
        /// How much else cannot be read.
        others: usize,
    },
}

/// Why entries were not accepted. All or nothing: of a call that failed, no entry is shown to anyone. Only where the
/// disk would not even let them be taken back may some of them turn up after a crash.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AppendError {
    /// What was to be appended is no entry.
    #[error("entry {index} of the call: {source}")]
    Entry {
        /// Which of the call, from 0.
        index: usize,
        /// Why.
        source: EntryError,
    },
    /// An entry is too long.
    #[error("entry {index} of the call has {len} bytes with its line feed; at most {MAX_LINE} are allowed")]
    TooLong {
        /// Which of the call, from 0.
        index: usize,
        /// Its length in bytes, with the LF.
        len: usize,
    },
    /// The file, or what belongs to it, cannot be written. Nothing was lost; the next call tries anew.
    #[error("cannot write {}: {}", file.display(), advised(source))]
    Write {
        /// The file.
        file: PathBuf,
        /// Why.
        source: Arc<io::Error>,
    },
    /// The disk failed to sync, and could not take a fresh copy either. The next call tries that again.
    #[error("cannot sync {}: {}", file.display(), advised(source))]
    Sync {
        /// The file.
        file: PathBuf,
        /// Why.
        source: Arc<io::Error>,
    },
    /// The stream has begun already, from elsewhere.
    #[error("the stream has begun already, after line {}", base.lines)]
    Begun {
        /// Where it begins.
        base: Base,
    },
    /// The spool is closed.
    #[error("the spool is closed")]
    Closed,
}

impl AppendError {
    /// Whether the same call may work later.
    pub fn can_retry(&self) -> bool {
        matches!(self, Self::Write { .. } | Self::Sync { .. })
    }

    /// Whether the disk is full.
    pub fn is_full(&self) -> bool {
        match self {
            Self::Write { source, .. } | Self::Sync { source, .. } => is_full(source),
            _ => false,
        }
    }
}

/// Why lines were not read, or not pruned.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The disk failed.
    #[error("cannot read or write {}: {}", file.display(), advised(source))]
    Io {
        /// The file.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The line is not here any more, or never was.
    #[error("line {line} is not in {}, which begins after line {}", file.display(), base.lines)]
    Pruned {
        /// The file.
        file: PathBuf,
        /// The line that was asked for.
        line: u64,
        /// What comes before the first line that is here.
        base: Base,
    },
    /// No line there is synced yet.
    #[error("line {line} is not in {}, which ends before line {}", file.display(), end.line)]
    Beyond {
        /// The file.
        file: PathBuf,
        /// The line that was asked for.
        line: u64,
        /// The place behind the last synced line.
        end: Place,
    },
    /// No line begins there, or not that one: the place is not this stream's, or the file was changed.
    #[error("line {} does not begin at byte {} of the stream in {}", place.line, place.offset, file.display())]
    Misplaced {
        /// The file.
        file: PathBuf,
        /// The place.
        place: Place,
    },
    /// The stream is damaged; it is kept as it is.
    #[error("{} is damaged: {damage}", file.display())]
    Damaged {
        /// The file.
        file: PathBuf,
        /// How.
        damage: Damage,
    },
}

impl ReadError {
    /// Whether the same call may work later.
    pub fn can_retry(&self) -> bool {
        matches!(self, Self::Io { .. })
    }
}

/// Lines that were synced are not there any more: the disk, or another program, took them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it was synced up to line {}, but whole lines reach to line {} only", recorded.line.saturating_sub(1), found.line.saturating_sub(1))]
pub struct Damage {
    /// It was synced up to here, at least.
    pub recorded: Place,
    /// Whole lines reach up to here.
    pub found: Place,
}

fn more(others: usize) -> String {
    match others {
        0 => String::new(),
        others => format!(" (and {others} more)"),
    }
}

/// What a person can do.
fn advised(error: &io::Error) -> String {
    let advice = match error.kind() {
        _ if is_full(error) => "; make room, then it goes on",
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
            "; choose a state directory that can be written to"
        }
        _ => "",
    };
    format!("{error}{advice}")
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
