use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use tokio::runtime::Handle;
use tokio::sync::{broadcast, watch};

use super::simulation::conductor::Troupe;
use crate::config::{Keep, MirrorSettings};
use crate::disk::simulated::Simulated;
use crate::key::SessionKey;
use crate::mirror::chance::Chance;
use crate::mirror::cursor::Cursors;
use crate::mirror::keep::Keeping;
use crate::mirror::ledger::Ledger;
use crate::mirror::runner::Runner;
use crate::mirror::shared::Shared;
use crate::mirror::{DestinationOptions, Event, Mirror};
use crate::spool::{Base, Spool, Stored};
use crate::store::{
    Batch, Kind, MemoryStore, Page, Position, Reader, Store, StoreError, StoreInfo, StoredSession, Summary,
};

/// What becomes of the next appends, one after the other; when none is left, all goes well.
#[derive(Clone, Debug)]
pub(crate) enum Fate {
    /// It fails and changes nothing.
    Fails(StoreError),
    /// It lands, and the reply is lost.
    LandsAndFails(StoreError),
    /// It is never answered.
    Hangs,
    /// The reply is lost, and it lands only after so long.
    LandsLate(Duration),
}

/// A store in memory that fails as a test says.
#[derive(Debug, Default)]
pub(crate) struct Moody {
    pub(crate) inside: Arc<MemoryStore>,
    fates: Mutex<VecDeque<Fate>>,
    away: watch::Sender<Option<StoreError>>,
    /// How long every append takes.
    pace: Mutex<Duration>,
    /// How long it takes to ask for an end,
    delay: Mutex<Duration>,
    /// and for subpaths.
    listing: Mutex<Duration>,
    calls: watch::Sender<u64>,
    /// How often it was asked for an end.
    asked: watch::Sender<u64>,
    /// How far the summaries reached that came.
    summaries: Mutex<Vec<u64>>,
    compactions: AtomicU64,
    /// Everything works but reading batches.
    is_half_readable: AtomicBool,
}

impl Moody {
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    pub(crate) fn next(&self, fates: impl IntoIterator<Item = Fate>) {
        self.fates.lock().unwrap().extend(fates);
    }

    /// From now on every call fails like this.
    pub(crate) fn set_away(&self, error: Option<StoreError>) {
        self.away.send_replace(error);
    }

    pub(crate) fn set_pace(&self, pace: Duration) {
        *self.pace.lock().unwrap() = pace;
    }

    pub(crate) fn set_delay(&self, delay: Duration) {
        *self.delay.lock().unwrap() = delay;
    }

    /// How many appends were tried.
    pub(crate) fn appends(&self) -> u64 {
        *self.calls.borrow()
    }

    /// How often it was asked where a log ends.
    pub(crate) fn asked(&self) -> watch::Receiver<u64> {
        self.asked.subscribe()
    }

    /// Waits until so many appends were tried.
    pub(crate) async fn tried(&self, calls: u64) {
        self.calls.subscribe().wait_for(|done| *done >= calls).await.unwrap();
    }

    pub(crate) fn summaries(&self) -> Vec<u64> {
        self.summaries.lock().unwrap().clone()
    }

    /// How often it was asked to compact.
    pub(crate) fn compactions(&self) -> u64 {
        self.compactions.load(Ordering::Relaxed)
    }

    pub(crate) fn set_listing(&self, delay: Duration) {
        *self.listing.lock().unwrap() = delay;
    }

