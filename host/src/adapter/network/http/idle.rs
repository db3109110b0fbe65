use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::{Sender, Target};

/// The most connections that one adapter keeps to one server while nobody uses them.
const MAX_IDLE: usize = 32;
/// How long a connection is kept unused. Servers give up on theirs after a minute, mostly.
const KEPT: Duration = Duration::from_secs(50);

/// Connections that wait for a request.
#[derive(Debug, Default)]
pub(super) struct Idle(Mutex<HashMap<Target, Vec<Waiting>>>);

#[derive(Debug)]
struct Waiting {
    sender: Sender,
    since: Instant,
}

impl Waiting {
    fn is_usable(&self) -> bool {
        self.sender.is_ready() && self.since.elapsed() < KEPT
    }
}

impl Idle {
    /// The connection to a server that was used last: the others may be let go the sooner.
    pub(super) fn take(&self, target: &Target) -> Option<Sender> {
        let mut idle = self.lock();
        let waiting = idle.get_mut(target)?;
        let found = std::iter::from_fn(|| waiting.pop()).find(Waiting::is_usable);
        found.map(|waiting| waiting.sender)
    }

    /// Keeps a connection. The one that waits for the longest goes where there are too many.
    pub(super) fn put(&self, target: Target, sender: Sender) {
        let mut idle = self.lock();
        let waiting = idle.entry(target).or_default();
        if waiting.len() >= MAX_IDLE {
            waiting.remove(0);
        }
        waiting.push(Waiting {
            sender,
            since: Instant::now(),
        });
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Target, Vec<Waiting>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
