use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;

use crate::key::SessionKey;
use crate::session::fixture;
use crate::store::{Batch, MemoryStore, Page, Position, Store, StoreError, StoreInfo, StoredSession, Summary};

/// A store to which another writer appends in the moment before the first append.
#[derive(Debug)]
pub(super) struct Overtaken {
    inner: Arc<MemoryStore>,
    lines: String,
    is_done: AtomicBool,
}

impl Overtaken {
    pub(super) fn new(inner: Arc<MemoryStore>, lines: String) -> Self {
        Self {
            inner,
            lines,
            is_done: AtomicBool::new(false),
        }
    }
}

#[async_trait]
impl Store for Overtaken {
    fn info(&self) -> StoreInfo {
        self.inner.info()
    }

    async fn append(&self, key: &SessionKey, batch: &Batch, summary: Option<&Summary>) -> Result<(), StoreError> {
        if !self.is_done.swap(true, Ordering::SeqCst) {
            fixture::append(&*self.inner, key, self.lines.clone()).await;
        }
        self.inner.append(key, batch, summary).await
    }

    async fn load(&self, key: &SessionKey, after: u64, max_bytes: u32) -> Result<Vec<Batch>, StoreError> {
        self.inner.load(key, after, max_bytes).await
    }

    async fn end(&self, key: &SessionKey) -> Result<Option<Position>, StoreError> {
        self.inner.end(key).await
    }

    async fn list_subkeys(&self, _: &str, _: &str, _: Option<&str>, _: u32) -> Result<Page<String>, StoreError> {
        Err(StoreError::Unsupported)
    }

    async fn list_projects(&self, _: Option<&str>, _: u32) -> Result<Page<String>, StoreError> {
        Err(StoreError::Unsupported)
    }

    async fn list_sessions(&self, _: &str, _: Option<&str>, _: u32) -> Result<Page<StoredSession>, StoreError> {
        Err(StoreError::Unsupported)
    }

    async fn find_session(&self, project_key: &str, session_id: &str) -> Result<Option<StoredSession>, StoreError> {
        self.inner.find_session(project_key, session_id).await
    }

    async fn delete(&self, _: &SessionKey, _: &Batch) -> Result<(), StoreError> {
        Err(StoreError::Unsupported)
    }

    async fn compact(&self, _: &SessionKey, _: u64) -> Result<(), StoreError> {
        Err(StoreError::Unsupported)
    }
}
