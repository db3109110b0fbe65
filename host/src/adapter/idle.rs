//! The instances of an adapter that wait for work: the pool takes them from here, and their threads bring them back.

use parking_lot::Mutex;
use tokio::sync::watch;

use super::place::closed;
use crate::store::StoreError;

/// Held by each instance's thread, so that closing can await the last.
pub(super) type Alive = watch::Receiver<()>;

/// The instances that wait for work.
#[derive(Debug)]
pub(super) struct IdleInstances<I>(Mutex<IdleList<I>>);

#[derive(Debug)]
struct IdleList<I> {
    instances: Vec<I>,
    closed: bool,
}

impl<I> Default for IdleInstances<I> {
    fn default() -> Self {
        Self(Mutex::new(IdleList {
            instances: Vec::new(),
            closed: false,
        }))
    }
}

impl<I> IdleInstances<I> {
    /// Brings an instance back. After the end of the pool it ends too.
    pub(super) fn put(&self, instance: I) {
        let mut waiting = self.0.lock();
        if !waiting.closed {
            waiting.instances.push(instance);
        }
    }

    /// An instance, if one waits. Fails after the end of the pool.
    pub(super) fn take(&self) -> Result<Option<I>, StoreError> {
        let mut waiting = self.0.lock();
        if waiting.closed {
            Err(closed())
        } else {
            Ok(waiting.instances.pop())
        }
    }

    pub(super) fn close(&self) {
        let mut waiting = self.0.lock();
        waiting.closed = true;
        waiting.instances.clear();
    }
}
