//! The composition root: a spool, a mirror and destinations, on threads of their own.
//!
//! ```
//! use std::sync::Arc;
//! use std::time::Duration;
//!
//! use mirrorbox::host::Host;
//! use mirrorbox::key::SessionKey;
//! use mirrorbox::store::MemoryStore;
//!
//! # let state = tempfile::tempdir()?;
//! let host = Host::builder(state.path())
//!     .store("memory", Arc::new(MemoryStore::new()))
//!     .build_blocking()?;
//! let transcript = host.transcript(SessionKey::main("-srv-app", "session")?);
//! transcript.append_blocking(&[br#"{"type":"user"}"#])?;
//! let left = transcript.flush_blocking(Duration::from_secs(60))?;
//! assert!(left.is_empty(), "{left}");
//! host.close_blocking(Duration::from_secs(60))?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Executors
//!
//! A host brings its own threads. Every future that it gives can be awaited under any executor; those whose names end
//! in `_blocking` are for callers without one. A future that is dropped has been accepted or not, and what was accepted
//! is done.

mod adapters;
mod background;
mod builder;
#[cfg(feature = "wasm")]
mod destinations;
mod events;
#[cfg(any(feature = "agent", feature = "wasm"))]
mod files;
mod session_store;
mod sessions;
#[cfg(test)]
mod tests;
mod transcript;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

pub use adapters::{AdapterChange, AdapterEvent};
#[cfg(feature = "wasm")]
pub use adapters::{AdapterState, AdapterStatus, Good, LastGood, Named, Watching};
pub use builder::HostBuilder;
#[cfg(feature = "wasm")]
pub use destinations::{Destination, Destinations};
pub use events::{Events, HostEvent};
#[cfg(any(feature = "agent", feature = "wasm"))]
pub use files::raise_file_limit;
pub use session_store::{KeyStyle, ListedSummary, Loaded, SessionStore, SessionStoreError, SessionTime, WhileAway};
pub use sessions::{Following, Messages, Sessions, SessionsError};
pub use transcript::{AppendFailed, Transcript};

use tokio::sync::broadcast;
use tokio::time::Instant;

use crate::block_on::block_on;
use crate::config::Acknowledge;
use crate::key::SessionKey;
use crate::mirror::{DestinationStatus, Mirror, Trouble, Undelivered};
use crate::spool::{Spool, SpoolError};
use crate::store::Store;
use background::Background;

