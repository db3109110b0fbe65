use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::error::Damage;
use crate::key::SessionKey;

/// Something that must not pass in silence.
#[derive(Clone, Debug)]
pub struct Alarm {
    /// Whose spool.
    pub writer: String,
    /// Which stream; none where that is the question.
    pub key: Option<SessionKey>,
    /// The file.
    pub file: PathBuf,
    /// What happened.
    pub trouble: FileTrouble,
}

/// What happened to a file.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileTrouble {
    /// The disk failed to sync it. It will not be trusted again: its lines go to a fresh file.
    #[error("a sync failed, the file is not trusted any more: {0}")]
    SyncFailed(Arc<io::Error>),
    /// After a failed sync, a fresh file took its place, with every line.
    #[error("a fresh file took its place after a failed sync")]
    Rewritten,
    /// Behind its last whole, synced line was something torn, left by a crash; it was cut off. It was never
    /// acknowledged.
    #[error("a torn end of {bytes} bytes was cut off")]
    Cut {
        /// How much.
        bytes: u64,
    },
    /// Lines are missing that were synced. It is kept as it is and read as far as it goes.
    #[error("damaged: {0}")]
    Damaged(Damage),
    /// It cannot be read; it is kept as it is.
    #[error("cannot be read, and is kept as it is: {0}")]
    Unreadable(Arc<io::Error>),
}
