//! The contract of `wit/adapter.wit` in Rust: what a backend must do for the host.
//!
//! [`Store`] is the contract, [`Batch`] its unit, [`StoreError`] what can go wrong, [`Reader`] the only way to read a
//! stream back: batch by batch, verified. [`MemoryStore`] keeps everything in memory.

mod batch;
mod error;
mod memory;
mod reader;
mod removal;

use async_trait::async_trait;

pub use batch::{
    BATCH_BYTES, BATCH_ENTRIES, Batch, BatchDraft, Chain, Digest, Kind, MAX_PAYLOAD, Origin, ParseDigestError,
    Position, time_to_move,
};
pub use error::{LONGEST_ASKED, StoreError};
pub use memory::MemoryStore;
pub use reader::{LoadError, Reader};
pub(crate) use removal::Removal;

use crate::key::SessionKey;

/// What a store is and can.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoreInfo {
    /// The kind of store, as it names itself (`fs`).
    pub name: String,
    /// Its version.
    pub version: String,
    /// What it can beyond appending and loading.
    pub capabilities: Capabilities,
}

/// What a store can beyond appending and loading.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// [`Store::list_projects`], [`Store::list_sessions`] and [`Store::find_session`].
    pub listing: bool,
    /// [`Store::delete`].
    pub deletion: bool,
    /// [`Store::compact`].
    pub compaction: bool,
}

/// A session's summary: opaque JSON, and the number of the batch of the main transcript that it reaches to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// The last batch that is folded in.
    pub through: u64,
    /// A JSON object ([`crate::summary`]).
    pub json: String,
}

/// A stored session, as listings show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredSession {
    /// The session id.
    pub session_id: String,
    /// Unix milliseconds of the last append to the main transcript, by the backend's clock where it has one.
    pub modified: u64,
    /// The number of the last batch of the main transcript.
    pub last: u64,
    /// The summary, if one was stored; it may not reach to `last`.
    pub summary: Option<Summary>,
}

/// One page of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// The token of the page after it; none on the last.
    pub next: Option<String>,
}

/// A backend. `wit/adapter.wit` says what each function must do on a retry, on a conflict, after a tombstone and on an
/// empty stream.
///
/// A dropped future leaves the call running or not: as with a timeout, it may still land.
#[async_trait]
pub trait Store: std::fmt::Debug + Send + Sync {
    /// What this store is and can.
    fn info(&self) -> StoreInfo;

    /// Stores a batch if its number is free; succeeds if that very batch is there already.
    async fn append(&self, key: &SessionKey, batch: &Batch, summary: Option<&Summary>) -> Result<(), StoreError>;

    /// The batches after number `after`, in order, until `max_bytes` of payload are reached; at least one if there is
    /// any. Unverified: use a [`Reader`].
    async fn load(&self, key: &SessionKey, after: u64, max_bytes: u32) -> Result<Vec<Batch>, StoreError>;

    /// The last batch, a tombstone included.
    async fn end(&self, key: &SessionKey) -> Result<Option<Position>, StoreError>;

    /// The subpaths under a session that hold more than a tombstone.
    async fn list_subkeys(
        &self,
        project_key: &str,
        session_id: &str,
        token: Option<&str>,
        limit: u32,
    ) -> Result<Page<String>, StoreError>;

    /// The project keys that have sessions.
    async fn list_projects(&self, token: Option<&str>, limit: u32) -> Result<Page<String>, StoreError>;

    /// The sessions whose main transcript holds more than a tombstone.
    async fn list_sessions(
        &self,
        project_key: &str,
        token: Option<&str>,
        limit: u32,
    ) -> Result<Page<StoredSession>, StoreError>;

    /// One session, as [`Store::list_sessions`] shows it.
    async fn find_session(&self, project_key: &str, session_id: &str) -> Result<Option<StoredSession>, StoreError>;

    /// Appends the tombstone, then removes what came before it. [`StoreError::Throttled`] with no time at all: the
    /// tombstone stands, and the same call removes more.
    async fn delete(&self, key: &SessionKey, tombstone: &Batch) -> Result<(), StoreError>;

    /// Rewrites the batches up to number `through` into fewer, larger objects.
    async fn compact(&self, key: &SessionKey, through: u64) -> Result<(), StoreError>;
}
