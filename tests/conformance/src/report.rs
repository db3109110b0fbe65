use std::fmt;
use std::time::Duration;

use mirrorbox::store::StoreInfo;
use serde::Serialize;

/// What came of every check.
#[derive(Clone, Debug)]
pub struct Report {
    /// Which store.
    pub store: StoreInfo,
    /// What random keys and payloads were made from.
    pub seed: u64,
    /// Each check, in the order of the contract.
    pub checks: Vec<Checked>,
    /// Whether an append that would leave a hole is a `conflict`. An adapter that cannot tell need not.
    pub detects_gaps: bool,
}

/// What came of one check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// Its name: what it is about and what is to hold (`append-retry`).
    pub name: &'static str,
    /// The sentence of the contract.
    pub rule: &'static str,
    /// Whether the store keeps it.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// How long that took.
    #[serde(skip)]
    pub took: Duration,
}

/// Whether a rule is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", content = "reason", rename_all = "lowercase")]
pub enum Outcome {
    /// It is.
    Passed,
    /// It is not, and what the store did instead.
    Failed(String),
    /// The store does not claim that it can, and why that was needed.
    Skipped(String),
}

impl Report {
    /// Whether no rule was broken.
    pub fn passed(&self) -> bool {
        self.failed().next().is_none()
    }

    /// The checks that failed.
    pub fn failed(&self) -> impl Iterator<Item = &Checked> {
        let is_failed = |checked: &&Checked| matches!(checked.outcome, Outcome::Failed(_));
        self.checks.iter().filter(is_failed)
    }
}

impl fmt::Display for Report {
    /// A line for each check that failed, with its rule, and one that counts.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for checked in self.failed() {
            if let Outcome::Failed(reason) = &checked.outcome {
                writeln!(f, "{}: {reason} (the rule: {})", checked.name, checked.rule)?;
            }
        }
        let count = |outcome: fn(&Outcome) -> bool| self.checks.iter().filter(|c| outcome(&c.outcome)).count();
        write!(
            f,
            "{}: {} passed, {} failed, {} skipped, detects gaps: {} (seed {})",
            self.store.name,
            count(|outcome| matches!(outcome, Outcome::Passed)),
            count(|outcome| matches!(outcome, Outcome::Failed(_))),
            count(|outcome| matches!(outcome, Outcome::Skipped(_))),
            if self.detects_gaps { "yes" } else { "no" },
            self.seed,
        )
    }
}
