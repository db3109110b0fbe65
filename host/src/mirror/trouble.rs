use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::spool::ReadError;
use crate::store::{LoadError, Position, StoreError};

/// Why a stream is not delivered.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Trouble {
    /// The destination failed.
    #[error(transparent)]
    Store(StoreError),
    /// What the destination holds cannot be read back.
    #[error(transparent)]
    Load(LoadError),
    /// The local copy cannot be read.
    #[error(transparent)]
    Spool(Arc<ReadError>),
    /// The host's own records cannot be written.
    #[error("cannot write the mirror's records: {0}")]
    Records(Arc<io::Error>),
    /// What other processes hold of it on this disk cannot be read: lines of theirs could come twice.
    #[error("waits, for what other processes left of it on this disk cannot be read: {0}")]
    Others(Arc<io::Error>),
    /// Other processes have earlier lines of its file on this disk, and are about to deliver them.
    #[error("waits for earlier lines that other processes have on this disk (writers {})", writers.join(", "))]
    Earlier {
        /// Whose.
        writers: Vec<String>,
    },
    /// It is deleted, but for what dead processes left of it on this disk and cannot be read.
    #[error(
        "deleted, but for what may be in spools of dead processes that cannot be read ({0}): its lines would be delivered \
         once they can be; mend what is named, then delete it again"
    )]
    NotAllDeleted(Arc<str>),
    /// It lacks history that nobody can give.
    #[error("waits for history up to batch {}: {cause}", position.number)]
    History {
        /// The batch that it must reach to first.
        position: Position,
        /// Why nobody could give it.
        cause: String,
    },
    /// Another host took the stream over.
    #[error("writer {by} took the stream over with batch {number}")]
    Superseded {
        /// The other writer.
        by: String,
        /// The number of its claim.
        number: u64,
    },
}

/// What to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Remedy {
    /// Try again soon, but not before this much time.
    Retry(Duration),
    /// Nothing failed: look again soon.
    Wait,
    /// Try again rarely.
    Park,
}

impl Trouble {
    /// Whether trying again may help without anybody doing something about it.
    pub fn can_retry(&self) -> bool {
        self.remedy() != Remedy::Park
    }

    pub(super) fn remedy(&self) -> Remedy {
        let soon = |can_retry| match can_retry {
            true => Remedy::Retry(Duration::ZERO),
            false => Remedy::Park,
        };
        match self {
            Self::Store(error @ StoreError::Throttled(_)) => Remedy::Retry(error.asked_pause()),
            Self::Store(error) => soon(error.can_retry()),
            Self::Load(LoadError::Store { source, .. }) => Self::Store(source.clone()).remedy(),
            Self::Load(error) => soon(error.can_retry()),
            Self::Spool(error) => soon(error.can_retry()),
            Self::Records(_) | Self::Others(_) | Self::NotAllDeleted(_) => soon(true),
            Self::Earlier { .. } => Remedy::Wait,
            Self::History { .. } | Self::Superseded { .. } => Remedy::Park,
        }
    }

    /// The destination's own failure, if it is one.
    pub(super) fn store_error(&self) -> Option<&StoreError> {
        match self {
            Self::Store(error) => Some(error),
            Self::Load(LoadError::Store { source, .. }) => Some(source),
            _ => None,
        }
    }
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<LoadError> for Trouble {
    fn from(error: LoadError) -> Self {
        Self::Load(error)
    }
}

impl From<ReadError> for Trouble {
    fn from(error: ReadError) -> Self {
        Self::Spool(Arc::new(error))
    }
}

/// Where the host's own records are, an error is the disk's.
pub(super) fn records(error: io::Error) -> Trouble {
    Trouble::Records(Arc::new(error))
}
