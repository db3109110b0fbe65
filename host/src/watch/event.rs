use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::key::SessionKey;

/// Something about the files that are followed; also a line in the log.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum WatchEvent {
    /// A transcript is followed from now on.
    Met {
        /// Which.
        key: SessionKey,
        /// Its entries, which are on local disk now. Each destination gets those that it lacks.
        entries: u64,
    },
    /// A transcript is not what was taken of it with more behind it. What is stored stays.
    Changed {
        /// Which.
        key: SessionKey,
        /// What was done to it.
        change: Change,
        /// The entries that it holds, which are on local disk now. Each destination gets those that it lacks.
        entries: u64,
    },
    /// A file lies elsewhere now, and is a transcript of its own there. What is stored stays under the old key, too.
    Moved {
        /// Which transcript it was.
        from: SessionKey,
        /// Which it is.
        to: SessionKey,
    },
    /// A file is gone. What is stored stays.
    Gone {
        /// Which transcript it was.
        key: SessionKey,
    },
    /// A transcript cannot be taken for now.
    Waits {
        /// Which.
        key: SessionKey,
        /// Why.
        cause: Wait,
    },
    /// Lines that are no entries. They are taken as they are.
    Odd {
        /// In which transcript.
        key: SessionKey,
        /// How many.
        lines: u64,
        /// What is wrong with the first.
        reason: String,
    },
    /// A line is longer than a transcript's line can be, and is not taken. Those behind it are.
    TooLong {
        /// In which transcript's file.
        path: PathBuf,
        /// At which byte it begins.
        at: u64,
        /// How long it is.
        bytes: u64,
    },
    /// A folder or a file cannot be looked at: nothing of it is taken until it can be.
    Unreadable {
        /// Where.
        path: PathBuf,
        /// Why.
        cause: String,
    },
    /// A symbolic link among transcripts is not followed.
    Link {
        /// Where.
        path: PathBuf,
    },
    /// A file has a sidecar's name, and not its content.
    NoSidecar {
        /// Of which transcript.
        key: SessionKey,
        /// Why.
        reason: String,
    },
    /// The system does not tell of changes; the directory is looked at by the clock.
    ByClock {
        /// Why.
        cause: String,
    },
}

/// What was done to a file other than adding to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is shorter than what was taken of it.
    Shortened,
    /// What was taken is not in it any more as it was.
    Rewritten,
    /// Another file has its name.
    Replaced,
    /// It was written to and did not grow, or another program mirrored it, or nobody looked meanwhile.
    Unseen,
}

/// Why a transcript is not taken for now. The file itself keeps its lines until then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "wait", content = "cause", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Wait {
    /// A run in its project mirrors it, or may do so.
    Run,
    /// It cannot be read or spooled; tried again.
    Failed(String),
    /// Following is to stop: what is left is taken by the last look.
    Stopping,
}

/// Called with each event as it happens. It must not block.
pub type OnWatchEvent = Arc<dyn Fn(&WatchEvent) + Send + Sync>;

impl WatchEvent {
    /// Whether it is part of everyday work, which nobody needs to be told of.
    pub fn is_usual(&self) -> bool {
        match self {
            Self::Met { .. } | Self::Gone { .. } | Self::Waits { cause: Wait::Run, .. } => true,
            Self::Changed { change, .. } => *change == Change::Unseen,
            _ => false,
        }
    }
}

impl fmt::Display for WatchEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Met { key, entries } => write!(f, "{key} is followed; entries on local disk: {entries}"),
            Self::Changed { key, change, entries } => {
                write!(
                    f,
                    "{key} {change}; it is compared where it is delivered ({entries} entries)"
                )
            }
            Self::Moved { from, to } => write!(f, "{from} was moved, and is followed as {to}"),
            Self::Gone { key } => write!(f, "the file of {key} is gone; what is stored of it stays"),
            Self::Waits { key, cause } => write!(f, "{key} waits: {cause}"),
            Self::Odd { key, lines, reason } => write!(
                f,
                "{key}: lines that are no entries, and are stored as they are: {lines} (the first: {reason})"
            ),
            Self::TooLong { path, at, bytes } => write!(
                f,
                "{}: the line at byte {at} has {bytes} bytes, which is more than a line can have; it is not stored, those \
                 behind it are",
                path.display()
            ),
            Self::Unreadable { path, cause } => write!(
                f,
                "cannot look at {}: {cause}; nothing of it is taken until that can be done",
                path.display()
            ),
            Self::Link { path } => write!(
                f,
                "{} is a symbolic link, and is not followed; only a project's folder may be one",
                path.display()
            ),
            Self::NoSidecar { key, reason } => write!(f, "the sidecar of {key} cannot be used: {reason}"),
            Self::ByClock { cause } => write!(
                f,
                "the system does not tell of changes ({cause}); the directory is looked at by the clock"
            ),
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Shortened => "was shortened",
            Self::Rewritten => "was rewritten",
            Self::Replaced => "was replaced by another file",
            Self::Unseen => "changed while it was not followed",
        })
    }
}

impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Run => f.write_str("a run in its project may mirror it; it is taken once that has ended"),
            Self::Failed(cause) => write!(f, "{cause}; it is tried again"),
            Self::Stopping => f.write_str("following is to stop"),
        }
    }
}
