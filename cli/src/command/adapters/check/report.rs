//! What was found, for people and for programs.

use mirrorbox_conformance::{Checked, Outcome, Report};
use serde::Serialize;

use super::pace::Pace;
use crate::error::CliError;
use crate::output::{Output, Table, left, right, safe};

/// What came of a check.
#[derive(Debug)]
pub(super) struct Findings {
    pub(super) report: Report,
    pub(super) pace: Option<Pace>,
}

/// What was found, for programs.
#[derive(Serialize)]
struct CheckDocument<'a> {
    adapter: String,
    passed: bool,
    detects_gaps: bool,
    seed: u64,
    checks: &'a [Checked],
    #[serde(skip_serializing_if = "Option::is_none")]
    pace: Option<Pace>,
    /// The part of a manifest that allows what was used.
    #[serde(skip_serializing_if = "Option::is_none")]
    grants: Option<String>,
}

impl Findings {
    pub(super) fn print(&self, output: &mut Output, grants: Option<String>) -> Result<(), CliError> {
        let report = &self.report;
        if output.is_json() {
            return output.json(&CheckDocument {
                adapter: format!("{} {}", report.store.name, report.store.version),
                passed: report.passed(),
                detects_gaps: report.detects_gaps,
                seed: report.seed,
                checks: &report.checks,
                pace: self.pace,
                grants,
            });
        }
        output.line(table(&report.checks))?;
        output.line("")?;
        output.line(safe(&report.to_string()))?;
        if let Some(pace) = self.pace {
            output.line(pace)?;
        }
        if let Some(grants) = grants {
            output.line("\nWhat it used, as the manifest grants it:\n")?;
            output.line(safe(&grants))?;
        }
        Ok(())
    }
}

fn table(checks: &[Checked]) -> Table {
    let mut table = Table::new(&["CHECK", "RESULT", "SECONDS"]);
    for checked in checks {
        let result = match &checked.outcome {
            Outcome::Passed => "passed".to_owned(),
            Outcome::Failed(_) => "FAILED".to_owned(),
            Outcome::Warned(_) => "WARNING".to_owned(),
            Outcome::Skipped(why) => format!("skipped: {why}"),
        };
        let seconds = format!("{:.2}", checked.took.as_secs_f64());
        table.row([left(checked.name), left(result), right(seconds)]);
    }
    table
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn each_check_is_one_line() {
        let checked = |name, outcome| Checked {
            name,
            rule: "",
            outcome,
            call: None,
            took: Duration::from_millis(1_230),
        };
        let checks = [
            checked("end", Outcome::Passed),
            checked("append-retry", Outcome::Failed("it was a conflict".into())),
            checked("durable-append", Outcome::Warned("it cannot".into())),
            checked("compact", Outcome::Skipped("the store has no compaction".into())),
        ];
        assert_eq!(
            table(&checks).to_string(),
            "CHECK           RESULT                                SECONDS\n\
             end             passed                                   1.23\n\
             append-retry    FAILED                                   1.23\n\
             durable-append  WARNING                                  1.23\n\
             compact         skipped: the store has no compaction     1.23"
        );
    }
}
