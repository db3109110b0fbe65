//! A handle that notes the calls that go through it, so that a failure can name its own.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use mirrorbox::key::SessionKey;
use mirrorbox::store::{Batch, Page, Position, Store, StoreError, StoreInfo, StoredSession, Summary};
use serde::Serialize;

/// Takes the lines that the adapter printed since it was last asked.
pub type TakeSaid = Arc<dyn Fn() -> Vec<String> + Send + Sync>;

/// A call of the contract that a check made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Call {
    /// The function, as the contract names it, and what it was called with (`append of batch 3`); no payload.
    pub function: String,
    /// The key that it was about: the project key, the session id and the subpath, as far as it had them.
    pub key: Vec<String>,
    /// The last lines that the adapter printed during the call, where that is known.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub said: Vec<String>,
}

impl fmt::Display for Call {
    /// Without what was said.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { function, key, .. } = self;
        f.write_str(function)?;
        for (part, name) in key.iter().zip(["project", "session", "subpath"]) {
            write!(f, ", {name} {part:?}")?;
        }
        Ok(())
    }
}

/// The call that was answered last. Clones are the same.
#[derive(Clone, Default)]
pub(crate) struct Calls {
    last: Arc<Mutex<Option<Call>>>,
    take_said: Option<TakeSaid>,
}

impl fmt::Debug for Calls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Calls")
            .field("last", &self.last)
            .finish_non_exhaustive()
    }
}

impl Calls {
    pub(crate) fn new(take_said: Option<TakeSaid>) -> Self {
        Self {
            take_said,
            ..Self::default()
        }
    }

    /// The call that was answered last; it is forgotten.
    pub(crate) fn take(&self) -> Option<Call> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn said(&self) -> Vec<String> {
        self.take_said.as_ref().map(|take| take()).unwrap_or_default()
    }

    async fn noted<T>(
        &self,
        function: impl fmt::Display,
        key: &[&str],
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        // Of calls that run side by side, a line may be taken for the other's.
        drop(self.said());
        let answer = call.await;
        let call = Call {
            function: function.to_string(),
            key: key.iter().map(|part| (*part).to_owned()).collect(),
            said: self.said(),
        };
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(call);
        answer
    }
}

/// A handle on a store whose calls are noted.
#[derive(Debug)]
pub(crate) struct Witness {
    inner: Arc<dyn Store>,
    calls: Calls,
}

impl Witness {
    pub(crate) fn of(inner: &Arc<dyn Store>, calls: &Calls) -> Arc<dyn Store> {
        Arc::new(Self {
            inner: inner.clone(),
            calls: calls.clone(),
        })
    }
}

fn parts(key: &SessionKey) -> Vec<&str> {
    [key.project_key(), key.session_id()]
        .into_iter()
        .chain(key.subpath())
        .collect()
}

#[async_trait]
impl Store for Witness {
    fn info(&self) -> StoreInfo {
        self.inner.info()
    }

    async fn append(&self, key: &SessionKey, batch: &Batch, summary: Option<&Summary>) -> Result<(), StoreError> {
        let function = format!("append of batch {}", batch.number);
        let call = self.inner.append(key, batch, summary);
        self.calls.noted(function, &parts(key), call).await
    }

    async fn load(&self, key: &SessionKey, after: u64, max_bytes: u32) -> Result<Vec<Batch>, StoreError> {
        let function = format!("load after {after}, {max_bytes} bytes at most");
        self.calls
            .noted(function, &parts(key), self.inner.load(key, after, max_bytes))
            .await
    }

    async fn end(&self, key: &SessionKey) -> Result<Option<Position>, StoreError> {
        self.calls.noted("end", &parts(key), self.inner.end(key)).await
    }

    async fn list_subkeys(
        &self,
        project_key: &str,
        session_id: &str,
        token: Option<&str>,
        limit: u32,
    ) -> Result<Page<String>, StoreError> {
        let function = format!("list-subkeys, {limit} at most");
        let call = self.inner.list_subkeys(project_key, session_id, token, limit);
        self.calls.noted(function, &[project_key, session_id], call).await
    }

    async fn list_projects(&self, token: Option<&str>, limit: u32) -> Result<Page<String>, StoreError> {
        let function = format!("list-projects, {limit} at most");
        self.calls
            .noted(function, &[], self.inner.list_projects(token, limit))
            .await
    }

    async fn list_sessions(
        &self,
        project_key: &str,
        token: Option<&str>,
        limit: u32,
    ) -> Result<Page<StoredSession>, StoreError> {
        let function = format!("list-sessions, {limit} at most");
        let call = self.inner.list_sessions(project_key, token, limit);
        self.calls.noted(function, &[project_key], call).await
    }

    async fn find_session(&self, project_key: &str, session_id: &str) -> Result<Option<StoredSession>, StoreError> {
        let call = self.inner.find_session(project_key, session_id);
        self.calls.noted("find-session", &[project_key, session_id], call).await
    }

    async fn delete(&self, key: &SessionKey, tombstone: &Batch) -> Result<(), StoreError> {
        let function = format!("delete with tombstone {}", tombstone.number);
        self.calls
            .noted(function, &parts(key), self.inner.delete(key, tombstone))
            .await
    }

    async fn compact(&self, key: &SessionKey, through: u64) -> Result<(), StoreError> {
        let function = format!("compact through {through}");
        self.calls
            .noted(function, &parts(key), self.inner.compact(key, through))
            .await
    }
}