    /// From now on batches cannot be read, or can be read again; everything else works.
    #[cfg_attr(
        not(feature = "agent"),
        allow(dead_code, reason = "the simulation of `watch` uses it")
    )]
    pub(crate) fn set_half_readable(&self, is_half_readable: bool) {
        self.is_half_readable.store(is_half_readable, Ordering::Relaxed);
    }

    fn check(&self) -> Result<(), StoreError> {
        self.away.borrow().clone().map_or(Ok(()), Err)
    }

    async fn go(&self, key: &SessionKey, batch: &Batch, summary: Option<&Summary>) -> Result<(), StoreError> {
        match batch.kind {
            Kind::Tombstone => self.inside.delete(key, batch).await,
            _ => self.inside.append(key, batch, summary).await,
        }
    }

    async fn change(&self, key: &SessionKey, batch: &Batch, summary: Option<&Summary>) -> Result<(), StoreError> {
        let pace = *self.pace.lock().unwrap();
        if !pace.is_zero() {
            tokio::time::sleep(pace).await;
        }
        self.calls.send_modify(|calls| *calls += 1);
        let through = summary.map(|summary| summary.through);
        self.summaries.lock().unwrap().extend(through);
        self.check()?;
        let fate = self.fates.lock().unwrap().pop_front();
        match fate {
            None => self.go(key, batch, summary).await,
            Some(Fate::Fails(error)) => Err(error),
            Some(Fate::LandsAndFails(error)) => {
                self.go(key, batch, summary).await?;
                Err(error)
            }
            Some(Fate::Hangs) => std::future::pending().await,
            Some(Fate::LandsLate(after)) => {
                let (inside, key, batch) = (self.inside.clone(), key.clone(), batch.clone());
                tokio::spawn(async move {
                    tokio::time::sleep(after).await;
                    let _ = inside.append(&key, &batch, None).await;
                });
                Err(StoreError::Timeout(Duration::from_secs(1)))
            }
        }
    }
}

#[async_trait]
impl Store for Moody {
    fn info(&self) -> StoreInfo {
        let mut info = self.inside.info();
        info.capabilities.compaction = true;
        info
    }

    async fn append(&self, key: &SessionKey, batch: &Batch, summary: Option<&Summary>) -> Result<(), StoreError> {
        self.change(key, batch, summary).await
    }

    async fn load(&self, key: &SessionKey, after: u64, max_bytes: u32) -> Result<Vec<Batch>, StoreError> {
        self.check()?;
        if self.is_half_readable.load(Ordering::Relaxed) {
            return Err(StoreError::Denied("reading".to_owned()));
        }
        self.inside.load(key, after, max_bytes).await
    }

    async fn end(&self, key: &SessionKey) -> Result<Option<Position>, StoreError> {
        self.asked.send_modify(|asked| *asked += 1);
        let delay = *self.delay.lock().unwrap();
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
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
        let delay = *self.listing.lock().unwrap();
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        self.check()?;
        self.inside.list_subkeys(project_key, session_id, token, limit).await
    }

    async fn list_projects(&self, token: Option<&str>, limit: u32) -> Result<Page<String>, StoreError> {
        self.inside.list_projects(token, limit).await
    }

    async fn list_sessions(
        &self,
        project_key: &str,
        token: Option<&str>,
        limit: u32,
    ) -> Result<Page<StoredSession>, StoreError> {
        self.inside.list_sessions(project_key, token, limit).await
    }

    async fn find_session(&self, project_key: &str, session_id: &str) -> Result<Option<StoredSession>, StoreError> {
        self.check()?;
        self.inside.find_session(project_key, session_id).await
    }

    async fn delete(&self, key: &SessionKey, tombstone: &Batch) -> Result<(), StoreError> {
        self.change(key, tombstone, None).await
    }

    async fn compact(&self, _: &SessionKey, _: u64) -> Result<(), StoreError> {
        self.compactions.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

/// What outlives a process: its disks.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
    pub(crate) spool: Simulated,
    pub(crate) cursors: Simulated,
    pub(crate) ledger: Simulated,
}

/// A process with a spool and a mirror.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) spool: Arc<Spool>,
    pub(crate) mirror: Mirror,
    pub(crate) events: broadcast::Receiver<Event>,
}

impl Machine {
    pub(crate) fn new() -> Self {
        Self {
            spool: Simulated::new(),
            cursors: Simulated::new(),
            ledger: Simulated::new(),
        }
    }

    /// What a process's tasks share.
    pub(in crate::mirror) fn shared(&self, chance: Chance, runner: Runner) -> Arc<Shared> {
        let cursors = Cursors::new(Arc::new(self.cursors.clone()));
        let ledger = Ledger::new(Arc::new(self.ledger.clone()));
        Shared::new(cursors, ledger, chance, runner)
    }

