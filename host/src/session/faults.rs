//! A store for tests that fails at chosen calls.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;

use crate::key::SessionKey;
use crate::store::{
    Batch, Capabilities, MemoryStore, Page, Position, Store, StoreError, StoreInfo, StoredSession, Summary,
};

/// What becomes of a call.
#[derive(Clone, Debug)]
pub(super) enum CallFault {
    /// It works.
    None,
    /// It does nothing but fail.
    Fail(StoreError),
    /// It works, and the answer is lost.
    LandAndFail(StoreError),
}

/// Appends, loads and deletes meet their faults in turn; without one left a call works.
#[derive(Debug, Default)]
pub(super) struct FaultyStore {
    pub(super) inner: Arc<MemoryStore>,
    pub(super) appends: Mutex<VecDeque<CallFault>>,
    pub(super) loads: Mutex<VecDeque<CallFault>>,
    pub(super) deletes: Mutex<VecDeque<CallFault>>,
    pub(super) capabilities: Option<Capabilities>,
}

pub(super) fn away() -> StoreError {
    StoreError::Unavailable("away".into())
}

fn next(faults: &Mutex<VecDeque<CallFault>>) -> CallFault {
    faults.lock().unwrap().pop_front().unwrap_or(CallFault::None)
}

async fn meet<T>(fault: CallFault, call: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    match fault {
        CallFault::None => call.await,
        CallFault::Fail(error) => Err(error),
        CallFault::LandAndFail(error) => {
            call.await?;
            Err(error)
        }
    }
}

#[async_trait]
impl Store for FaultyStore {
    fn info(&self) -> StoreInfo {
        let mut info = self.inner.info();
        info.capabilities = self.capabilities.unwrap_or(info.capabilities);
        info
    }

    async fn append(&self, key: &SessionKey, batch: &Batch, summary: Option<&Summary>) -> Result<(), StoreError> {
        meet(next(&self.appends), self.inner.append(key, batch, summary)).await
    }

    async fn load(&self, key: &SessionKey, after: u64, max_bytes: u32) -> Result<Vec<Batch>, StoreError> {
        meet(next(&self.loads), self.inner.load(key, after, max_bytes)).await
    }

    async fn end(&self, key: &SessionKey) -> Result<Option<Position>, StoreError> {
        self.inner.end(key).await
    }

    async fn list_subkeys(
        &self,
        project_key: &str,
        session_id: &str,
        token: Option<&str>,
        limit: u32,
    ) -> Result<Page<String>, StoreError> {
        self.inner.list_subkeys(project_key, session_id, token, limit).await
    }

    async fn list_projects(&self, token: Option<&str>, limit: u32) -> Result<Page<String>, StoreError> {
        self.inner.list_projects(token, limit).await
    }

    async fn list_sessions(
        &self,
        project_key: &str,
        token: Option<&str>,
        limit: u32,
    ) -> Result<Page<StoredSession>, StoreError> {
        self.inner.list_sessions(project_key, token, limit).await
    }

    async fn find_session(&self, project_key: &str, session_id: &str) -> Result<Option<StoredSession>, StoreError> {
        self.inner.find_session(project_key, session_id).await
    }

    async fn delete(&self, key: &SessionKey, tombstone: &Batch) -> Result<(), StoreError> {
        meet(next(&self.deletes), self.inner.delete(key, tombstone)).await
    }

    async fn compact(&self, key: &SessionKey, through: u64) -> Result<(), StoreError> {
        self.inner.compact(key, through).await
    }
}
