//! Who may call a destination, and when: so many calls at once, in turn, none while it is known to be away.

use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError, watch};
use tokio::time::Instant;

use super::chance::Chance;
use crate::backoff::Backoff;
use crate::store::StoreError;

/// So many failures in a row, of whichever streams, and only one at a time tries whether the destination is back.
const TRIPS: u32 = 5;

/// Lets calls through to one destination. Waiting streams are served in turn: none waits longer because another has
/// more.
#[derive(Debug)]
pub(super) struct Gate {
    places: Mutex<Arc<Semaphore>>,
    breaker: Mutex<Breaker>,
    changed: watch::Sender<()>,
    chance: Arc<Chance>,
}

#[derive(Debug, Default)]
struct Breaker {
    backoff: Backoff,
    /// Nobody calls before.
    not_before: Option<Instant>,
    /// A worker is trying whether the destination is back.
    probing: bool,
}

/// Leave to make calls, one at a time. Say how they went before giving it back.
#[derive(Debug)]
pub(super) struct Pass {
    gate: Arc<Gate>,
    is_probe: bool,
    _place: OwnedSemaphorePermit,
}

/// What stands in the way.
enum Way {
    Free { is_probe: bool },
    Wait(Option<Instant>),
}

impl Gate {
    pub(super) fn new(places: usize, chance: Arc<Chance>) -> Arc<Self> {
        Arc::new(Self {
            places: Mutex::new(Arc::new(Semaphore::new(places.max(1)))),
            breaker: Mutex::default(),
            changed: watch::Sender::new(()),
            chance,
        })
    }

    /// Waits for leave. Cancelled at any moment, nothing is left behind.
    pub(super) async fn enter(self: &Arc<Self>) -> Pass {
        let mut changed = self.changed.subscribe();
        loop {
            changed.mark_unchanged();
            let until = match self.look() {
                Way::Wait(until) => until,
                Way::Free { is_probe: false } => match self.places().acquire_owned().await {
                    // What was free may not be any more.
                    Ok(place) => match self.take(place) {
                        Some(pass) => return pass,
                        None => continue,
                    },
                    // There are other places now.
                    Err(_closed) => continue,
                },
                Way::Free { is_probe: true } => match self.places().try_acquire_owned() {
                    Ok(place) => match self.take(place) {
                        Some(pass) => return pass,
                        None => continue,
                    },
                    Err(TryAcquireError::Closed) => continue,
                    // Calls from before are still under way: they will say whether it is back.
                    Err(TryAcquireError::NoPermits) => None,
                },
            };
            match until {
                None => drop(changed.changed().await),
                Some(until) => match tokio::time::timeout_at(until, changed.changed()).await {
                    Ok(_) => {}
                    Err(_elapsed) => self.waited(until),
                },
            }
        }
    }

    /// Timers are coarser than instants: what was waited for is over, whatever the clock says.
    fn waited(&self, until: Instant) {
        let mut breaker = self.breaker();
        breaker.not_before = breaker.not_before.filter(|not_before| *not_before > until);
    }

    fn look(&self) -> Way {
        self.breaker().way()
    }

    fn take(self: &Arc<Self>, place: OwnedSemaphorePermit) -> Option<Pass> {
        let mut breaker = self.breaker();
        let Way::Free { is_probe } = breaker.way() else {
            return None;
        };
        breaker.probing |= is_probe;
        drop(breaker);
        Some(Pass {
            gate: self.clone(),
            is_probe,
            _place: place,
        })
    }

    /// Forgets that calls failed: the destination was opened anew, or a caller asks for another try.
    pub(super) fn reset(&self) {
        let mut breaker = self.breaker();
        breaker.backoff.succeed();
        breaker.not_before = None;
        drop(breaker);
        self.changed.send_replace(());
    }

    /// So many calls at once from now on. Those under way are not counted among them.
    pub(super) fn resize(&self, places: usize) {
        let fresh = Arc::new(Semaphore::new(places.max(1)));
        let old = std::mem::replace(&mut *self.lock_places(), fresh);
        // Workers that wait there come here.
        old.close();
    }

    /// How often in a row calls failed.
    pub(super) fn failures(&self) -> u32 {
        self.breaker().backoff.failures()
    }

    fn places(&self) -> Arc<Semaphore> {
        self.lock_places().clone()
    }

    fn lock_places(&self) -> MutexGuard<'_, Arc<Semaphore>> {
        self.places.lock()
    }

    fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock()
    }
}

impl Breaker {
    fn way(&self) -> Way {
        let is_open = self.backoff.failures() >= TRIPS;
        match self.not_before {
            Some(until) if Instant::now() < until => Way::Wait(Some(until)),
            _ if is_open && self.probing => Way::Wait(None),
            _ => Way::Free { is_probe: is_open },
        }
    }
}

impl Pass {
    /// The destination answered, whatever it said.
    pub(super) fn answered(&self) {
        let mut breaker = self.gate.breaker();
        let had_failed = breaker.backoff.succeed() > 0;
        breaker.not_before = None;
        drop(breaker);
        if had_failed {
            self.gate.changed.send_replace(());
        }
    }

    /// The destination failed in a way that passes.
    pub(super) fn failed(&self, error: &StoreError) {
        let mut breaker = self.gate.breaker();
        let pause = breaker.backoff.fail_jittered(self.gate.chance.fraction());
        let asked = error.asked_pause();
        let is_open = breaker.backoff.failures() >= TRIPS;
        if is_open || !asked.is_zero() {
            let pause = if is_open { pause.max(asked) } else { asked };
            let until = Instant::now() + pause;
            breaker.not_before = breaker.not_before.max(Some(until));
        }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        let mut breaker = self.gate.breaker();
        breaker.probing &= !self.is_probe;
        let others_wait = self.is_probe || breaker.backoff.failures() >= TRIPS;
        drop(breaker);
        if others_wait {
            self.gate.changed.send_replace(());
        }
    }
}
