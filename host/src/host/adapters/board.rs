//! Records the changes and the state of each adapter, and sends them to the listeners.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::SystemTime;

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::broadcast;

use super::{AdapterChange, AdapterEvent, AdapterState, AdapterStatus};
use crate::adapter::{Adapter, Compiled};
use crate::store::Store;

/// Where everything that becomes of adapters is recorded: the log, the counters, the listeners.
#[derive(Debug)]
pub(in crate::host) struct Board {
    listeners: broadcast::Sender<AdapterEvent>,
    adapters: Mutex<BTreeMap<String, AdapterRow>>,
}

/// What is known of one name.
#[derive(Debug)]
struct AdapterRow {
    status: AdapterStatus,
    /// What is open, for as long as it is.
    open: Weak<Adapter>,
}

impl Board {
    pub(in crate::host) fn new(listeners: broadcast::Sender<AdapterEvent>) -> Self {
        Self {
            listeners,
            adapters: Mutex::default(),
        }
    }

    pub(in crate::host) fn adapters(&self) -> Vec<AdapterStatus> {
        self.lock().values().map(AdapterRow::now).collect()
    }

    /// A name was found.
    pub(super) fn found(&self, name: &str) {
        self.lock().entry(name.to_owned()).or_insert_with(|| blank(name));
    }

    /// A name with which there was never more than something wrong is gone.
    pub(super) fn forget(&self, name: &str) {
        self.lock().remove(name);
    }

    /// What is open now.
    pub(super) fn opened(&self, name: &str, compiled: &Compiled, adapter: &Arc<Adapter>) {
        let info = adapter.info();
        let mut adapters = self.lock();
        let AdapterRow { status, open } = adapters.entry(name.to_owned()).or_insert_with(|| blank(name));
        status.digest = Some(compiled.sha256().to_owned());
        status.imports = compiled.imports().to_vec();
        status.adapter = Some(format!("{} {}", info.name, info.version));
        *open = Arc::downgrade(adapter);
    }

    /// What stands in the directory is what is open after all.
    pub(super) fn settled(&self, name: &str) {
        self.change(name, |status| status.cause = None);
    }

    /// Tells everybody.
    pub(super) fn announce(&self, name: &str, what: AdapterChange) {
        let event = what.name();
        match &what {
            AdapterChange::Loaded { .. } | AdapterChange::Replaced { .. } => {
                tracing::info!(adapter = name, event, "{what}");
            }
            // Stands in its own log already.
            AdapterChange::Refused { .. } => {}
            _ => tracing::warn!(adapter = name, event, "{what}"),
        }
        self.change(name, |status| status.note(&what));
        // Nobody may be listening.
        let _ = self.listeners.send(AdapterEvent {
            adapter: name.to_owned(),
            what,
        });
    }

    fn change(&self, name: &str, change: impl FnOnce(&mut AdapterStatus)) {
        let mut adapters = self.lock();
        let row = adapters.entry(name.to_owned()).or_insert_with(|| blank(name));
        change(&mut row.status);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, AdapterRow>> {
        self.adapters.lock()
    }
}

impl AdapterRow {
    fn now(&self) -> AdapterStatus {
        AdapterStatus {
            usage: self.open.upgrade().map(|open| open.usage()),
            ..self.status.clone()
        }
    }
}

impl AdapterStatus {
    fn note(&mut self, what: &AdapterChange) {
        *self.events.entry(what.name()).or_default() += 1;
        let (state, cause) = match what {
            // It goes on as it did.
            AdapterChange::Refused { .. } => return,
            AdapterChange::Loaded { .. } | AdapterChange::Replaced { .. } => (AdapterState::Open, None),
            AdapterChange::Kept { cause } => (self.state, Some(cause)),
            AdapterChange::Failed { cause, .. } => (AdapterState::Failed, Some(cause)),
            AdapterChange::FellBack { cause, .. } => (AdapterState::LastGood, Some(cause)),
            AdapterChange::Removed => (AdapterState::Removed, None),
        };
        self.cause = cause.cloned();
        // A new component begins anew.
        if self.state != state || matches!(what, AdapterChange::Replaced { .. }) {
            self.since = SystemTime::now();
        }
        self.state = state;
    }
}

fn blank(name: &str) -> AdapterRow {
    let status = AdapterStatus {
        name: name.to_owned(),
        state: AdapterState::Opening,
        since: SystemTime::now(),
        cause: None,
        digest: None,
        adapter: None,
        imports: Vec::new(),
        usage: None,
        events: BTreeMap::new(),
    };
    AdapterRow {
        status,
        open: Weak::new(),
    }
}
