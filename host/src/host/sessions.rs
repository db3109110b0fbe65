//! The stored sessions of one project, for programs: reads ask the destinations in turn, writes go through the spool.

mod adding;
mod asking;
mod blocking;
mod following;
mod messages;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{AppendFailed, Core, HostError};
use crate::key::SessionKey;
use crate::session::{
    self, Fork, ForkRows, Forked, Listing, RestoreOptions, RestoreReport, SessionError, SessionRow, Subagent,
};

pub use following::Following;
pub use messages::Messages;

/// The stored sessions of a project.
///
/// What is read comes from the first destination that answers and knows the session, as it is stored there: flush
/// before, and what this host appended is part of it. What is added goes into the spool, as any entry does, and from
/// there to every destination; [`super::Host::flush`] waits for that. Every call waits until each destination is open,
/// or cannot be opened.
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
///
/// use mirrorbox::host::Host;
/// use mirrorbox::key::SessionKey;
/// use mirrorbox::session::{Fork, Listing};
/// use mirrorbox::store::MemoryStore;
///
/// # let state = tempfile::tempdir()?;
/// # let host = Host::builder(state.path()).store("memory", Arc::new(MemoryStore::new())).build_blocking()?;
/// let transcript = host.transcript(SessionKey::main("-srv-app", "session")?);
/// transcript.append_blocking(&[br#"{"type":"user","uuid":"1","message":{"content":"Find the leak"}}"#])?;
///
/// let sessions = host.sessions("-srv-app");
/// assert!(host.flush_blocking(Duration::from_secs(60))?.is_empty());
/// sessions.rename_blocking("session", "The leak")?;
/// let fork = sessions.fork_blocking("session", &Fork::default())?;
/// assert!(host.flush_blocking(Duration::from_secs(60))?.is_empty());
///
/// let listed = sessions.list_blocking(&Listing::default())?;
/// let titles: Vec<_> = listed.iter().filter_map(|row| Some(row.info.as_ref()?.summary.as_str())).collect();
/// assert!(titles.contains(&"The leak") && titles.contains(&fork.title.as_str()));
/// let mut messages = sessions.messages_blocking("session")?;
/// assert_eq!(messages.next_blocking().ok_or("no message")??.uuid, "1");
/// # host.close_blocking(Duration::from_secs(60))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Sessions {
    core: Arc<Core>,
    project: String,
}

/// Why something with stored sessions did not work.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SessionsError {
    /// What is stored cannot be read, or is not there.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// What was to be added is not on local disk.
    #[error(transparent)]
    Append(#[from] AppendFailed),
    /// The host does nothing any more, or cannot delete.
    #[error(transparent)]
    Host(#[from] HostError),
}

impl SessionsError {
    /// Whether the same call may work later without anybody doing something about it.
    pub fn can_retry(&self) -> bool {
        match self {
            Self::Session(error) => error.can_retry(),
            Self::Append(error) => error.can_retry(),
            Self::Host(_) => false,
        }
    }
}

type Answer<T> = Result<T, SessionsError>;

impl Sessions {
    pub(super) fn new(core: Arc<Core>, project: &str) -> Self {
        Self {
            core,
            project: project.to_owned(),
        }
    }

    /// The sessions, newest first. Whatever project the listing names, it is this one.
    pub fn list(&self, what: &Listing) -> impl Future<Output = Answer<Vec<SessionRow>>> + Send + use<> {
        let what = Listing {
            project: Some(self.project.clone()),
            ..what.clone()
        };
        self.work(async move |this| {
            let listed = this.ask(async |store| session::list_page(store, &what).await).await?;
            Ok(listed.value)
        })
    }

    /// What a list shows of one session; none where it is not stored.
    pub fn info(&self, session: &str) -> impl Future<Output = Answer<Option<SessionRow>>> + Send + use<> {
        let session = session.to_owned();
        self.work(async move |this| {
            let key = this.key(&session)?;
            let known = this.ask(async |store| {
                let row = session::info(store, &key).await?;
                row.ok_or_else(|| not_found(&key))
            });
            match known.await {
                Ok(known) => Ok(Some(known.value)),
                Err(SessionError::NotFound { .. }) => Ok(None),
                Err(error) => Err(error.into()),
            }
        })
    }

    /// The subagents of a session.
    pub fn subagents(&self, session: &str) -> impl Future<Output = Answer<Vec<Subagent>>> + Send + use<> {
        let session = session.to_owned();
        self.work(async move |this| {
            let (store, key) = this.find(&session).await?;
            Ok(session::subagents(store, &key).await?)
        })
    }

    /// The conversation of a session.
    pub fn messages(&self, session: &str) -> impl Future<Output = Answer<Messages>> + Send + use<> {
        let session = session.to_owned();
        self.work(async move |this| {
            let (store, key) = this.find(&session).await?;
            Ok(this.read(store, &key).await?)
        })
    }

    /// The conversation of a subagent.
    pub fn subagent_messages(
        &self,
        session: &str,
        agent: &str,
    ) -> impl Future<Output = Answer<Messages>> + Send + use<> {
        let (session, agent) = (session.to_owned(), agent.to_owned());
        self.work(async move |this| {
            let (store, key) = this.find(&session).await?;
            let agent = session::subagent(store.clone(), &key, &agent).await?;
            Ok(this.read(store, &agent.transcript).await?)
        })
    }

    /// Gives a session a title. One that nobody knows is an error. White space around the title goes.
    ///
    /// With `writers = "last"` in a manifest, the process that renames or tags a session takes it over.
    pub fn rename(&self, session: &str, title: &str) -> impl Future<Output = Answer<()>> + Send + use<> {
        let (session, entry) = (session.to_owned(), session::rename(session, title));
        self.work(async move |this| this.add(&session, entry?).await)
    }

    /// Tags a session, or takes its tag away. One that nobody knows is an error. What cannot be seen in a tag goes.
    pub fn tag(&self, session: &str, tag: Option<&str>) -> impl Future<Output = Answer<()>> + Send + use<> {
        let (session, entry) = (session.to_owned(), session::tag(session, tag));
        self.work(async move |this| this.add(&session, entry?).await)
    }

    /// Begins a new session with what a session holds. Subagents stay where they are. Fails as a whole.
    pub fn fork(&self, session: &str, what: &Fork) -> impl Future<Output = Answer<Forked>> + Send + use<> {
        let (session, what) = (session.to_owned(), what.clone());
        self.work(async move |this| {
            let (store, key) = this.find(&session).await?;
            let rows = ForkRows::new(store, &key, &what).await?;
            this.write(rows).await
        })
    }

    /// [`super::Host::delete`] of a session of this project.
    pub fn delete(&self, session: &str) -> impl Future<Output = Answer<()>> + Send + use<> {
        let session = session.to_owned();
        self.work(async move |this| Ok(this.remove(&this.key(&session)?)?))
    }

    /// [`session::restore`] of a session of this project.
    pub fn restore(
        &self,
        session: &str,
        into: &Path,
        options: RestoreOptions,
    ) -> impl Future<Output = Answer<RestoreReport>> + Send + use<> {
        let (session, into): (_, PathBuf) = (session.to_owned(), into.to_owned());
        self.work(async move |this| {
            let (store, key) = this.find(&session).await?;
            Ok(session::restore(store, Some(vec![key]), &into, options, session::silent()).await?)
        })
    }
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sessions")
            .field("project", &self.project)
            .finish_non_exhaustive()
    }
}

fn not_found(session: &SessionKey) -> SessionError {
    SessionError::NotFound {
        id: session.session_id().to_owned(),
    }
}

#[cfg(test)]
mod tests;
