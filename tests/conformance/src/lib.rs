//! Checks whether a store keeps the contract of `wit/adapter.wit`, rule by rule.
//!
//! ```
//! use std::sync::Arc;
//!
//! use mirrorbox::store::MemoryStore;
//! use mirrorbox_conformance::{Options, check};
//!
//! # futures_executor(async {
//! let store = Arc::new(MemoryStore::new());
//! let report = check([store.clone(), store], &Options::default()).await;
//! assert!(report.passed(), "{report}");
//! # });
//! # fn futures_executor(check: impl Future<Output = ()>) {
//! #     tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(check);
//! # }
//! ```
//!
//! A check is one sentence of the contract. Each works under project keys of its own, which nobody used before, so that
//! a backend may be shared with others and hold anything; behind itself it deletes what it wrote, as far as the store
//! can delete: tombstones stay.

mod checks;
mod durable;
mod expect;
mod ground;
mod hostile;
mod log;
mod pace;
mod report;
mod witness;

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use mirrorbox::store::Store;

pub use durable::{Crash, check_durability, skip_durability};
pub use pace::{Figures, measure};
pub use report::{Checked, Outcome, Report};
pub use witness::{Call, TakeSaid};

use checks::{CHECKS, Check, gaps};
use ground::Ground;
use witness::{Calls, Witness};

/// How thorough to be.
#[derive(Clone, Default)]
pub struct Options {
    /// Thousands of batches, subpaths and races, and payloads of 100 MB; else tens, and 9 MB.
    pub long: bool,
    /// What random keys and payloads are made from; another each time, if not said. [`Report::seed`] says which.
    pub seed: Option<u64>,
    /// Only the checks whose names contain this.
    pub filter: String,
    /// Takes what the adapter printed since it was last asked: a failure has the lines of its call. Asked before and
    /// after each call.
    pub take_said: Option<TakeSaid>,
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { long, seed, filter, .. } = self;
        f.debug_struct("Options")
            .field("long", long)
            .field("seed", seed)
            .field("filter", filter)
            .finish_non_exhaustive()
    }
}

/// What a crash leaves of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remains {
    /// What was synced: contents of files, and names in folders.
    Synced,
    /// Contents of files that were synced, and every name.
    SyncedAndNames,
}

/// Runs every check against two handles on the same backend, as two hosts would have them, one after the other.
///
/// It needs whatever runtime the stores need, and does not move between threads. Two handles that are one and the same
/// store pass, but their races prove less.
pub async fn check(stores: [Arc<dyn Store>; 2], options: &Options) -> Report {
    let [ours, theirs] = &stores;
    let info = ours.info();
    let seed = options.seed.unwrap_or_else(|| fastrand::u64(..));
    let calls = Calls::new(options.take_said.clone());
    let stores = [Witness::of(ours, &calls), Witness::of(theirs, &calls)];
    let on = |check| Ground::new(&stores, options.long, seed, check);
    let mut checked = Vec::new();
    for check in CHECKS.iter().filter(|check| check.name.contains(&options.filter)) {
        let began = Instant::now();
        let (outcome, call) = run(check, on(check.name), &calls).await;
        tracing::info!(check = check.name, ?outcome, "checked");
        checked.push(Checked {
            name: check.name,
            rule: check.rule,
            outcome,
            call,
            took: began.elapsed(),
        });
    }
    let ground = on("gaps");
    let detects_gaps = gaps::are_detected(&ground).await;
    ground.clear().await;
    Report {
        store: info,
        seed,
        checks: checked,
        detects_gaps: detects_gaps.unwrap_or(false),
    }
}

/// What came of a check, and where it failed, the call that showed it.
async fn run(check: &Check, ground: Ground, calls: &Calls) -> (Outcome, Option<Call>) {
    if let Some(missing) = check.needs.missing_from(ground.ours.info().capabilities) {
        return (Outcome::Skipped(format!("the store has no {missing}")), None);
    }
    let verdict = (check.run)(&ground).await;
    // Before others follow.
    let call = calls.take();
    ground.clear().await;
    match verdict {
        Ok(()) => (Outcome::Passed, None),
        Err(broken) => (Outcome::Failed(broken.to_string()), call),
    }
}
