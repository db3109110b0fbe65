use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;

use crate::block_on::block_on;
use crate::config::Flush;
use crate::host::{Host, HostBuilder};
use crate::key::SessionKey;
use crate::mirror::DestinationOptions;
use crate::store::{Batch, MemoryStore, Page, Position, Reader, Store, StoreError, StoreInfo, StoredSession, Summary};

/// Long enough for a machine that has better things to do.
pub(in crate::host) const DEADLINE: Duration = Duration::from_secs(120);

/// A store in memory that can be away.
#[derive(Debug, Default)]
pub(in crate::host) struct Switched {
    pub(in crate::host) inside: Arc<MemoryStore>,
    away: watch::Sender<bool>,
    refused: watch::Sender<u64>,
}

impl Switched {
    pub(in crate::host) fn new() -> Arc<Self> {
        Arc::default()
    }

    pub(in crate::host) fn away() -> Arc<Self> {
        let store = Self::new();
        store.set_away(true);
        store
    }

    pub(in crate::host) fn set_away(&self, away: bool) {
        self.away.send_replace(away);
    }

    /// Waits until a call was refused.
    pub(in crate::host) fn refused(&self) {
        let mut refused = self.refused.subscribe();
        block_on(async { drop(refused.wait_for(|refused| *refused > 0).await) });
    }

    fn check(&self) -> Result<(), StoreError> {
        if *self.away.borrow() {
            self.refused.send_modify(|refused| *refused += 1);
            return Err(StoreError::Unavailable("away".into()));
        }
        Ok(())
    }
}

#[async_trait]
impl Store for Switched {
    fn info(&self) -> StoreInfo {
        self.inside.info()
    }

    async fn append(&self, key: &SessionKey, batch: &Batch, summary: Option<&Summary>) -> Result<(), StoreError> {
        self.check()?;
        self.inside.append(key, batch, summary).await
    }

    async fn load(&self, key: &SessionKey, after: u64, max_bytes: u32) -> Result<Vec<Batch>, StoreError> {
        self.check()?;
        self.inside.load(key, after, max_bytes).await
    }

    async fn end(&self, key: &SessionKey) -> Result<Option<Position>, StoreError> {
        self.check()?;
        self.inside.end(key).await
    }

    async fn list_subkeys(
        &self,
        project_key: &str,
        session_id: &str,
        token: Option<&str>,
        limit: u32,
    ) -> Result<Page<String>, StoreError> {
        self.check()?;
        self.inside.list_subkeys(project_key, session_id, token, limit).await
    }

    async fn list_projects(&self, token: Option<&str>, limit: u32) -> Result<Page<String>, StoreError> {
        self.check()?;
        self.inside.list_projects(token, limit).await
    }

    async fn list_sessions(
        &self,
        project_key: &str,
        token: Option<&str>,
        limit: u32,
    ) -> Result<Page<StoredSession>, StoreError> {
        self.check()?;
        self.inside.list_sessions(project_key, token, limit).await
    }

    async fn find_session(&self, project_key: &str, session_id: &str) -> Result<Option<StoredSession>, StoreError> {
        self.check()?;
        self.inside.find_session(project_key, session_id).await
    }

    async fn delete(&self, key: &SessionKey, tombstone: &Batch) -> Result<(), StoreError> {
        self.check()?;
        self.inside.delete(key, tombstone).await
    }

    async fn compact(&self, key: &SessionKey, through: u64) -> Result<(), StoreError> {
        self.inside.compact(key, through).await
    }
}

/// A host with one destination, `memory`, that is brought everything at once.
pub(in crate::host) fn builder(state: &Path, store: Arc<dyn Store>) -> HostBuilder {
    let mut options = DestinationOptions::default();
    options.mirror.flush = Flush::Eager;
    Host::builder(state).store_with("memory", store, options)
}

pub(in crate::host) fn host(state: &Path, store: Arc<dyn Store>) -> Host {
    builder(state, store).build_blocking().unwrap()
}

pub(in crate::host) fn key(session: &str) -> SessionKey {
    SessionKey::main("project", session).unwrap()
}

pub(in crate::host) fn line(number: u32) -> Vec<u8> {
    format!("{{\"timestamp\":\"2026-05-01T10:00:00Z\",\"n\":{number}}}").into_bytes()
}

pub(in crate::host) fn lines(numbers: std::ops::RangeInclusive<u32>) -> Vec<String> {
    numbers.map(|number| String::from_utf8(line(number)).unwrap()).collect()
}

/// The lines of a stored stream, verified.
pub(in crate::host) fn stored(store: &Arc<MemoryStore>, session: &str) -> Vec<String> {
    let mut reader = Reader::new(store.clone(), key(session));
    let mut lines = Vec::new();
    while let Some(batch) = block_on(reader.next()).unwrap() {
        let text = String::from_utf8(batch.payload.to_vec()).unwrap();
        lines.extend(text.lines().map(str::to_owned));
    }
    lines
}