    /// The mirror of a process whose tasks go on as a conductor has them.
    #[cfg_attr(
        not(feature = "agent"),
        allow(dead_code, reason = "the simulation of `watch` uses it")
    )]
    pub(crate) fn conducted(&self, seed: u64, troupe: &Troupe, keep: Keep) -> Mirror {
        let shared = self.shared(Chance::seeded(seed), Runner::Conducted(troupe.clone()));
        let worth_pruning = 300;
        Mirror::on(shared, Keeping { keep, worth_pruning })
    }

    /// Starts a process that delivers to these stores, what dead processes left first.
    pub(crate) fn start(&self, stores: &[(&str, Arc<dyn Store>)], settings: &MirrorSettings) -> Process {
        self.start_keeping(stores, settings, Keep::Forever.into())
    }

    /// Likewise, and keeps what was delivered as a test says.
    pub(in crate::mirror) fn start_keeping(
        &self,
        stores: &[(&str, Arc<dyn Store>)],
        settings: &MirrorSettings,
        keeping: Keeping,
    ) -> Process {
        let runner = Runner::Tokio(Handle::current());
        let mirror = Mirror::on(self.shared(Chance::seeded(1), runner), keeping);
        let events = mirror.events();
        for (name, store) in stores {
            let options = DestinationOptions {
                mirror: settings.clone(),
                ..DestinationOptions::default()
            };
            mirror.add_destination(name, options).unwrap();
            mirror.opened(name, store.clone());
        }
        let spool = Arc::new(Spool::on(Arc::new(self.spool.clone())).unwrap());
        for adopted in spool.adopt().unwrap().spools {
            mirror.adopt(adopted);
        }
        mirror.follow(&spool);
        Process { spool, mirror, events }
    }

    /// The machine after the process was killed.
    pub(crate) async fn killed(&self, process: Process) -> Self {
        let Process { spool, mirror, .. } = process;
        mirror.shared.end().await;
        spool.close_blocking();
        Self {
            spool: self.spool.kill(),
            cursors: self.cursors.kill(),
            ledger: self.ledger.kill(),
        }
    }
}

impl Process {
    pub(crate) fn append(&self, key: &SessionKey, lines: std::ops::RangeInclusive<u32>) {
        for line in lines {
            self.spool.append_blocking(key, &[format!("{{\"n\":{line}}}")]).unwrap();
        }
    }

    pub(crate) async fn flush(&self) {
        let left = self.mirror.flush(None, Some(Duration::from_secs(3600))).await;
        assert!(left.is_empty(), "{left:?}");
    }

    /// The names of the events so far.
    pub(crate) fn events(&mut self) -> Vec<&'static str> {
        std::iter::from_fn(|| self.events.try_recv().ok())
            .map(|event| event.what.name())
            .collect()
    }
}

pub(crate) fn key() -> SessionKey {
    SessionKey::main("project", "session").unwrap()
}

/// The lines of a stored stream, verified, without their LF.
pub(crate) async fn stored(store: &Arc<MemoryStore>, key: &SessionKey) -> Vec<String> {
    let mut reader = Reader::new(store.clone(), key.clone());
    let mut lines = Vec::new();
    while let Some(batch) = reader.next().await.unwrap() {
        let text = String::from_utf8(batch.payload.to_vec()).unwrap();
        lines.extend(text.lines().map(str::to_owned));
    }
    lines
}

pub(crate) fn numbered(lines: std::ops::RangeInclusive<u32>) -> Vec<String> {
    lines.map(|line| format!("{{\"n\":{line}}}")).collect()
}

/// Leaves nothing in the spool of what destination `a` holds.
pub(crate) async fn prune_all(process: &Process, a: &Moody) {
    let stored = Some(Stored {
        destination: "a".to_owned(),
        position: a.inside.end(&key()).await.unwrap().unwrap(),
    });
    let stream = process.spool.stream(&key()).unwrap();
    let lines = stream.end().line - 1;
    stream.prune(Base { lines, stored }).unwrap();
}
