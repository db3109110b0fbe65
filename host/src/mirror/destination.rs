//! A destination as the mirror serves it: its options, its store while that is open, its lanes, and how long the mirror
//! waits for a call.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard, RwLock};
use tokio::sync::watch;

use super::event::Announcer;
use super::gate::{Gate, Pass};
use super::lane::Lane;
use super::roster::Roster;
use super::trouble::Trouble;
use super::worker::Memory;
use crate::config::MirrorSettings;
use crate::key::SessionKey;
use crate::store::{LoadError, Store, StoreError, time_to_move};

/// How a destination is served.
#[derive(Clone, Debug)]
pub struct DestinationOptions {
    /// What its manifest says about mirroring.
    pub mirror: MirrorSettings,
    /// How many calls at once.
    pub calls: usize,
    /// How long a call may take, whatever the store says, and so much more for a payload that goes with it as
    /// [`time_to_move`] says; the call counts as failed then, and may still land.
    pub timeout: Duration,
}

impl Default for DestinationOptions {
    /// Everything, in batches, with 4 calls at once of 90 seconds at most.
    fn default() -> Self {
        Self {
            mirror: MirrorSettings::default(),
            calls: 4,
            timeout: Duration::from_secs(90),
        }
    }
}

/// A destination as the mirror knows it.
#[derive(Debug)]
pub(super) struct MirrorDestination {
    pub(super) name: String,
    options: RwLock<Arc<DestinationOptions>>,
    pub(super) announcer: Announcer,
    gate: Arc<Gate>,
    opened: watch::Sender<Opened>,
    pub(super) roster: Arc<Roster<Lane>>,
    lanes: Mutex<BTreeMap<SessionKey, Arc<Lane>>>,
    /// The lanes that may lack something: a flush waits for these.
    unsettled: Mutex<BTreeMap<SessionKey, Arc<Lane>>>,
    workers: AtomicUsize,
    /// The workers own it. Weak here, for it holds streams, and those keep their spools locked.
    memory: Mutex<Weak<Memory>>,
}

/// The store, if it is open, and how often it was opened.
#[derive(Clone, Debug, Default)]
pub(super) struct Opened {
    pub(super) generation: u64,
    pub(super) store: Option<Arc<dyn Store>>,
    /// Why it is not open.
    pub(super) trouble: Option<String>,
    /// It will not open until a person mends it.
    pub(super) is_parked: bool,
}

/// Leave to call a store that is open.
#[derive(Debug)]
pub(super) struct Entered {
    pub(super) pass: Pass,
    pub(super) store: Arc<dyn Store>,
    pub(super) generation: u64,
    timeout: Duration,
}

impl MirrorDestination {
    pub(super) fn new(name: &str, options: DestinationOptions, announcer: Announcer, gate: Arc<Gate>) -> Arc<Self> {
        Arc::new(Self {
            name: name.to_owned(),
            options: RwLock::new(Arc::new(options)),
            announcer,
            gate,
            opened: watch::Sender::default(),
            roster: Arc::new(Roster::new(Lane::turn)),
            lanes: Mutex::default(),
            unsettled: Mutex::default(),
            workers: AtomicUsize::new(0),
            memory: Mutex::default(),
        })
    }

    pub(super) fn takes(&self, key: &SessionKey) -> bool {
        self.options().mirror.takes(key.project_key())
    }

    /// How it is served now.
    pub(super) fn options(&self) -> Arc<DestinationOptions> {
        self.options.read().clone()
    }

    /// How it is served from now on. Calls under way keep the time that they were given.
    pub(super) fn set_options(&self, options: DestinationOptions) {
        if options.calls != self.options().calls {
            self.gate.resize(options.calls);
        }
        *self.options.write() = Arc::new(options);
    }

    /// Puts a store in place, for the first time or instead of another. Calls under way finish on the old one.
    pub(super) fn set_store(&self, store: Arc<dyn Store>) {
        self.opened.send_modify(|opened| {
            opened.generation += 1;
            opened.store = Some(store);
            opened.trouble = None;
            opened.is_parked = false;
        });
        self.gate.reset();
        // Each asks whether the log is still as it was.
        self.all_lanes().iter().for_each(|lane| lane.tell(|_| {}));
    }

    /// There is no store now.
    pub(super) fn set_trouble(&self, cause: String, can_retry: bool) {
        self.opened.send_modify(|opened| {
            opened.store = None;
            opened.trouble = Some(cause);
            opened.is_parked = !can_retry;
        });
    }

    pub(super) fn opened(&self) -> watch::Receiver<Opened> {
        self.opened.subscribe()
    }

    /// What waits before a retry is tried now.
    pub(super) fn retry(&self) {
        self.gate.reset();
        for lane in self.unsettled_lanes(None) {
            lane.tell(|news| news.retry = true);
        }
    }

    /// How often in a row calls failed.
    pub(super) fn failures(&self) -> u32 {
        self.gate.failures()
    }

