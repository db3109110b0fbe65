use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::{Core, HostError};
use crate::block_on::block_on;
use crate::config::Acknowledge;
use crate::key::SessionKey;
use crate::mirror::Undelivered;
#[cfg(feature = "agent")]
use crate::spool::Doubtful;
use crate::spool::{AppendError, Base, Place};

/// One transcript of this process's: what is appended is on local disk before the answer, and on its way after it.
///
/// Cheap to clone.
#[derive(Clone)]
pub struct Transcript {
    core: Arc<Core>,
    key: SessionKey,
}

/// Why entries were not accepted, or not delivered where that was asked for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AppendFailed {
    /// They are not on disk.
    #[error(transparent)]
    Local(#[from] AppendError),
    /// They are on disk, and the host was closed before every destination had them (`acknowledge = "remote"`).
    #[error("the entries are on local disk, but were not delivered before the host was closed")]
    NotDelivered,
}

impl AppendFailed {
    /// Whether the same call may work later. One that was accepted must not be made again.
    pub fn can_retry(&self) -> bool {
        match self {
            Self::Local(error) => error.can_retry(),
            Self::NotDelivered => false,
        }
    }
}

impl Transcript {
    pub(super) fn new(core: Arc<Core>, key: SessionKey) -> Self {
        Self { core, key }
    }

    /// Which transcript.
    pub fn key(&self) -> &SessionKey {
        &self.key
    }

    /// Appends entries, each the bytes of a JSON object without an LF, all or none. The future returns once they are on
    /// local disk, or, with `acknowledge = "remote"`, once every destination has them. Calls are written in the order
    /// in which their futures are first polled; one that is dropped may still have been accepted.
    /// The entries are copied once there is room for them.
    pub fn append<'a, E: AsRef<[u8]> + Sync>(
        &self,
        entries: &'a [E],
    ) -> impl Future<Output = Result<(), AppendFailed>> + Send + use<'a, E> {
        let appended = self.core.spool.append(&self.key, entries);
        let this = self.clone();
        async move {
            let place = appended.await?;
            match this.core.acknowledge {
                Acknowledge::Local => Ok(()),
                Acknowledge::Remote => this.delivered(place).await,
            }
        }
    }

    /// Appends lines of a file as they are, and returns once they are on local disk: a line that is no entry, too.
    #[cfg(feature = "agent")]
    pub(crate) fn append_lines<'a, E: AsRef<[u8]> + Sync>(
        &self,
        lines: &'a [E],
    ) -> impl Future<Output = Result<(), AppendError>> + Send + use<'a, E> {
        let appended = self.core.spool.append_lines(&self.key, lines);
        async move { appended.await.map(drop) }
    }

    /// Notes that the lines which are appended next are a file's as it was found: each destination gets those that it
    /// lacks. Blocks for the disk.
    #[cfg(feature = "agent")]
    pub(crate) fn found(&self, found: Doubtful) -> Result<(), AppendError> {
        self.core.spool.found_blocking(&self.key, found)
    }

    /// The number of the first line of the file that was found last, in this process's copy.
    #[cfg(feature = "agent")]
    pub(crate) fn last_found(&self) -> Option<u64> {
        let stream = self.core.spool.stream(&self.key)?;
        stream.doubts().last().map(|doubt| doubt.from)
    }

    /// [`Transcript::append`] for callers without async.
    pub fn append_blocking<E: AsRef<[u8]> + Sync>(&self, entries: &[E]) -> Result<(), AppendFailed> {
        block_on(self.append(entries))
    }

    /// Begins the transcript behind what a destination holds of it already: on a session that was resumed. Fine if it
    /// has begun there.
    pub fn begin(&self, base: Base) -> impl Future<Output = Result<(), AppendError>> + Send + use<> {
        self.core.spool.begin(&self.key, base)
    }

    /// [`Transcript::begin`] for callers without async.
    pub fn begin_blocking(&self, base: Base) -> Result<(), AppendError> {
        block_on(self.begin(base))
    }

    /// The end of a turn: what waits for more, of all of the session, is delivered now. Does not wait for it.
    pub fn turn_ended(&self) {
        self.core.mirror.hurry(&self.key);
    }

    /// Delivers what is there now, of all of the session, until the deadline. What remains is named, and goes on being
    /// delivered.
    pub fn flush(&self, deadline: Duration) -> impl Future<Output = Result<Undelivered, HostError>> + Send + use<> {
        self.core.flush(Some(self.key.clone()), deadline)
    }

    /// [`Transcript::flush`] for callers without async.
    pub fn flush_blocking(&self, deadline: Duration) -> Result<Undelivered, HostError> {
        block_on(self.flush(deadline))
    }

    async fn delivered(self, place: Place) -> Result<(), AppendFailed> {
        let writer = self.core.spool.writer();
        match self.core.mirror.delivered(&self.key, writer, place).await {
            true => Ok(()),
            false => Err(AppendFailed::NotDelivered),
        }
    }
}

impl fmt::Debug for Transcript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transcript")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}
