mod others;

use std::path::{Path, PathBuf};

use clap::Args;
use mirrorbox::host::Destination;
use mirrorbox::session::{self, ImportNote, ImportReport};

use super::Context;
use super::everywhere::{self, Standing};
use crate::destinations::{Destinations, warn};
use crate::error::{CliError, Exit};
use crate::output::{Bar, bytes, count, safe_line};
use crate::paths;

/// Bring local transcripts into every destination; a second run adds only what is new
#[derive(Debug, Args)]
pub(crate) struct Import {
    /// The agent's projects directory [default: the configuration's, else the agent's own]
    #[arg(long, value_name = "DIR")]
    projects_dir: Option<PathBuf>,
    /// Only this session; may be given several times
    #[arg(long, value_name = "ID")]
    session: Vec<String>,
    /// Only this project
    #[arg(long, value_name = "KEY", allow_hyphen_values = true)]
    project: Option<String>,
    /// Only to this destination
    #[arg(long, value_name = "NAME")]
    to: Option<String>,
}

impl Import {
    pub(super) async fn run(self, context: &mut Context) -> Result<Exit, CliError> {
        let config = context.config()?;
        let projects_dir = paths::projects_dir(self.projects_dir.as_deref(), &config)?;
        let projects = local_projects(&projects_dir, self.project.as_deref())?;
        let destinations = Destinations::open(&config, self.to.as_deref()).await?;
        let concerns = |destination: &Destination| projects.is_empty() || !taken(destination, &projects).is_empty();
        let done = everywhere::each(&destinations, concerns, async |destination, store| {
            let what = session::Import {
                sessions: self.session.clone(),
                projects: Some(taken(destination, &projects)),
                leave_out: Some(others::leave_out(&config.state, &projects_dir, destination.name())),
            };
            let bar = Bar::new(&format!("import to {}", destination.name()));
            session::import(store, &projects_dir, &what, bar.listener()).await
        })
        .await;
        destinations.close().await;
        if done.is_empty() {
            return Err(CliError::usage("no destination takes these projects")
                .advise("mirror.projects in a manifest says which projects go there"));
        }
        everywhere::print(context, &done, |context, report| context.output.line(summary(report)))?;
        for done in &done {
            if let Ok(report) = &done.outcome {
                tell(&done.destination, report);
            }
        }
        Ok(everywhere::delivery(&done, standing))
    }
}

/// The project keys that lie in the directory: the names of its directories.
pub(super) fn local_projects(projects_dir: &Path, only: Option<&str>) -> Result<Vec<String>, CliError> {
    let entries = std::fs::read_dir(projects_dir).map_err(|error| {
        CliError::failed(format!("cannot read {}: {error}", projects_dir.display()))
            .advise("name the agent's projects directory with --projects-dir")
    })?;
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let names: Vec<_> = names.filter(|name| only.is_none_or(|only| only == name)).collect();
    match only {
        Some(only) if names.is_empty() => Err(CliError::failed(format!(
            "no project `{only}` in {}",
            projects_dir.display()
        ))),
        _ => Ok(names),
    }
}

/// Those that the destination's manifest asks for.
pub(super) fn taken(destination: &Destination, projects: &[String]) -> Vec<String> {
    projects
        .iter()
        .filter(|project| destination.takes(project))
        .cloned()
        .collect()
}

fn summary(report: &ImportReport) -> String {
    let totals = report.totals;
    let passed_over = match report.passed_over {
        0 => String::new(),
        files => format!("; {} passed over", count(files, "other file", "other files")),
    };
    format!(
        "{}, {}: {} added ({}), {} there already{passed_over}",
        count(totals.sessions, "session", "sessions"),
        count(totals.streams, "transcript", "transcripts"),
        count(totals.added.entries, "entry", "entries"),
        bytes(totals.added.bytes),
        count(totals.present.entries, "entry", "entries"),
    )
}

/// What a person should know, and what failed.
fn tell(destination: &str, report: &ImportReport) {
    let notes = report
        .notes
        .iter()
        .chain(report.sessions.iter().flat_map(|session| &session.notes));
    for note in notes {
        warn(destination, safe_line(&note.to_string()));
    }
    for failure in report.sessions.iter().flat_map(|session| &session.failures) {
        let problem = format!("{} failed: {}", failure.stream, failure.error);
        warn(destination, safe_line(&problem));
    }
}

fn standing(report: &ImportReport) -> Standing {
    let is_passed_over = |note: &ImportNote| matches!(note, ImportNote::PassedOver { .. });
    if report.totals.failures > 0 {
        Standing::Failed
    } else if report.totals.torn > 0 || report.notes.iter().any(is_passed_over) {
        Standing::Behind
    } else {
        Standing::Good
    }
}

#[cfg(test)]
mod tests {
    use mirrorbox::session::{Counts, ImportTotals};

    use super::*;

    fn report() -> ImportReport {
        ImportReport {
            totals: ImportTotals {
                sessions: 1,
                streams: 3,
                added: Counts {
                    entries: 1200,
                    bytes: 2 << 20,
                },
                ..ImportTotals::default()
            },
            passed_over: 2,
            ..ImportReport::default()
        }
    }

    #[test]
    fn the_summary_is_one_line() {
        let expected = "1 session, 3 transcripts: 1,200 entries added (2.00 MiB), 0 entries there already; 2 other \
                        files passed over";
        assert_eq!(summary(&report()), expected);
    }

    #[test]
    fn a_torn_line_is_not_delivered_and_a_failure_is_one() {
        let mut report = report();
        assert_eq!(standing(&report), Standing::Good);
        report.notes.push(ImportNote::PassedOver {
            file: "/p/-a".into(),
            reason: "cannot be read".into(),
        });
        assert_eq!(standing(&report), Standing::Behind);
        report.notes.clear();
        report.totals.torn = 1;
        assert_eq!(standing(&report), Standing::Behind);
        report.totals.failures = 1;
        assert_eq!(standing(&report), Standing::Failed);
    }
}
