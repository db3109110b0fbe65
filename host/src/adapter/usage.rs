//! What an adapter has used so far, counted as it happens.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use serde::Serialize;

use super::crash_loop::InstanceState;
use crate::store::StoreError;

/// What an adapter has used since it was opened, all its instances together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Usage {
    /// Whether a fresh instance may be made now.
    pub state: InstanceState,
    /// Instances that there are now, each with a thread of its own.
    pub instances: u64,
    /// Instances that were begun.
    pub started: u64,
    /// Calls that were made, those that are under way among them.
    pub calls: u64,
    /// Calls that ended in an error. A conflict is an answer, not an error.
    pub failures: u64,
    /// Instances that ended in a trap, while they started or in a call.
    pub traps: u64,
    /// Calls that did not end by their deadline, `open` among them.
    pub timeouts: u64,
    /// The most memory that one instance had after a call, in bytes.
    pub memory_peak: u64,
    /// What the manifest does not allow and was tried all the same.
    pub refused: u64,
    /// Lines that the adapter logged beyond what it may.
    pub log_lines_dropped: u64,
}

/// The counters that instances share. Each is exact; together they are no picture of one moment.
#[derive(Debug, Default)]
pub(super) struct UsageCounters {
    pub(super) started: AtomicU64,
    pub(super) calls: AtomicU64,
    pub(super) failures: AtomicU64,
    pub(super) traps: AtomicU64,
    pub(super) timeouts: AtomicU64,
    pub(super) memory_peak: AtomicU64,
}

impl UsageCounters {
    /// An instance was not to be used any more after this.
    pub(super) fn broke(&self, error: &StoreError) {
        match error {
            StoreError::Timeout(_) => self.timeouts.fetch_add(1, Relaxed),
            _ => self.traps.fetch_add(1, Relaxed),
        };
    }

    /// A call came to its end.
    pub(super) fn ended<R>(&self, answer: &Result<R, StoreError>) {
        if !matches!(answer, Ok(_) | Err(StoreError::Conflict)) {
            self.failures.fetch_add(1, Relaxed);
        }
    }
}
