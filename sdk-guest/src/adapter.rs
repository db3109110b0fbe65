use crate::{Batch, Capabilities, Error, Page, Position, Result, Session, SessionKey, Settings, Summary};

/// What an adapter is and can.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Info {
    /// The kind of backend, in one word (`fs`).
    pub name: &'static str,
    /// The adapter's own version; most often `env!("CARGO_PKG_VERSION")`.
    pub version: &'static str,
    /// What it can beyond appending and loading.
    pub capabilities: Capabilities,
}

/// A backend that keeps transcripts.
///
/// An instance is used by one call at a time, but it is never alone: other instances, on this host and on others, work
/// on the same backend. Whatever must not interleave is decided there. Any call may have been made before, with or
/// without its answer having arrived.
///
/// `wit/adapter.wit` says for each operation what it must do on a retry, on a conflict, after a tombstone and on an
/// empty stream.
pub trait Adapter: Sized {
    /// What this adapter is and can. An operation behind a capability that is not named here is never called.
    const INFO: Info;

    /// Reads the settings, reaches the backend once, prepares it and makes sure that it can keep the contract.
    ///
    /// Call [`Settings::finish`] before anything is prepared: a misspelt setting should not leave a table behind.
    fn open(settings: &Settings) -> Result<Self>;

    /// Stores a batch, durably, if its number is free; [`Error::Conflict`] if another batch holds it.
    ///
    /// The payload is up to 128 MiB, and the only copy of it: hand it on, do not clone it.
    fn append(&mut self, key: &SessionKey, batch: Batch, summary: Option<Summary>) -> Result<()>;

    /// The batches after number `after`, in order, until `max_bytes` of payload are reached; at least one if there is
    /// any.
    fn load(&mut self, key: &SessionKey, after: u64, max_bytes: u32) -> Result<Vec<Batch>>;

    /// The last batch, a tombstone included; none where the key was never written.
    fn end(&mut self, key: &SessionKey) -> Result<Option<Position>>;

    /// The subpaths under a session that hold more than a tombstone, `limit` a page at most.
    fn list_subkeys(
        &mut self,
        project_key: &str,
        session_id: &str,
        token: Option<&str>,
        limit: u32,
    ) -> Result<Page<String>>;

    /// The project keys that have sessions. Needs [`Capabilities::listing`].
    fn list_projects(&mut self, token: Option<&str>, limit: u32) -> Result<Page<String>> {
        let _ = (token, limit);
        Err(Error::Unsupported)
    }

    /// The sessions whose main transcript holds more than a tombstone. Needs [`Capabilities::listing`].
    fn list_sessions(&mut self, project_key: &str, token: Option<&str>, limit: u32) -> Result<Page<Session>> {
        let _ = (project_key, token, limit);
        Err(Error::Unsupported)
    }

    /// One session, as [`Adapter::list_sessions`] shows it. Needs [`Capabilities::listing`].
    fn find_session(&mut self, project_key: &str, session_id: &str) -> Result<Option<Session>> {
        let _ = (project_key, session_id);
        Err(Error::Unsupported)
    }

    /// Appends the tombstone, then removes every batch before it, the summary and the index entries; in
    /// [pieces](crate::Piece) where there may be many. Needs [`Capabilities::deletion`].
    fn delete(&mut self, key: &SessionKey, tombstone: Batch) -> Result<()> {
        let _ = (key, tombstone);
        Err(Error::Unsupported)
    }

    /// Rewrites the batches up to number `through` into fewer, larger objects. Needs [`Capabilities::compaction`].
    fn compact(&mut self, key: &SessionKey, through: u64) -> Result<()> {
        let _ = (key, through);
        Err(Error::Unsupported)
    }
}
