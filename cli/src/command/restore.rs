//! `mirrorbox restore`: writes stored sessions into a directory.

use std::path::PathBuf;
use std::time::SystemTime;

use clap::Args;
use mirrorbox::agent_format::folder_of;
use mirrorbox::session::{self, RestoreEnd, RestoreOptions, RestoreReport};
use serde::Serialize;

use super::Context;
use crate::arguments::Source;
use crate::destinations::{Answer, Destinations, warn};
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
    /// Where to: a configuration directory, which may be in use or not there yet. Nothing in it is replaced
    #[arg(long, value_name = "DIR")]
    into: PathBuf,
    /// The session's project key
    #[arg(long, value_name = "KEY", allow_hyphen_values = true, conflicts_with = "all")]
    project: Option<String>,
    /// For an agent that is to resume it in this directory, whichever project it is stored under
    #[arg(long, value_name = "DIR", conflicts_with = "all")]
    cwd: Option<PathBuf>,
    /// Up to the first row with this uuid: the state before the rows behind it were rewritten or added
    #[arg(long, value_name = "UUID", conflicts_with_all = ["all", "at"])]
    through: Option<String>,
    /// Without the rows that are younger, such as `2026-03-01T10:00:00Z`
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_rfc3339_weak)]
    at: Option<SystemTime>,
    #[command(flatten)]
    source: Source,
}

/// The report for programs.
#[derive(Serialize)]
struct RestoreDocument<'a> {
    destination: &'a str,
    #[serde(flatten)]
    report: &'a RestoreReport,
}

impl Restore {
    pub(super) async fn run(self, context: &mut Context) -> Result<Exit, CliError> {
        let destinations = Destinations::open(&context.config()?, self.source.from.as_deref()).await?;
        let answer = self.restore(&destinations).await;
        destinations.close().await;
        let answer = answer?;
        if context.output.is_json() {
            context.output.json(&RestoreDocument {
                destination: &answer.name,
                report: &answer.value,
            })?;
        } else {
            context.output.line(summary(&answer.value))?;
        }
        tell(&answer.name, &answer.value);
        Ok(exit(&answer.value))
    }

    async fn restore(&self, destinations: &Destinations) -> Result<Answer<RestoreReport>, CliError> {
        let (id, project) = (self.id.as_deref(), self.project.as_deref());
        let found = destinations
            .first(async |store| match id {
                Some(id) => Ok(Some(vec![session::find(store, id, project).await?])),
                // Whether it can list them at all.
                None => session::list(store, project).await.map(|_| None),
            })
            .await?;
        let from = destinations.furthest(&found.name, found.value.clone()).await?;
        let store = from.store()?;
        let bar = Bar::new("restore");
        Ok(Answer {
            name: from.name().to_owned(),
            value: session::restore(store.clone(), found.value, &self.into, self.options(), bar.listener()).await?,
            store,
        })
    }

    fn options(&self) -> RestoreOptions {
        let through = self.through.clone().map(RestoreEnd::Through);
        RestoreOptions {
            folder: self.cwd.as_deref().map(|cwd| folder_of(cwd, Some(&self.into))),
            end: through.or(self.at.map(RestoreEnd::At)),
        }
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
