//! A store in memory, for tests and examples.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use parking_lot::{Mutex, MutexGuard};

use super::{Batch, Capabilities, Kind, Page, Position, Store, StoreError, StoreInfo, StoredSession, Summary};
use crate::key::SessionKey;

/// A store that keeps everything in memory: for tests, and to see the contract at its plainest.
#[derive(Debug, Default)]
pub struct MemoryStore {
    streams: Mutex<BTreeMap<SessionKey, MemoryLog>>,
}

#[derive(Debug, Default)]
struct MemoryLog {
    batches: Vec<Batch>,
    modified: u64,
    summary: Option<Summary>,
}

impl MemoryLog {
    fn append(&mut self, batch: &Batch) -> Result<(), StoreError> {
        if let Some(stored) = self.batches.iter().find(|stored| stored.number == batch.number) {
            return if stored.digest == batch.digest {
                Ok(())
            } else {
                Err(StoreError::Conflict)
            };
        }
        let end = self.batches.last().map_or(0, |last| last.number);
        let is_gap = batch.number.saturating_sub(1) > end && batch.kind != Kind::Tombstone;
        if batch.number <= end || is_gap {
            return Err(StoreError::Conflict);
        }
        self.batches.push(batch.clone());
        self.modified = now();
        if batch.kind == Kind::Tombstone {
            self.batches.drain(..self.batches.len() - 1);
            self.summary = None;
        }
        Ok(())
    }

    fn summarise(&mut self, summary: &Summary) {
        if self
            .summary
            .as_ref()
            .is_none_or(|stored| stored.through < summary.through)
        {
            self.summary = Some(summary.clone());
        }
    }

    /// Whether it holds more than a tombstone.
    fn is_alive(&self) -> bool {
        self.batches.last().is_some_and(|last| last.kind != Kind::Tombstone)
    }

    fn to_session(&self, key: &SessionKey) -> StoredSession {
        StoredSession {
            session_id: key.session_id().to_owned(),
            modified: self.modified,
            last: self.batches.last().map_or(0, |last| last.number),
            summary: self.summary.clone(),
        }
    }
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets a test damage a stream behind the store's back.
    #[cfg(test)]
    pub(crate) fn tamper(&self, key: &SessionKey, damage: impl FnOnce(&mut Vec<Batch>)) {
        damage(&mut self.lock().entry(key.clone()).or_default().batches);
    }

    /// A panic elsewhere leaves every stream whole: each change is one push.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<SessionKey, MemoryLog>> {
        self.streams.lock()
    }
}

#[async_trait]
impl Store for MemoryStore {
    fn info(&self) -> StoreInfo {
        StoreInfo {
            name: "memory".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            capabilities: Capabilities {
                listing: true,
                deletion: true,
                compaction: false,
            },
        }
    }

    async fn append(&self, key: &SessionKey, batch: &Batch, summary: Option<&Summary>) -> Result<(), StoreError> {
        let mut streams = self.lock();
        let stream = streams.entry(key.clone()).or_default();
        stream.append(batch)?;
        if let Some(summary) = summary {
            stream.summarise(summary);
        }
        Ok(())
    }

    async fn load(&self, key: &SessionKey, after: u64, max_bytes: u32) -> Result<Vec<Batch>, StoreError> {
        let mut bytes = 0;
        let fits = |batch: &&Batch| {
            let room = bytes < max_bytes as usize;
            bytes += batch.payload.len();
            room
        };
        let streams = self.lock();
        let batches = streams.get(key).map_or(&[][..], |stream| &stream.batches);
        Ok(batches
            .iter()
            .filter(|batch| batch.number > after)
            .take_while(fits)
            .cloned()
            .collect())
    }

    async fn end(&self, key: &SessionKey) -> Result<Option<Position>, StoreError> {
        let streams = self.lock();
        let last = streams.get(key).and_then(|stream| stream.batches.last());
        Ok(last.map(Batch::position))
    }

    async fn list_subkeys(
        &self,
        project_key: &str,
        session_id: &str,
        token: Option<&str>,
        limit: u32,
    ) -> Result<Page<String>, StoreError> {
        let streams = self.lock();
        let subpaths = streams
            .iter()
            .filter(|(key, stream)| {
                key.project_key() == project_key && key.session_id() == session_id && stream.is_alive()
            })
            .filter_map(|(key, _)| key.subpath().map(str::to_owned));
        Ok(page(subpaths, String::as_str, token, limit))
    }

    async fn list_projects(&self, token: Option<&str>, limit: u32) -> Result<Page<String>, StoreError> {
        let streams = self.lock();
        let mut projects: Vec<_> = streams
            .iter()
            .filter(|(key, stream)| key.is_main() && stream.is_alive())
            .map(|(key, _)| key.project_key().to_owned())
            .collect();
        projects.dedup();
        Ok(page(projects.into_iter(), String::as_str, token, limit))
    }

    async fn list_sessions(
        &self,
        project_key: &str,
        token: Option<&str>,
        limit: u32,
    ) -> Result<Page<StoredSession>, StoreError> {
        let streams = self.lock();
        let sessions = streams
            .iter()
            .filter(|(key, stream)| key.project_key() == project_key && key.is_main() && stream.is_alive())
            .map(|(key, stream)| stream.to_session(key));
        Ok(page(sessions, |session| &session.session_id, token, limit))
    }

    async fn find_session(&self, project_key: &str, session_id: &str) -> Result<Option<StoredSession>, StoreError> {
        let Ok(key) = SessionKey::main(project_key, session_id) else {
            return Ok(None);
        };
        let streams = self.lock();
        let stream = streams.get(&key).filter(|stream| stream.is_alive());
        Ok(stream.map(|stream| stream.to_session(&key)))
    }

    async fn delete(&self, key: &SessionKey, tombstone: &Batch) -> Result<(), StoreError> {
        self.lock().entry(key.clone()).or_default().append(tombstone)
    }

    async fn compact(&self, _key: &SessionKey, _through: u64) -> Result<(), StoreError> {
        Err(StoreError::Unsupported)
    }
}

/// Cuts one page out of sorted items; a token is the name of the last item of the page before.
fn page<T>(items: impl Iterator<Item = T>, name: impl Fn(&T) -> &str, token: Option<&str>, limit: u32) -> Page<T> {
    let mut rest = items.skip_while(|item| token.is_some_and(|token| name(item) <= token));
    let items: Vec<_> = rest.by_ref().take(limit.max(1) as usize).collect();
    let next = rest.next().and(items.last()).map(|last| name(last).to_owned());
    Page { items, next }
}

fn now() -> u64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX)
}
