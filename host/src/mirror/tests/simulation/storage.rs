//! A backend that fails in every way that the contract allows: late, twice, not at all, under another process's nose.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::oneshot;
use tokio::time::sleep;

use super::conductor::Troupe;
use super::dice::Dice;
use super::truth::{Caller, Incarnation, Truth};
use crate::key::SessionKey;
use crate::store::{
    Batch, Capabilities, Kind, MemoryStore, Page, Position, Store, StoreError, StoreInfo, StoredSession, Summary,
};

/// One backend, as all machines share it.
#[derive(Debug)]
pub(super) struct Storage {
    pub(super) index: usize,
    pub(super) capabilities: Capabilities,
    /// An append that would leave a hole is a conflict.
    pub(super) refuses_holes: bool,
    dice: Dice,
    truth: Arc<Mutex<Truth>>,
    /// What was sent goes on here when its sender is no more.
    network: Troupe,
    mood: Mutex<Mood>,
}

/// How the backend is.
#[derive(Debug)]
pub(super) struct Mood {
    pub(super) inside: Arc<MemoryStore>,
    pub(super) incarnation: usize,
    /// What it held once.
    pub(super) laid_by: Option<MemoryStore>,
    /// Every call fails like this.
    pub(super) away: Option<StoreError>,
    /// Of a hundred calls, so many fail.
    pub(super) trouble: usize,
    /// No call takes longer, in milliseconds.
    pub(super) slowness: usize,
}

/// A process's way to a backend, as it was when it was opened.
#[derive(Clone, Debug)]
pub(super) struct Connection {
    storage: Arc<Storage>,
    inside: Arc<MemoryStore>,
    incarnation: usize,
    caller: Caller,
}

/// What becomes of a call.
enum Fate {
    Goes,
    Fails(StoreError),
    Hangs,
    /// It is done, and the answer is lost.
    IsLost(StoreError),
    HangsDone,
    /// It is done long after it failed.
    IsLate(Duration, StoreError),
}

impl Storage {
    pub(super) fn new(index: usize, dice: &Dice, truth: &Arc<Mutex<Truth>>, network: &Troupe) -> Arc<Self> {
        Arc::new(Self {
            index,
            capabilities: Capabilities {
                listing: !dice.percent(15),
                deletion: !dice.percent(30),
                compaction: false,
            },
            refuses_holes: dice.percent(50),
            dice: dice.clone(),
            truth: truth.clone(),
            network: network.clone(),
            mood: Mutex::new(Mood {
                inside: Arc::default(),
                incarnation: 0,
                laid_by: None,
                away: None,
                trouble: 0,
                slowness: 10,
            }),
        })
    }

    pub(super) fn name(&self) -> String {
        format!("d{}", self.index)
    }

    pub(super) fn connect(self: &Arc<Self>, caller: Caller) -> Connection {
        let mood = self.mood.lock().unwrap();
        Connection {
            storage: self.clone(),
            inside: mood.inside.clone(),
            incarnation: mood.incarnation,
            caller,
        }
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut Mood)) {
        change(&mut self.mood.lock().unwrap());
    }

    pub(super) fn inside(&self) -> Arc<MemoryStore> {
        self.mood.lock().unwrap().inside.clone()
    }

    pub(super) fn incarnation(&self) -> Incarnation {
        Incarnation(self.index, self.mood.lock().unwrap().incarnation)
    }

    /// Other contents, behind everybody's back: none, or older ones.
    pub(super) fn swap(&self, contents: MemoryStore) {
        self.change(|mood| {
            mood.inside = Arc::new(contents);
            mood.incarnation += 1;
        });
    }

    /// A copy of what it holds.
    pub(super) async fn copy(&self, keys: &[SessionKey]) -> MemoryStore {
        let (inside, copy) = (self.inside(), MemoryStore::new());
        for key in keys {
            let batches = inside.load(key, 0, u32::MAX).await.unwrap();
            let Some(last) = batches.last().cloned() else { continue };
            copy.tamper(key, |empty| *empty = batches);
            let session = inside.find_session(key.project_key(), key.session_id()).await.unwrap();
            let summary = session.filter(|_| key.is_main()).and_then(|session| session.summary);
            // Stored again, the last batch brings its summary.
            copy.append(key, &last, summary.as_ref()).await.unwrap();
        }
        copy
    }

    fn error(&self) -> StoreError {
        let text = || "by chance".to_owned();
        match self.dice.below(5) {
            0 => StoreError::Throttled(self.dice.millis(1..3000)),
            1 => StoreError::Timeout(Duration::from_secs(1)),
            2 => StoreError::Trapped(text()),
            3 => StoreError::Other(text()),
            _ => StoreError::Unavailable(text()),
        }
    }

    fn fate(&self) -> Fate {
        if !self.dice.percent(self.mood.lock().unwrap().trouble) {
            return Fate::Goes;
        }
        match self.dice.below(6) {
            0 => Fate::Hangs,
            1 => Fate::HangsDone,
            2 | 3 => Fate::IsLost(self.error()),
            4 => {
                let late = [1..50, 50..2000, 2000..60_000, 60_000..900_000];
                Fate::IsLate(self.dice.millis(self.dice.one(&late).clone()), self.error())
            }
            _ => Fate::Fails(self.error()),
        }
    }

    async fn delay(&self) {
        let slowness = self.mood.lock().unwrap().slowness;
        sleep(self.dice.millis(0..slowness + 1)).await;
    }
}

