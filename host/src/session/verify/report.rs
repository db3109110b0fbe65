//! What a verification found: per stream, and in sums.

use std::fmt;

use serde::Serialize;

use crate::key::SessionKey;
use crate::session::StreamError;
use crate::session::compare::Comparison;
use crate::session::stored::Seen;

/// What was found, stream by stream.
#[derive(Debug, Default, Serialize)]
pub struct VerifyReport {
    /// Each stream, sorted by key.
    pub streams: Vec<StreamCheck>,
    /// The sum of them.
    pub totals: VerifyTotals,
}

/// The sums over all streams.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct VerifyTotals {
    /// Streams.
    pub streams: u64,
    /// Entries that were read.
    pub entries: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Streams that are damaged.
    pub damaged: u64,
    /// Streams that could not be read for another reason.
    pub failed: u64,
    /// Streams of which the local files hold something that is not stored.
    pub undelivered: u64,
    /// Streams of which the local files could not be read.
    pub unreadable: u64,
}

/// What was found about one stream.
#[derive(Debug, Serialize)]
pub struct StreamCheck {
    /// Its project key.
    pub project: String,
    /// Its session id.
    pub session: String,
    /// Its subpath; none: the main transcript.
    pub subpath: Option<String>,
    /// Batches that were read and are what was written.
    pub batches: u64,
    /// Entries in them.
    pub entries: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The number of the first batch; 0: none.
    pub first: u64,
    /// The number of the last batch that is what was written; 0: none.
    pub last: u64,
    /// How the stored stream is.
    pub stored: StoredState,
    /// How the local files compare; none where nobody asked, or the stored stream could not be read.
    pub local: Option<LocalState>,
}

/// How a stored stream is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum StoredState {
    /// What was written, to the end.
    Whole,
    /// Nothing is stored.
    Nothing,
    /// Deleted.
    Deleted,
    /// Damaged.
    Damaged {
        /// The first damaged batch.
        first: u64,
        /// The last.
        last: u64,
        /// What is wrong, and what to do.
        error: String,
    },
    /// It could not be read.
    Failed {
        /// Why.
        error: String,
    },
}

/// How local files compare with what is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum LocalState {
    /// The same lines.
    Equal {
        /// Bytes of a torn last line, which cannot be stored yet.
        torn: u64,
    },
    /// The file goes on where the stored stream ends.
    Undelivered {
        /// Entries that are not stored; metadata counts as one.
        entries: u64,
        /// Bytes of a torn last line, which cannot be stored yet.
        torn: u64,
    },
    /// The stored stream goes on where the file ends.
    StoredHasMore {
        /// Entries that are not in the file.
        entries: u64,
    },
    /// The file was rewritten: from a line on it differs.
    Differs {
        /// The first line of the file that differs, from 1.
        line: u64,
        /// Lines of the file that are not stored; metadata counts as one.
        only_local: u64,
        /// Stored entries that are not in the file.
        only_stored: u64,
    },
    /// There is no local file.
    NotHere,
    /// The local files cannot be read.
    Unreadable {
        /// Why.
        error: String,
    },
}

impl LocalState {
    pub(super) fn of(found: &Comparison, metadata_differs: bool) -> Self {
        let only_local = found.only_local + u64::from(metadata_differs);
        let torn = found.torn.unwrap_or(0);
        match found.differs_at {
            Some(line) => Self::Differs {
                line,
                only_local,
                only_stored: found.only_stored,
            },
            None if only_local > 0 => Self::Undelivered {
                entries: only_local,
                torn,
            },
            None if found.only_stored > 0 => Self::StoredHasMore {
                entries: found.only_stored,
            },
            None => Self::Equal { torn },
        }
    }

    pub(super) fn unreadable(error: &impl fmt::Display) -> Self {
        Self::Unreadable {
            error: error.to_string(),
        }
    }

    /// Whether the local files hold something that is not stored.
    pub fn is_undelivered(&self) -> bool {
        match self {
            Self::Equal { torn } => *torn > 0,
            Self::Undelivered { .. } => true,
            Self::Differs { only_local, .. } => *only_local > 0,
            Self::StoredHasMore { .. } | Self::NotHere | Self::Unreadable { .. } => false,
        }
    }
}

/// What was found, before it is put into words.
#[derive(Debug)]
pub(super) struct Findings {
    pub(super) seen: Seen,
    pub(super) last: u64,
    pub(super) local: Result<Option<LocalState>, StreamError>,
}

impl StreamCheck {
    pub(super) fn new(key: &SessionKey, checked: Findings) -> Self {
        let Findings { seen, last, local } = checked;
        let (stored, local) = match local {
            Ok(local) => (StoredState::of(&seen), local),
            Err(error) => (StoredState::failed(&error), None),
        };
        Self {
            project: key.project_key().to_owned(),
            session: key.session_id().to_owned(),
            subpath: key.subpath().map(str::to_owned),
            batches: seen.batches,
            entries: seen.entries,
            bytes: seen.bytes,
            first: seen.first,
            last,
            stored,
            local,
        }
    }
}

impl StoredState {
    fn of(seen: &Seen) -> Self {
        match seen {
            Seen { batches: 0, .. } => Self::Nothing,
            Seen { is_deleted: true, .. } => Self::Deleted,
            _ => Self::Whole,
        }
    }

    fn failed(error: &StreamError) -> Self {
        match error.damaged() {
            Some((first, last)) => Self::Damaged {
                first,
                last,
                error: error.to_string(),
            },
            None => Self::Failed {
                error: error.to_string(),
            },
        }
    }
}

impl VerifyReport {
    pub(super) fn new(streams: Vec<StreamCheck>) -> Self {
        let mut totals = VerifyTotals::default();
        for stream in &streams {
            totals.streams += 1;
            totals.entries += stream.entries;
            totals.bytes += stream.bytes;
            match stream.stored {
                StoredState::Damaged { .. } => totals.damaged += 1,
                StoredState::Failed { .. } => totals.failed += 1,
                StoredState::Whole | StoredState::Nothing | StoredState::Deleted => {}
            }
            match &stream.local {
                Some(LocalState::Unreadable { .. }) => totals.unreadable += 1,
                Some(local) if local.is_undelivered() => totals.undelivered += 1,
                _ => {}
            }
        }
        Self { streams, totals }
    }
}
