//! Connections that are kept open for the next request to the same server, and closed when unused for too long.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard};
use tokio::runtime::Handle;

use super::{RequestTarget, Sender};

/// How long a connection is kept unused. Servers give up on theirs after a minute, mostly.
const KEPT: Duration = Duration::from_secs(50);

/// Connections that wait for a request.
#[derive(Debug)]
pub(super) struct IdleConnections {
    /// To one server, at most, and to all of them.
    most: usize,
    most_in_all: usize,
    waiting: Arc<Mutex<KeptConnections>>,
    reactor: Handle,
}

#[derive(Debug, Default)]
struct KeptConnections {
    /// The one that was used last stands last.
    by_target: HashMap<RequestTarget, Vec<IdleConnection>>,
    /// Whether a task looks after those that wait for too long.
    is_swept: bool,
}

#[derive(Debug)]
struct IdleConnection {
    sender: Sender,
    since: Instant,
}

impl IdleConnection {
    fn is_usable(&self) -> bool {
        self.sender.is_ready() && self.since.elapsed() < KEPT
    }
}

impl IdleConnections {
    pub(super) fn new(most: usize, most_in_all: usize, reactor: Handle) -> Self {
        Self {
            most,
            most_in_all,
            waiting: Arc::default(),
            reactor,
        }
    }

    /// The connection to a server that was used last: the others may be let go the sooner.
    pub(super) fn take(&self, target: &RequestTarget) -> Option<Sender> {
        let mut waiting = lock(&self.waiting);
        let connections = waiting.by_target.get_mut(target)?;
        let found = std::iter::from_fn(|| connections.pop()).find(IdleConnection::is_usable);
        found.map(|connection| connection.sender)
    }

    /// Closes the connection that has waited for the longest.
    pub(super) fn let_one_go(&self) {
        lock(&self.waiting).let_oldest_go();
    }

    /// Keeps a connection. The one that has waited for the longest goes where there are too many.
    pub(super) fn put(&self, target: RequestTarget, sender: Sender) {
        let mut waiting = lock(&self.waiting);
        let connections = waiting.by_target.entry(target).or_default();
        connections.push(IdleConnection {
            sender,
            since: Instant::now(),
        });
        if connections.len() > self.most {
            connections.remove(0);
        }
        if waiting.count() > self.most_in_all {
            waiting.let_oldest_go();
        }
        if !std::mem::replace(&mut waiting.is_swept, true) {
            self.reactor.spawn(sweep(Arc::downgrade(&self.waiting)));
        }
    }
}

impl KeptConnections {
    fn count(&self) -> usize {
        self.by_target.values().map(Vec::len).sum()
    }

    /// Closes the connection that has waited for the longest, to whichever server.
    fn let_oldest_go(&mut self) {
        let since = |connections: &Vec<IdleConnection>| connections.first().map(|connection| connection.since);
        let waiting = self
            .by_target
            .iter()
            .filter_map(|(target, its)| Some((since(its)?, target)));
        let oldest = waiting
            .min_by_key(|(since, _)| *since)
            .map(|(_, target)| target.clone());
        let Some(target) = oldest else { return };
        if let Some(connections) = self.by_target.get_mut(&target) {
            connections.remove(0);
            if connections.is_empty() {
                self.by_target.remove(&target);
            }
        }
    }
}

/// Lets go of what waits for too long, until nothing waits any more or the adapter is gone.
async fn sweep(waiting: Weak<Mutex<KeptConnections>>) {
    loop {
        tokio::time::sleep(KEPT).await;
        let Some(waiting) = waiting.upgrade() else {
            return;
        };
        let mut waiting = lock(&waiting);
        waiting.by_target.retain(|_, connections| {
            connections.retain(IdleConnection::is_usable);
            !connections.is_empty()
        });
        if waiting.by_target.is_empty() {
            waiting.is_swept = false;
            return;
        }
    }
}

fn lock(waiting: &Mutex<KeptConnections>) -> MutexGuard<'_, KeptConnections> {
    waiting.lock()
}
