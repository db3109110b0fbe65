//! What the agent's SDKs call a session store: append, load, list and delete, as raw lines.
//!
//! | file | what |
//! | --- | --- |
//! | `stream` | where a stream is read from: which destination, which spools |
//! | `copies` | what the spools of this machine hold of a stream |
//! | `reading`, `load` | the lines of both, each once, in order |
//! | `listing`, `summaries` | which sessions and streams there are; what is known of each |

mod copies;
mod error;
mod listing;
mod load;
mod reading;
mod stream;
mod summaries;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;

use super::{AppendFailed, Core, Host, HostError, Transcript};
use crate::block_on::block_on;
use crate::key::SessionKey;
use crate::spool::Base;

pub use crate::summary::KeyStyle;
pub use error::SessionStoreError;
pub use listing::SessionTime;
pub use load::Loaded;
pub use summaries::ListedSummary;

/// What to answer while no destination can be reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhileAway {
    /// A stream of which this machine holds everything is read; for anything else there is an error that says what is
    /// missing. Nobody takes a short answer for a whole one.
    #[default]
    Refuse,
    /// What no spool of this machine holds does not exist, and listings are of what the spools hold: for machines whose
    /// sessions nobody else writes to. A stream of which the beginning is known to lie elsewhere is an error still.
    AnswerFromHere,
}

/// Sessions as the agent's SDKs read and write them.
///
/// What is appended is on local disk before the answer, and on its way to every destination after it. What is read is
/// what this machine knows: the lines of one destination, and behind them those that only spools below the state
/// directory hold, of this process and of others, alive or not; no line twice. Where several destinations know a
/// stream, the first by name that answers is read.
///
/// A process that goes on with a stream of others' reads it first, as the SDKs do. Then what it appends begins behind
/// what it read; else nobody could tell, while no destination answers, that something comes before.
///
/// Cheap to clone. The host lives for as long as one of them does, or until it is closed.
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
///
/// use mirrorbox::host::Host;
/// use mirrorbox::key::SessionKey;
/// use mirrorbox::store::MemoryStore;
///
/// # let state = tempfile::tempdir()?;
/// # let host = Host::builder(state.path()).store("memory", Arc::new(MemoryStore::new())).build_blocking()?;
/// let store = host.session_store();
/// let key = SessionKey::main("-srv-app", "session")?;
/// store.append_blocking(&key, &[br#"{"type":"user","uuid":"1"}"#])?;
///
/// let mut loaded = store.load_blocking(&key)?.ok_or("it was never written")?;
/// while let Some(lines) = loaded.next_blocking() {
///     assert_eq!(&*lines?, b"{\"type\":\"user\",\"uuid\":\"1\"}\n");
/// }
/// assert_eq!(store.list_sessions_blocking("-srv-app")?[0].session, "session");
///
/// store.delete_blocking(&key)?;
/// assert!(store.load_blocking(&key)?.is_none());
/// # host.close_blocking(Duration::from_secs(60))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct SessionStore {
    core: Arc<Core>,
    while_away: WhileAway,
    /// What streams held that this process has read and not begun: what it appends comes behind that.
    read: Arc<Mutex<HashMap<SessionKey, Base>>>,
}

type Answer<T> = Result<T, SessionStoreError>;

impl Host {
    /// The sessions as the agent's SDKs read and write them.
    pub fn session_store(&self) -> SessionStore {
        SessionStore {
            core: self.core.clone(),
            while_away: WhileAway::default(),
            read: Arc::default(),
        }
    }
}

impl SessionStore {
    /// What to answer while no destination can be reached.
    pub fn while_away(self, while_away: WhileAway) -> Self {
        Self { while_away, ..self }
    }

    /// Appends entries, each the bytes of a JSON object without an LF, all or none; none at all does nothing. Calls for
    /// one key are written in the order in which this was called and its future first polled. See
    /// [`Transcript::append`].
    pub fn append<'a, E: AsRef<[u8]> + Sync>(
        &self,
        key: &SessionKey,
        entries: &'a [E],
    ) -> impl Future<Output = Result<(), AppendFailed>> + Send + use<'a, E> {
        let base = match entries.is_empty() {
            true => None,
            false => self.read.lock().remove(key),
        };
        if let Some(base) = base {
            self.core.spool.prepare(key, base);
        }
        let transcript = Transcript::new(self.core.clone(), key.clone());
        async move {
            match entries.is_empty() {
                true => Ok(()),
                false => transcript.append(entries).await,
            }
        }
    }

    /// [`SessionStore::append`] for callers without async.
    pub fn append_blocking<E: AsRef<[u8]> + Sync>(&self, key: &SessionKey, entries: &[E]) -> Result<(), AppendFailed> {
        block_on(self.append(key, entries))
    }

    /// The end of a turn: what waits for more, of all of the session, is delivered now. Does not wait for it.
    pub fn turn_ended(&self, session: &SessionKey) {
        self.core.mirror.hurry(session);
    }

    /// Deletes a main transcript with all of its session, or another stream alone: here at once, and at every
    /// destination now or as soon as it can be reached. What was never written may be deleted, and what is appended
    /// after it begins anew.
    pub fn delete(&self, key: &SessionKey) -> impl Future<Output = Answer<()>> + Send + use<> {
        let (this, key) = (self.clone(), key.clone());
        let deleted = self.core.background.run(async move {
            let Core { mirror, spool, .. } = &*this.core;
            // Else what a dead process left of it would come back.
            mirror.adopted().await;
            let is_part = |other: &SessionKey| *other == key || key.is_main() && other.is_part_of(&key);
            this.read.lock().retain(|other, _| !is_part(other));
            match key.is_main() {
                true => mirror.delete(&key, spool.writer()),
                false => mirror.delete_stream(&key, spool.writer()),
            }
        });
        async move { Ok(deleted.await?.map_err(HostError::Mirror)?) }
    }

    /// [`SessionStore::delete`] for callers without async.
    pub fn delete_blocking(&self, key: &SessionKey) -> Answer<()> {
        block_on(self.delete(key))
    }

    /// Works on the host's own threads, where it may block, once every destination is open or cannot be opened.
    fn work<T: Send + 'static, F>(&self, work: F) -> impl Future<Output = Answer<T>> + Send + use<T, F>
    where
        F: AsyncFnOnce(Self) -> Answer<T> + Send + 'static,
    {
        let this = self.clone();
        let done = self.core.background.run_local(async move || {
            this.core.mirror.settled().await;
            work(this).await
        });
        async move { done.await? }
    }
}

impl fmt::Debug for SessionStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionStore")
            .field("while_away", &self.while_away)
            .finish_non_exhaustive()
    }
}
