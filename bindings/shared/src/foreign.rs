//! A store that is written in another language: what the host asks of it goes there as a name, arguments as JSON and a
//! payload, and comes back likewise. `answer` reads and writes that.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use mirrorbox::key::SessionKey;
use mirrorbox::store::{Batch, Page, Position, Store, StoreError, StoreInfo, StoredSession, Summary, time_to_move};
use serde_json::{Value, json};
use tokio::sync::{Semaphore, oneshot};

use crate::answer::{Answer, Batches, batch, sessions};

/// So many calls are under way at once at most; more wait for them.
const AT_ONCE: usize = 32;

/// Brings calls to where the other language runs. Neither function may wait for it.
pub trait Carrier: fmt::Debug + Send + Sync {
    /// Has a call made. A call that is dropped is one that nobody will answer.
    fn ask(&self, call: Call);
    /// Nobody waits for the answer to a call any more.
    fn give_up(&self, number: u64);
}

/// A call that a store is to answer.
#[derive(Debug)]
pub struct Call {
    /// Which call, among those of the process.
    pub number: u64,
    /// Which store, as [`Foreign::new`] has it.
    pub store: u32,
    /// The function: `append`, `load` and so on, as `wit/adapter.wit` has them, with `_`.
    pub name: &'static str,
    /// Its arguments by name: a JSON object.
    pub arguments: String,
    /// The payload of a batch among them.
    pub payload: Option<Bytes>,
    answer: oneshot::Sender<Result<Answer, StoreError>>,
}

impl Call {
    /// Answers with JSON, and the payloads of batches in it. What the contract does not allow is said to the host.
    pub fn answer(self, json: &str, payloads: Vec<Bytes>) {
        let answer = Ok(Answer {
            json: json.to_owned(),
            payloads,
        });
        // Nobody waits for it any more: the call took too long.
        let _ = self.answer.send(answer);
    }

    /// Answers with an error, as `answer::error` reads it.
    pub fn fail(self, json: &str) {
        let _ = self.answer.send(Err(crate::answer::error(json)));
    }
}

/// Numbers of calls.
static CALLS: AtomicU64 = AtomicU64::new(1);

/// A store written in another language, as the host sees it. Each call ends within a limit.
#[derive(Debug)]
pub struct Foreign {
    carrier: Arc<dyn Carrier>,
    store: u32,
    info: StoreInfo,
    most: Duration,
    places: Semaphore,
}

/// Tells the carrier where a caller gave up.
struct Waiting<'a> {
    carrier: &'a dyn Carrier,
    number: Option<u64>,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            self.carrier.give_up(number);
        }
    }
}

impl Foreign {
    /// A store that the carrier knows by this number, and whose calls take so long at most; longer by what
    /// [`time_to_move`] says of payloads.
    pub fn new(carrier: Arc<dyn Carrier>, store: u32, info: StoreInfo, most: Duration) -> Self {
        let places = Semaphore::new(AT_ONCE);
        Self {
            carrier,
            store,
            info,
            most,
            places,
        }
    }

    async fn ask(
        &self,
        name: &'static str,
        arguments: Value,
        payload: Option<Bytes>,
        moved: usize,
    ) -> Result<Answer, StoreError> {
        let most = self.most.saturating_add(time_to_move(moved));
        let asked = async {
            let _place = self.places.acquire().await;
            let (answer, answered) = oneshot::channel();
            let number = CALLS.fetch_add(1, Ordering::Relaxed);
            let mut waiting = Waiting {
                carrier: &*self.carrier,
                number: Some(number),
            };
            self.carrier.ask(Call {
                number,
                store: self.store,
                name,
                arguments: arguments.to_string(),
                payload,
                answer,
            });
            let answered = answered.await;
            waiting.number = None;
            let gone = || StoreError::Unavailable("the thread that this store runs on has ended".to_owned());
            answered.unwrap_or_else(|_gone| Err(gone()))
        };
        match tokio::time::timeout(most, asked).await {
            Ok(answered) => answered,
            Err(_) => Err(StoreError::Timeout(most)),
        }
    }

    async fn ask_page(
        &self,
        name: &'static str,
        mut arguments: Value,
        token: Option<&str>,
        limit: u32,
    ) -> Result<Answer, StoreError> {
        if let Some(arguments) = arguments.as_object_mut() {
            arguments.insert("token".to_owned(), token.into());
            arguments.insert("limit".to_owned(), limit.into());
        }
        self.ask(name, arguments, None, 0).await
    }
}

fn key(key: &SessionKey) -> Value {
    json!(key)
}

#[async_trait]
impl Store for Foreign {
    fn info(&self) -> StoreInfo {
        self.info.clone()
    }

    async fn append(&self, of: &SessionKey, stored: &Batch, summary: Option<&Summary>) -> Result<(), StoreError> {
        let summary = summary.map(|summary| json!({"through": summary.through, "json": summary.json}));
        let arguments = json!({"key": key(of), "batch": batch(stored), "summary": summary});
        let payload = stored.payload.clone();
        let size = payload.len();
        self.ask("append", arguments, Some(payload), size).await?.nothing()
    }

    async fn load(&self, of: &SessionKey, after: u64, max_bytes: u32) -> Result<Vec<Batch>, StoreError> {
        let arguments = json!({"key": key(of), "after": after, "max_bytes": max_bytes});
        let answer = self.ask("load", arguments, None, max_bytes as usize).await?;
        answer.read::<Batches>()?.with(answer.payloads)
    }

    async fn end(&self, of: &SessionKey) -> Result<Option<Position>, StoreError> {
        self.ask("end", json!({"key": key(of)}), None, 0).await?.read()
    }

    async fn list_subkeys(
        &self,
        project_key: &str,
        session_id: &str,
        token: Option<&str>,
        limit: u32,
    ) -> Result<Page<String>, StoreError> {
        let of = json!({"project": project_key, "session": session_id});
        self.ask_page("list_subkeys", of, token, limit).await?.names()
    }

    async fn list_projects(&self, token: Option<&str>, limit: u32) -> Result<Page<String>, StoreError> {
        self.ask_page("list_projects", json!({}), token, limit).await?.names()
    }

    async fn list_sessions(
        &self,
        project_key: &str,
        token: Option<&str>,
        limit: u32,
    ) -> Result<Page<StoredSession>, StoreError> {
        let of = json!({"project": project_key});
        sessions(&self.ask_page("list_sessions", of, token, limit).await?)
    }

    async fn find_session(&self, project_key: &str, session_id: &str) -> Result<Option<StoredSession>, StoreError> {
        let of = json!({"project": project_key, "session": session_id});
        self.ask("find_session", of, None, 0).await?.session()
    }

    async fn delete(&self, of: &SessionKey, tombstone: &Batch) -> Result<(), StoreError> {
        let arguments = json!({"key": key(of), "tombstone": batch(tombstone)});
        self.ask("delete", arguments, None, 0).await?.nothing()
    }

    async fn compact(&self, of: &SessionKey, through: u64) -> Result<(), StoreError> {
        let arguments = json!({"key": key(of), "through": through});
        self.ask("compact", arguments, None, 0).await?.nothing()
    }
}
