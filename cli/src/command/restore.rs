use std::path::PathBuf;

use clap::Args;
use mirrorbox::session::{self, RestoreReport};
use serde::Serialize;

use super::Context;
use crate::arguments::Source;
use crate::destinations::{Destinations, warn};
use crate::error::{CliError, Exit};
use crate::output::{Bar, bytes, count, safe_line};

/// Write stored sessions out as files that the agent can resume from
#[derive(Debug, Args)]
pub(crate) struct Restore {
    /// The session's id, or the beginning of it
    #[arg(value_name = "ID", required_unless_present = "all")]
    id: Option<String>,
    /// Every session
    #[arg(long, conflicts_with = "id")]
    all: bool,
    /// Where to: a directory that is empty or not there yet
    #[arg(long, value_name = "DIR")]
    into: PathBuf,
    /// The session's project key
    #[arg(long, value_name = "KEY", allow_hyphen_values = true, conflicts_with = "all")]
    project: Option<String>,
    #[command(flatten)]
    source: Source,
}

/// The report for programs.
#[derive(Serialize)]
struct Document<'a> {
    destination: &'a str,
    #[serde(flatten)]
    report: &'a RestoreReport,
}

impl Restore {
    pub(super) async fn run(self, context: &mut Context) -> Result<Exit, CliError> {
        let destinations = Destinations::open(&context.config()?, self.source.from.as_deref()).await?;
        let bar = Bar::new("restore");
        let answer = destinations
            .first(async |store| {
                let sessions = match &self.id {
                    Some(id) => Some(vec![session::find(store.clone(), id, self.project.as_deref()).await?]),
                    None => None,
                };
                session::restore(store, sessions, &self.into, bar.listener()).await
            })
            .await;
        drop(bar);
        destinations.close().await;
        let answer = answer?;
        if context.output.is_json() {
            context.output.json(&Document {
                destination: &answer.name,
                report: &answer.value,
            })?;
        } else {
            context.output.line(summary(&answer.value))?;
        }
        tell(&answer.name, &answer.value);
        Ok(exit(&answer.value))
    }
}

fn summary(report: &RestoreReport) -> String {
    let totals = report.totals;
    format!(
        "{} restored: {}, {} ({})",
        count(totals.sessions, "session", "sessions"),
        count(totals.files, "file", "files"),
        count(totals.entries, "entry", "entries"),
        bytes(totals.bytes),
    )
}

/// What was left out, and what failed.
fn tell(destination: &str, report: &RestoreReport) {
    for session in &report.sessions {
        for note in &session.notes {
            warn(destination, safe_line(&note.to_string()));
        }
        if let Some(failure) = &session.failure {
            let problem = format!(
                "{}/{} was not restored: {}",
                session.project, session.session, failure.error
            );
            warn(destination, safe_line(&problem));
        }
    }
}

fn exit(report: &RestoreReport) -> Exit {
    match report.totals {
        totals if totals.failures > 0 => Exit::Failed,
        totals if totals.skipped > 0 => Exit::Undelivered,
        _ => Exit::Done,
    }
}

#[cfg(test)]
mod tests {
    use mirrorbox::session::RestoreTotals;

    use super::*;

    #[test]
    fn the_summary_and_the_exit_code_tell_what_happened() {
        let mut report = RestoreReport {
            totals: RestoreTotals {
                sessions: 2,
                files: 5,
                entries: 1,
                bytes: 1000,
                ..RestoreTotals::default()
            },
            ..RestoreReport::default()
        };
        assert_eq!(summary(&report), "2 sessions restored: 5 files, 1 entry (1000 B)");
        assert_eq!(exit(&report), Exit::Done);
        report.totals.skipped = 1;
        assert_eq!(exit(&report), Exit::Undelivered);
        report.totals.failures = 1;
        assert_eq!(exit(&report), Exit::Failed);
    }
}