    /// Waits until the destination is open and it is our turn.
    pub(super) async fn enter(&self) -> Entered {
        let mut opened = self.opened.subscribe();
        loop {
            let open = opened.wait_for(|opened| opened.store.is_some()).await;
            let Ok(Opened { generation, .. }) = open.map(|opened| opened.clone()) else {
                // The sender is ours.
                std::future::pending::<()>().await;
                continue;
            };
            let pass = self.gate.enter().await;
            let now = opened.borrow_and_update().clone();
            if let Some(store) = now.store.filter(|_| now.generation >= generation) {
                return Entered {
                    pass,
                    store,
                    generation: now.generation,
                    timeout: self.options().timeout,
                };
            }
        }
    }

    /// A lane has something that may not be there yet.
    pub(super) fn unsettle(&self, lane: &Arc<Lane>) {
        self.unsettled().insert(lane.key.clone(), lane.clone());
    }

    /// After a turn: whether a lane is among those that may not have everything.
    pub(super) fn settle(&self, lane: &Arc<Lane>) {
        let mut unsettled = self.unsettled();
        // In this order: what comes from here on is put there anew.
        match lane.progress().is_settled() {
            true => drop(unsettled.remove(&lane.key)),
            false => drop(unsettled.insert(lane.key.clone(), lane.clone())),
        }
    }

    /// The lanes that may not have everything, all of them or one session's. Costs as much as there are.
    pub(super) fn unsettled_lanes(&self, session: Option<&SessionKey>) -> Vec<Arc<Lane>> {
        let mut unsettled = self.unsettled();
        match session {
            None => {
                // A worker takes a lane off only when its turn is over.
                unsettled.retain(|_, lane| !lane.progress().is_settled());
                unsettled.values().cloned().collect()
            }
            Some(session) => of_session(&unsettled, session)
                .filter(|lane| !lane.progress().is_settled())
                .collect(),
        }
    }

    /// One session's lanes.
    pub(super) fn lanes_of(&self, session: &SessionKey) -> Vec<Arc<Lane>> {
        of_session(&self.lanes(), session).collect()
    }

    /// Removes lanes of streams that the options exclude. A delete that is wished for is done all the same.
    pub(super) fn retire_what_is_not_taken(&self) {
        let mut retired = Vec::new();
        self.lanes().retain(|key, lane| {
            let stays = self.takes(key) || lane.progress().is_deleting();
            if !stays {
                lane.retire();
                // A worker gets it once more, and drops its state.
                self.roster.ring(lane);
                retired.push(key.clone());
            }
            stays
        });
        let mut unsettled = self.unsettled();
        for key in retired {
            unsettled.remove(&key);
        }
    }

    pub(super) fn all_lanes(&self) -> Vec<Arc<Lane>> {
        self.lanes().values().cloned().collect()
    }

    /// The workers' shared memory of lanes; it lives as long as one of them.
    pub(super) fn memory(&self) -> Arc<Memory> {
        let mut memory = self.memory.lock();
        memory.upgrade().unwrap_or_else(|| {
            let fresh = Arc::default();
            *memory = Arc::downgrade(&fresh);
            fresh
        })
    }

    /// How many workers are still to be started, so that there are so many.
    pub(super) fn more_workers(&self, wanted: usize) -> usize {
        let had = self.workers.fetch_max(wanted, Ordering::AcqRel);
        wanted.saturating_sub(had)
    }

    fn unsettled(&self) -> MutexGuard<'_, BTreeMap<SessionKey, Arc<Lane>>> {
        self.unsettled.lock()
    }

    pub(super) fn lanes(&self) -> MutexGuard<'_, BTreeMap<SessionKey, Arc<Lane>>> {
        self.lanes.lock()
    }
}

/// A session's lanes: their keys come one after the other, the main transcript's first.
fn of_session(lanes: &BTreeMap<SessionKey, Arc<Lane>>, session: &SessionKey) -> impl Iterator<Item = Arc<Lane>> {
    let main = session.to_main();
    let lanes = lanes
        .range(main.clone()..)
        .take_while(move |(key, _)| key.is_part_of(&main));
    lanes.map(|(_, lane)| lane.clone())
}

impl Entered {
    /// Why a log could not be read; the gate learns of it where the destination itself failed.
    pub(super) fn failed(&self, error: LoadError) -> Trouble {
        let trouble = Trouble::from(error);
        if let Some(error) = trouble.store_error().filter(|error| error.can_retry()) {
            self.pass.failed(error);
        }
        trouble
    }

    /// Makes a call under a deadline, and tells the gate how it went.
    pub(super) async fn call<T>(&self, call: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        self.call_moving(0, call).await
    }

    /// [`Entered::call`] for a call that so many bytes of payload go with: it has more time for them, as
    /// [`time_to_move`] says.
    pub(super) async fn call_moving<T>(
        &self,
        payload: usize,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        // The store keeps the same time, and says so itself before this does.
        let timeout = self.timeout + time_to_move(payload);
        let answer = match tokio::time::timeout(timeout, call).await {
            Ok(answer) => answer,
            Err(_elapsed) => Err(StoreError::Timeout(timeout)),
        };
        match &answer {
            Err(error) if error.can_retry() => self.pass.failed(error),
            _ => self.pass.answered(),
        }
        answer
    }
}
