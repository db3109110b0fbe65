use std::fmt;
use std::time::Duration;

use mirrorbox::store::StoreInfo;
use serde::Serialize;

use crate::witness::Call;

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
    /// Of a rule that is broken: the call that showed it, which is the one that was answered last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call: Option<Call>,
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
    /// It is, as far as that can be asked of the store; what it cannot do, and what to do about it.
    Warned(String),
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

impl Checked {
    /// What was found, if that is anything to act upon.
    pub fn finding(&self) -> Option<&str> {
        match &self.outcome {
            Outcome::Failed(finding) | Outcome::Warned(finding) => Some(finding),
            Outcome::Passed | Outcome::Skipped(_) => None,
        }
    }
}

impl fmt::Display for Checked {
    /// Its name; then what was found, the rule, the call with its key, and what the adapter printed, several lines.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)?;
        if let Outcome::Warned(_) = self.outcome {
            f.write_str(", a warning")?;
        }
        let Some(finding) = self.finding() else { return Ok(()) };
        write!(f, ": {finding}\n  the rule: {}", self.rule)?;
        let Some(call) = &self.call else { return Ok(()) };
        write!(f, "\n  the call: {call}")?;
        if !call.said.is_empty() {
            f.write_str("\n  it printed:")?;
        }
        call.said.iter().try_for_each(|line| write!(f, "\n    {line}"))
    }
}

impl fmt::Display for Report {
    /// What each check that failed or warns has found, and a line that counts.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for checked in self.checks.iter().filter(|checked| checked.finding().is_some()) {
            writeln!(f, "{checked}")?;
        }
        let count = |outcome: fn(&Outcome) -> bool| self.checks.iter().filter(|c| outcome(&c.outcome)).count();
        write!(
            f,
            "{}: {} passed, {} failed, {} skipped{}, detects gaps: {} (seed {})",
            self.store.name,
            count(|outcome| matches!(outcome, Outcome::Passed)),
            count(|outcome| matches!(outcome, Outcome::Failed(_))),
            count(|outcome| matches!(outcome, Outcome::Skipped(_))),
            match count(|outcome| matches!(outcome, Outcome::Warned(_))) {
                0 => String::new(),
                warned => format!(", {warned} with a warning"),
            },
            if self.detects_gaps { "yes" } else { "no" },
            self.seed,
        )
    }
}
