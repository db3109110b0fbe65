use std::fmt;
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
        /// Its entries that were stored nowhere, and are on local disk now.
        entries: u64,
    },
    /// A transcript is not what was taken of it with more behind it. What is stored stays.
    Changed {
        /// Which.
        key: SessionKey,
        /// What was done to it.
        change: Change,
        /// Entries that were stored nowhere, and are on local disk now.
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
    /// Destinations hold a transcript from imports of their own. It is followed at each of them, but what one lacks of
    /// before is not brought there.
    Apart {
        /// Which.
        key: SessionKey,
        /// Those destinations.
        destinations: Vec<String>,
    },
    /// Lines that no destination is brought, for they are no entries; `mirrorbox import` stores them as they are.
    NoEntries {
        /// In which transcript.
        key: SessionKey,
        /// How many.
        lines: u64,
        /// What is wrong with the first.
        reason: String,
    },
    /// A sidecar is none.
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
    /// It was written to and did not grow, or somebody else mirrored it, or nobody looked meanwhile.
    Unseen,
}

/// Why a transcript is not taken for now. The file itself keeps its lines until then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "wait", content = "cause", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Wait {
    /// A run in its project mirrors it, or may do so.
    Run,
    /// What is stored of it cannot be known: no destination is open.
    Destinations,
    /// It cannot be read or spooled; tried again.
    Failed(String),
    /// Following is to stop: what is left is taken by the last look.
    Stopping,
}

/// Is told of each event as it happens. It must not block.
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
            Self::Met { key, entries } => write!(f, "{key} is followed; entries that were stored nowhere: {entries}"),
            Self::Changed { key, change, entries } => {
                write!(f, "{key} {change}; entries that were stored nowhere: {entries}")
            }
            Self::Moved { from, to } => write!(f, "{from} was moved, and is followed as {to}"),
            Self::Gone { key } => write!(f, "the file of {key} is gone; what is stored of it stays"),
            Self::Waits { key, cause } => write!(f, "{key} waits: {cause}"),
            Self::Apart { key, destinations } => write!(
                f,
                "{key} was brought to {} by an import of its own: what it lacks of before, and what a destination that \
                 is added later lacks, is brought by `mirrorbox import`",
                destinations.join(", ")
            ),
            Self::NoEntries { key, lines, reason } => write!(
                f,
                "{key}: lines that are no entries, and are not mirrored: {lines} (the first: {reason}); `mirrorbox \
                 import` stores them as they are"
            ),
            Self::NoSidecar { key, reason } => write!(f, "the sidecar of {key} is none: {reason}"),
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
            Self::Run => f.write_str("a run in its project may mirror it; it is compared once that has ended"),
            Self::Destinations => f.write_str("no destination is open that could say what is stored of it"),
            Self::Failed(cause) => write!(f, "{cause}; it is tried again"),
            Self::Stopping => f.write_str("following is to stop"),
        }
    }
}
