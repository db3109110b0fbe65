use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::watch;

use super::event::Announcer;
use super::gate::{Gate, Pass};
use super::lane::Lane;
use crate::config::MirrorSettings;
use crate::key::SessionKey;
use crate::store::{Store, StoreError};

/// How a destination is served.
#[derive(Clone, Debug)]
pub struct DestinationOptions {
    /// What its manifest says about mirroring.
    pub mirror: MirrorSettings,
    /// How many calls at once.
    pub calls: usize,
    /// How long a call may take, whatever the store says; the call counts as failed then, and may still land.
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
pub(super) struct Destination {
    pub(super) name: String,
    options: RwLock<Arc<DestinationOptions>>,
    pub(super) announcer: Announcer,
    gate: Arc<Gate>,
    opened: watch::Sender<Opened>,
    lanes: Mutex<BTreeMap<SessionKey, Arc<Lane>>>,
}

/// The store, if it is open, and how often it was opened.
#[derive(Clone, Debug, Default)]
pub(super) struct Opened {
    pub(super) generation: u64,
    pub(super) store: Option<Arc<dyn Store>>,
    /// Why it is not open.
    pub(super) trouble: Option<String>,
    /// It will not open until somebody does something about it.
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

impl Destination {
    pub(super) fn new(name: &str, options: DestinationOptions, announcer: Announcer, gate: Arc<Gate>) -> Arc<Self> {
        Arc::new(Self {
            name: name.to_owned(),
            options: RwLock::new(Arc::new(options)),
            announcer,
            gate,
            opened: watch::Sender::default(),
            lanes: Mutex::default(),
        })
    }

    pub(super) fn takes(&self, key: &SessionKey) -> bool {
        self.options().mirror.takes(key.project_key())
    }

    /// How it is served now.
    pub(super) fn options(&self) -> Arc<DestinationOptions> {
        self.options.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How it is served from now on. Calls under way keep the time that they were given.
    pub(super) fn set_options(&self, options: DestinationOptions) {
        if options.calls != self.options().calls {
            self.gate.resize(options.calls);
        }
        *self.options.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(options);
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

    /// Whoever waits for better times tries again now.
    pub(super) fn retry(&self) {
        self.gate.reset();
        for lane in self.lanes().values() {
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

    pub(super) fn lanes(&self) -> MutexGuard<'_, BTreeMap<SessionKey, Arc<Lane>>> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entered {
    /// Makes a call under a deadline, and tells the gate how it went.
    pub(super) async fn call<T>(&self, call: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        let answer = match tokio::time::timeout(self.timeout, call).await {
            Ok(answer) => answer,
            Err(_elapsed) => Err(StoreError::Timeout(self.timeout)),
        };
        match &answer {
            Err(error) if error.can_retry() => self.pass.failed(error),
            _ => self.pass.answered(),
        }
        answer
    }
}