/// Why a host could not be built, or does nothing any more.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HostError {
    /// The spool, or the mirror's records, could not be opened.
    #[error(transparent)]
    Spool(#[from] SpoolError),
    /// No threads could be started.
    #[error("cannot start the host's threads: {0}")]
    Threads(#[from] std::io::Error),
    /// The engine for adapters could not be started.
    #[cfg(feature = "wasm")]
    #[error(transparent)]
    Engine(#[from] crate::adapter::AdapterError),
    /// The adapter directory could not be looked at.
    #[cfg(feature = "wasm")]
    #[error("cannot look at the adapter directory {path}: {source}")]
    AdapterDirectory {
        /// Which directory.
        path: std::path::PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It could not be read or written which adapters are destinations: what waits for them would be lost.
    #[cfg(feature = "wasm")]
    #[error("cannot use {path}, where the names of destinations are kept: {source}")]
    Names {
        /// Which directory.
        path: std::path::PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The mirror's records cannot be used.
    #[error(transparent)]
    Mirror(Trouble),
    /// Two destinations have one name, or a name cannot be a directory's.
    #[error(
        "a destination cannot be called {0:?}: names are unique, and have no `/`, no leading dot and at most 200 bytes"
    )]
    Name(String),
    /// The host is closed.
    #[error("the host is closed")]
    Closed,
}

/// However short the deadline of a close is, this long it may tidy up.
const AT_LEAST: Duration = Duration::from_secs(1);

/// Keeps transcripts on local disk and mirrors them.
///
/// Dropped without [`Host::close`], it stops: what was accepted is on disk, and the next host that uses the state
/// directory delivers it.
pub struct Host {
    core: Arc<Core>,
}

/// What the host, its transcripts and its tasks share.
struct Core {
    state: PathBuf,
    spool: Arc<Spool>,
    mirror: Arc<Mirror>,
    acknowledge: Acknowledge,
    background: Background,
    adapter_events: broadcast::Sender<AdapterEvent>,
    #[cfg(feature = "wasm")]
    adapters: Arc<adapters::Board>,
}

impl Host {
    /// A host that keeps its own files under `state`. Several processes may share one; each delivers what it appended,
    /// and what those left that are gone.
    pub fn builder(state: &Path) -> HostBuilder {
        HostBuilder::new(state)
    }

    /// A host on a spool and a mirror that a test has made.
    #[cfg(all(test, feature = "agent"))]
    pub(crate) fn of(spool: Arc<Spool>, mirror: Arc<Mirror>) -> Result<Self, HostError> {
        let adapter_events = broadcast::Sender::new(1);
        let core = Core {
            state: PathBuf::new(),
            spool,
            mirror,
            acknowledge: Acknowledge::Local,
            background: Background::start()?,
            #[cfg(feature = "wasm")]
            adapters: Arc::new(adapters::Board::new(adapter_events.clone())),
            adapter_events,
        };
        Ok(Self { core: Arc::new(core) })
    }

    /// This process's identity, which goes into the origin of its batches.
    pub fn writer(&self) -> &str {
        self.core.spool.writer()
    }

    /// Whose lines this host delivers: its own, and those of dead processes whose spools it adopted. How others' stand
    /// tells [`crate::mirror::look_at_others`].
    pub fn writers(&self) -> std::collections::BTreeSet<String> {
        self.core.mirror.writers()
    }

    /// A transcript to append to.
    pub fn transcript(&self, key: SessionKey) -> Transcript {
        Transcript::new(self.core.clone(), key)
    }

    /// Delivers everything that is there now, until the deadline. What remains is named, and goes on being delivered.
    pub fn flush(&self, deadline: Duration) -> impl Future<Output = Result<Undelivered, HostError>> + Send + use<> {
        self.core.flush(None, deadline)
    }

    /// [`Host::flush`] for callers without async.
    pub fn flush_blocking(&self, deadline: Duration) -> Result<Undelivered, HostError> {
        block_on(self.flush(deadline))
    }

    /// Deletes a session at every destination that takes it, now or as soon as each can be reached, however often this
    /// machine is started again meanwhile. What is appended from now on begins it anew.
    pub fn delete(&self, session: &SessionKey) -> impl Future<Output = Result<(), HostError>> + Send + use<> {
        let (mirror, spool, session) = (self.core.mirror.clone(), self.core.spool.clone(), session.clone());
        let deleted = self.core.background.run(async move {
            // Else what a dead process left of it would come to a destination that had nothing of it yet.
            mirror.adopted().await;
            mirror.delete(&session, spool.writer()).map_err(HostError::Mirror)
        });
        async move { deleted.await? }
    }

    /// [`Host::delete`] for callers without async.
    pub fn delete_blocking(&self, session: &SessionKey) -> Result<(), HostError> {
        block_on(self.delete(session))
    }

    /// The stored sessions of a project: to list, to read, to rename, to fork and so on.
    pub fn sessions(&self, project_key: &str) -> Sessions {
        Sessions::new(self.core.clone(), project_key)
    }

    /// The destinations that are open, by name: for everything in [`crate::session`]. Calls of adapters need a tokio
    /// runtime with time around them.
    pub fn stores(&self) -> Vec<(String, Arc<dyn Store>)> {
        self.core.mirror.stores()
    }

    /// What happens from now on.
    pub fn events(&self) -> Events {
        Events::new(
            self.core.mirror.events(),
            self.core.spool.alarms(),
            self.core.adapter_events.subscribe(),
        )
    }

    /// How every stream is doing at every destination.
    pub fn status(&self) -> Vec<DestinationStatus> {
        self.core.mirror.status()
    }

    /// How every adapter in the adapter directory is doing, by name; also what stands there and is no adapter.
    #[cfg(feature = "wasm")]
    pub fn adapters(&self) -> Vec<AdapterStatus> {
        self.core.adapters.adapters()
    }

    /// Destinations that wait before a retry are tried now: a password was changed, a server is back.
    pub fn retry(&self) {
        self.core.mirror.retry();
    }

    /// A process that used the state directory ended, a run of an agent, say: what it left is delivered from now on,
    /// where it would be looked for within a minute otherwise.
    pub fn adopt_again(&self) {
        self.core.mirror.adopt_again();
    }

    /// Accepts nothing more, delivers until the deadline, and ends every task and thread. What remains is named; the
    /// next host that uses the state directory goes on with it. Goes on if it is dropped.
    pub fn close(self, deadline: Duration) -> impl Future<Output = Result<Undelivered, HostError>> + Send + use<> {
        let core = self.core.clone();
        let work = {
            let core = core.clone();
            async move {
                // None where it is longer than there is time.
                let until = Instant::now().checked_add(deadline.max(AT_LEAST));
                core.spool.close().await;
                let left = core.mirror.flush(None, Some(deadline)).await;
                let note = core.mirror.end_note(&core.spool);
                core.mirror.close_by(until).await;
                tokio::task::block_in_place(|| core.spool.note_end(note.as_ref()));
                left
            }
        };
        let closed = core.background.run(work);
        async move {
            let left = closed.await?;
            core.background.end().await;
            Ok(left)
        }
    }

    /// [`Host::close`] for callers without async.
    pub fn close_blocking(self, deadline: Duration) -> Result<Undelivered, HostError> {
        block_on(self.close(deadline))
    }
}

impl Core {
    fn flush(
        self: &Arc<Self>,
        session: Option<SessionKey>,
        deadline: Duration,
    ) -> impl Future<Output = Result<Undelivered, HostError>> + Send + use<> {
        let flush = self.mirror.flush(session.as_ref(), Some(deadline));
        self.background.run(flush)
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host")
            .field("writer", &self.writer())
            .finish_non_exhaustive()
    }
}
