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
mod expect;
mod ground;
mod hostile;
mod log;
mod report;

use std::sync::Arc;
use std::time::Instant;

use mirrorbox::store::Store;

pub use report::{Checked, Outcome, Report};

use checks::{CHECKS, Check, gaps};
use ground::Ground;

/// How thorough to be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Thousands of batches, subpaths and races, and payloads of 100 MB; else tens, and 9 MB.
    pub long: bool,
    /// What random keys and payloads are made from; another each time, if not said. [`Report::seed`] says which.
    pub seed: Option<u64>,
    /// Only the checks whose names contain this.
    pub filter: String,
}

/// Runs every check against two handles on the same backend, as two hosts would have them, one after the other.
///
/// It needs whatever runtime the stores need, and does not move between threads. Two handles that are one and the same
/// store pass, but their races prove less.
pub async fn check(stores: [Arc<dyn Store>; 2], options: &Options) -> Report {
    let [ours, _] = &stores;
    let info = ours.info();
    let seed = options.seed.unwrap_or_else(|| fastrand::u64(..));
    let on = |check| Ground::new(&stores, options.long, seed, check);
    let mut checked = Vec::new();
    for check in CHECKS.iter().filter(|check| check.name.contains(&options.filter)) {
        let began = Instant::now();
        let outcome = run(check, on(check.name)).await;
        tracing::info!(check = check.name, ?outcome, "checked");
        checked.push(Checked {
            name: check.name,
            rule: check.rule,
            outcome,
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

async fn run(check: &Check, ground: Ground) -> Outcome {
    if let Some(missing) = check.needs.missing_from(ground.ours.info().capabilities) {
        return Outcome::Skipped(format!("the store has no {missing}"));
    }
    let verdict = (check.run)(&ground).await;
    ground.clear().await;
    match verdict {
        Ok(()) => Outcome::Passed,
        Err(broken) => Outcome::Failed(broken.to_string()),
    }
}