impl Connection {
    /// Whether the backend answers at all.
    fn check(&self) -> Result<(), StoreError> {
        let mood = self.storage.mood.lock().unwrap();
        match &mood.away {
            Some(error) => Err(error.clone()),
            None if mood.incarnation != self.incarnation => Err(StoreError::Unavailable("no connection".into())),
            None => Ok(()),
        }
    }

    /// A call that changes nothing.
    async fn look<T>(&self, call: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        self.storage.delay().await;
        self.check()?;
        match self.storage.fate() {
            Fate::Goes => {}
            Fate::Hangs | Fate::HangsDone => return std::future::pending().await,
            Fate::Fails(error) | Fate::IsLost(error) | Fate::IsLate(_, error) => return Err(error),
        }
        let answer = call.await;
        self.storage.delay().await;
        answer
    }

    async fn change(&self, key: &SessionKey, batch: &Batch, summary: Option<&Summary>) -> Result<(), StoreError> {
        self.storage.delay().await;
        self.check()?;
        let fate = self.storage.fate();
        if self.storage.dice.percent(50) && matches!(fate, Fate::Goes) {
            let done = self.land(key, batch, summary).await;
            self.storage.delay().await;
            return done;
        }
        match fate {
            Fate::Hangs => std::future::pending().await,
            Fate::Fails(error) => Err(error),
            Fate::Goes => {
                let done = self.send(Duration::ZERO, key, batch, summary).await;
                self.storage.delay().await;
                done.unwrap_or(Err(StoreError::Unavailable("nobody answers".into())))
            }
            Fate::IsLost(error) => {
                let _done = self.send(Duration::ZERO, key, batch, summary).await;
                Err(error)
            }
            Fate::HangsDone => {
                let _done = self.send(Duration::ZERO, key, batch, summary).await;
                std::future::pending().await
            }
            Fate::IsLate(late, error) => {
                drop(self.send(late, key, batch, summary));
                Err(error)
            }
        }
    }

    /// From here on it lands, whatever becomes of the sender.
    fn send(
        &self,
        late: Duration,
        key: &SessionKey,
        batch: &Batch,
        summary: Option<&Summary>,
    ) -> oneshot::Receiver<Result<(), StoreError>> {
        let (answer, answered) = oneshot::channel();
        let (connection, key, batch, summary) = (self.clone(), key.clone(), batch.clone(), summary.cloned());
        drop(self.storage.network.spawn(async move {
            connection.storage.delay().await;
            sleep(late).await;
            let _ = answer.send(connection.land(&key, &batch, summary.as_ref()).await);
        }));
        answered
    }

    /// Nothing else happens meanwhile: the store in memory answers at once.
    async fn land(&self, key: &SessionKey, batch: &Batch, summary: Option<&Summary>) -> Result<(), StoreError> {
        let end = self.inside.end(key).await?.map_or(0, |end| end.number);
        if self.storage.refuses_holes && batch.number > end + 1 {
            return Err(StoreError::Conflict);
        }
        match batch.kind {
            Kind::Tombstone => self.inside.delete(key, batch).await?,
            _ => self.inside.append(key, batch, summary).await?,
        }
        let incarnation = Incarnation(self.storage.index, self.incarnation);
        let mut truth = self.storage.truth.lock().unwrap();
        truth.landed(incarnation, key, batch, summary, self.caller);
        Ok(())
    }
}

#[async_trait]
impl Store for Connection {
    fn info(&self) -> StoreInfo {
        StoreInfo {
            capabilities: self.storage.capabilities,
            ..self.inside.info()
        }
    }

    async fn append(&self, key: &SessionKey, batch: &Batch, summary: Option<&Summary>) -> Result<(), StoreError> {
        self.change(key, batch, summary).await
    }

    async fn load(&self, key: &SessionKey, after: u64, max_bytes: u32) -> Result<Vec<Batch>, StoreError> {
        // Small pages: others write between them.
        let max_bytes = max_bytes.min(self.storage.dice.within(1..20_000) as u32);
        self.look(self.inside.load(key, after, max_bytes)).await
    }

    async fn end(&self, key: &SessionKey) -> Result<Option<Position>, StoreError> {
        self.look(self.inside.end(key)).await
    }

    async fn list_subkeys(
        &self,
        project_key: &str,
        session_id: &str,
        token: Option<&str>,
        _limit: u32,
    ) -> Result<Page<String>, StoreError> {
        self.look(self.inside.list_subkeys(project_key, session_id, token, 1))
            .await
    }

    async fn list_projects(&self, token: Option<&str>, limit: u32) -> Result<Page<String>, StoreError> {
        self.look(self.inside.list_projects(token, limit)).await
    }

    async fn list_sessions(
        &self,
        project_key: &str,
        token: Option<&str>,
        limit: u32,
    ) -> Result<Page<StoredSession>, StoreError> {
        self.look(self.inside.list_sessions(project_key, token, limit)).await
    }

    async fn find_session(&self, project_key: &str, session_id: &str) -> Result<Option<StoredSession>, StoreError> {
        self.look(self.inside.find_session(project_key, session_id)).await
    }

    async fn delete(&self, key: &SessionKey, tombstone: &Batch) -> Result<(), StoreError> {
        self.change(key, tombstone, None).await
    }

    async fn compact(&self, _key: &SessionKey, _through: u64) -> Result<(), StoreError> {
        Err(StoreError::Unsupported)
    }
}
