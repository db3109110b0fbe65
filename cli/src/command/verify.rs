//! `mirrorbox verify`: checks the destinations, and shows what is damaged, missing or different.

mod across;

use std::path::PathBuf;

use clap::Args;
use mirrorbox::host::Destination;
use mirrorbox::session::{self, LocalState, StoredState, StreamCheck, VerifyReport};

use super::Context;
use super::everywhere::{self, Done, Standing};
use super::import::{local_projects, taken};
use crate::destinations::Destinations;
use crate::error::{CliError, Exit};
use crate::output::{Bar, Table, bytes, count, left, right, safe_line};

/// Check numbers, digests and ends of what is stored, also against local files
#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// Only this session: its id, or the beginning of it
    #[arg(value_name = "ID")]
    id: Option<String>,
    /// The session's project key
    #[arg(long, value_name = "KEY", allow_hyphen_values = true, requires = "id")]
    project: Option<String>,
    /// Compare with the files in this projects directory
    #[arg(long, value_name = "DIR")]
    projects_dir: Option<PathBuf>,
    /// Only this destination
    #[arg(long, value_name = "NAME")]
    from: Option<String>,
    /// Compare two destinations with each other, or every one with every other: each writer's lines must be the same
    #[arg(long, value_name = "NAME", num_args = 0..=2, conflicts_with_all = ["projects_dir", "from"])]
    between: Option<Vec<String>>,
    /// Look for what the spools on this disk hold and count as delivered
    #[arg(long, conflicts_with_all = ["projects_dir", "between", "id"])]
    spools: bool,
    /// Print every stream, not only those with a problem
    #[arg(long)]
    all: bool,
}

impl Verify {
    pub(super) async fn run(self, context: &mut Context) -> Result<Exit, CliError> {
        let config = context.config()?;
        if let Some(names) = &self.between {
            return across::between(&self, names, &config, context).await;
        }
        if self.spools {
            return across::spools(&self, &config, context).await;
        }
        let projects = match &self.projects_dir {
            Some(dir) => Some(local_projects(dir, None)?),
            None => None,
        };
        let destinations = Destinations::open(&config, self.from.as_deref()).await?;
        let done = self.at_each(&destinations, projects.as_deref()).await;
        destinations.close().await;
        let done = done?;
        everywhere::print(context, &done, |context, report| {
            if let Some(table) = table(report, self.all) {
                context.output.line(table)?;
            }
            for error in errors(report) {
                context.output.line(error)?;
            }
            context.output.line(summary(report))
        })?;
        Ok(everywhere::strict(&done, standing))
    }

    async fn at_each(
        &self,
        destinations: &Destinations,
        projects: Option<&[String]>,
    ) -> Result<Vec<Done<VerifyReport>>, CliError> {
        let found = match &self.id {
            Some(id) => {
                let find = async |store| session::find(store, id, self.project.as_deref()).await;
                Some(destinations.first(find).await?)
            }
            None => None,
        };
        let concerns = |destination: &Destination| {
            found
                .as_ref()
                .is_none_or(|found| destination.takes(found.value.project_key()) || destination.name() == found.name)
        };
        let done = everywhere::each(destinations, concerns, async |destination, store| {
            let what = session::Verify {
                sessions: found.as_ref().map(|found| vec![found.value.clone()]),
                projects_dir: self.projects_dir.clone(),
                local_projects: projects.map(|projects| taken(destination, projects)),
            };
            let bar = Bar::new(&format!("verify {}", destination.name()));
            session::verify(store, &what, bar.listener()).await
        });
        Ok(done.await)
    }
}

/// The streams with a problem, or all.
fn table(report: &VerifyReport, all: bool) -> Option<Table> {
    let mut rows = report
        .streams
        .iter()
        .filter(|stream| all || !is_good(stream))
        .peekable();
    rows.peek()?;
    let mut table = Table::new(&["STREAM", "BATCHES", "ENTRIES", "STORED", "LOCAL"]);
    for stream in rows {
        table.row([
            left(name(stream)),
            right(stream.batches),
            right(stream.entries),
            left(stored(&stream.stored)),
            left(stream.local.as_ref().map_or_else(String::new, local)),
        ]);
    }
    Some(table)
}

fn is_good(stream: &StreamCheck) -> bool {
    matches!(stream.stored, StoredState::Whole)
        && stream.local.as_ref().is_none_or(|local| {
            matches!(
                local,
                LocalState::Equal { torn: 0 } | LocalState::NotHere | LocalState::StoredHasMore { .. }
            )
        })
}

/// Another destination has it, and this one should.
fn is_missing(stream: &StreamCheck) -> bool {
    stream.stored == StoredState::Nothing && stream.local.is_none()
}

fn name(stream: &StreamCheck) -> String {
    let StreamCheck {
        project,
        session,
        subpath,
        ..
    } = stream;
    match subpath {
        None => format!("{project}/{session}"),
        Some(subpath) => format!("{project}/{session}/{subpath}"),
    }
}

