use serde::Serialize;

use crate::key::SessionKey;
use crate::mirror::Moved;
use crate::session::{Counts, Failure, StreamError};

/// What was copied, stream by stream.
#[derive(Debug, Default, Serialize)]
pub struct CopyReport {
    /// Each stream that the source holds, sorted by key.
    pub streams: Vec<StreamCopy>,
    /// Batches that were stored.
    pub batches: u64,
    /// What was in them.
    pub added: Counts,
    /// Streams that were there already, whole.
    pub present: u64,
    /// Streams that were left alone because they were deleted at the target.
    pub deleted: u64,
    /// Streams that failed.
    pub failures: u64,
}

/// What became of one stream.
#[derive(Debug, Serialize)]
pub struct StreamCopy {
    /// Which stream.
    pub stream: SessionKey,
    /// How it stands; none: it failed.
    #[serde(flatten)]
    pub state: Option<CopyState>,
    /// Batches that were stored.
    pub batches: u64,
    /// What was in them.
    pub added: Counts,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
}

/// How a stream stands after copying.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum CopyState {
    /// The target held the very same batches.
    Present,
    /// The target holds the very same batches now.
    Copied,
    /// The target holds every line now, in batches of its own behind what it had.
    Merged,
    /// It was deleted at the target, with a tombstone that the source does not know of: nothing was brought back.
    DeletedAtTarget {
        /// The tombstone's number.
        number: u64,
    },
}

impl StreamCopy {
    pub(super) fn done(stream: SessionKey, copied: Moved, state: CopyState) -> Self {
        Self {
            stream,
            state: Some(state),
            batches: copied.batches,
            added: counts(copied),
            failure: None,
        }
    }

    pub(super) fn failed(stream: SessionKey, copied: Moved, error: StreamError) -> Self {
        Self {
            failure: Some(Failure::new(&stream, error)),
            stream,
            state: None,
            batches: copied.batches,
            added: counts(copied),
        }
    }
}

fn counts(copied: Moved) -> Counts {
    Counts {
        entries: copied.entries,
        bytes: copied.bytes,
    }
}

impl CopyReport {
    pub(super) fn new(streams: Vec<StreamCopy>) -> Self {
        let mut report = Self::default();
        for stream in &streams {
            report.batches += stream.batches;
            report.added.entries += stream.added.entries;
            report.added.bytes += stream.added.bytes;
            match stream.state {
                None => report.failures += 1,
                Some(CopyState::DeletedAtTarget { .. }) => report.deleted += 1,
                Some(CopyState::Present) => report.present += 1,
                Some(CopyState::Merged) if stream.batches == 0 => report.present += 1,
                Some(CopyState::Copied | CopyState::Merged) => {}
            }
        }
        Self { streams, ..report }
    }
}