fn stored(state: &StoredState) -> String {
    match state {
        StoredState::Whole => "whole".into(),
        StoredState::Nothing => "nothing".into(),
        StoredState::Deleted => "deleted".into(),
        StoredState::Damaged { first, last, .. } if first == last => format!("DAMAGED batch {first}"),
        StoredState::Damaged { first, last, .. } => format!("DAMAGED batches {first} to {last}"),
        StoredState::Failed { .. } => "FAILED".into(),
        other => format!("{other:?}"),
    }
}

fn local(state: &LocalState) -> String {
    match state {
        LocalState::Equal { torn: 0 } => "equal".into(),
        LocalState::Equal { .. } => "torn last line, not delivered".into(),
        LocalState::Undelivered { entries, torn: 0 } => {
            format!("{} not delivered", count(*entries, "entry", "entries"))
        }
        LocalState::Undelivered { entries, .. } => {
            format!("{} and a torn line not delivered", count(*entries, "entry", "entries"))
        }
        LocalState::StoredHasMore { entries } => format!("{} fewer", count(*entries, "entry", "entries")),
        LocalState::Differs {
            line,
            only_local,
            only_stored,
        } => format!("rewritten at line {line}: {only_local} not delivered, {only_stored} stored only"),
        LocalState::NotHere => "no file".into(),
        LocalState::Unreadable { .. } => "UNREADABLE".into(),
        other => format!("{other:?}"),
    }
}

/// The long messages, below the table.
fn errors(report: &VerifyReport) -> Vec<String> {
    let mut errors = Vec::new();
    for stream in &report.streams {
        if let StoredState::Damaged { error, .. } | StoredState::Failed { error } = &stream.stored {
            errors.push(safe_line(error));
        }
        if let Some(LocalState::Unreadable { error }) = &stream.local {
            errors.push(safe_line(error));
        }
    }
    errors
}

fn summary(report: &VerifyReport) -> String {
    let totals = report.totals;
    let mut summary = format!(
        "{} verified: {} ({})",
        count(totals.streams, "stream", "streams"),
        count(totals.entries, "entry", "entries"),
        bytes(totals.bytes)
    );
    let problems = [
        (totals.damaged, "damaged"),
        (totals.failed, "failed"),
        (totals.unreadable, "with unreadable local files"),
        (totals.undelivered, "not delivered to the end"),
    ];
    let missing = report.streams.iter().filter(|stream| is_missing(stream)).count();
    let problems = problems.into_iter().chain([(missing as u64, "not stored here")]);
    let problems: Vec<_> = problems.filter(|(number, _)| *number > 0).collect();
    if problems.is_empty() {
        summary.push_str("; all is well");
    }
    for (number, what) in problems {
        summary.push_str(&format!("; {number} {what}"));
    }
    summary
}

fn standing(report: &VerifyReport) -> Standing {
    let totals = report.totals;
    if totals.damaged + totals.failed + totals.unreadable > 0 {
        Standing::Failed
    } else if totals.undelivered > 0 || report.streams.iter().any(is_missing) {
        Standing::Behind
    } else {
        Standing::Good
    }
}

#[cfg(test)]
mod tests {
    use mirrorbox::session::VerifyTotals;

    use super::*;

    fn check(session: &str, stored: StoredState, local: Option<LocalState>) -> StreamCheck {
        StreamCheck {
            project: "p".into(),
            session: session.into(),
            subpath: None,
            batches: 2,
            entries: 600,
            bytes: 1000,
            first: 1,
            last: 2,
            stored,
            local,
        }
    }

    fn report() -> VerifyReport {
        let damaged = StoredState::Damaged {
            first: 3,
            last: 4,
            error: "p/b: batches 3 to 4 are missing".into(),
        };
        VerifyReport {
            streams: vec![
                check("a", StoredState::Whole, Some(LocalState::Equal { torn: 0 })),
                check("b", damaged, None),
                check(
                    "c",
                    StoredState::Whole,
                    Some(LocalState::Undelivered { entries: 1, torn: 0 }),
                ),
            ],
            totals: VerifyTotals {
                streams: 3,
                entries: 1800,
                bytes: 3000,
                damaged: 1,
                undelivered: 1,
                ..VerifyTotals::default()
            },
        }
    }

    #[test]
    fn only_problems_are_in_the_table() {
        let table = table(&report(), false).unwrap().to_string();
        assert_eq!(
            table,
            "STREAM  BATCHES  ENTRIES  STORED                  LOCAL\n\
             p/b           2      600  DAMAGED batches 3 to 4\n\
             p/c           2      600  whole                   1 entry not delivered"
        );
        assert_eq!(errors(&report()), ["p/b: batches 3 to 4 are missing"]);
    }

    #[test]
    fn all_is_well_only_if_it_is() {
        assert_eq!(
            summary(&report()),
            "3 streams verified: 1,800 entries (2.93 KiB); 1 damaged; 1 not delivered to the end"
        );
        let mut report = report();
        assert_eq!(standing(&report), Standing::Failed);
        report.totals.damaged = 0;
        assert_eq!(standing(&report), Standing::Behind);
        report.totals.undelivered = 0;
        assert_eq!(standing(&report), Standing::Good);
        assert!(summary(&report).ends_with("; all is well"));
    }
}
