//! `mirrorbox copy`: brings to one destination what another has.

use clap::Args;
use mirrorbox::mirror::Notes;
use mirrorbox::session::{self, CopyReport, CopyState, SessionError, StreamCopy};

use super::Context;
use crate::destinations::{Destinations, warn};
use crate::error::{CliError, Exit};
use crate::output::{Bar, bytes, count, safe_line};

/// Copy what one destination lacks of another; a second run copies only what is still lacking
///
/// Batches and origins stay as they are, tombstones are copied, too, and what was copied is read back and compared. A
/// session that was deleted at the target is not brought back.
#[derive(Debug, Args)]
pub(crate) struct Copy {
    /// The destination to copy from
    #[arg(long, value_name = "NAME")]
    from: String,
    /// The destination to copy to
    #[arg(long, value_name = "NAME")]
    to: String,
    /// Only this session: its id, or the beginning of it
    #[arg(value_name = "ID")]
    id: Option<String>,
    /// Only this project
    #[arg(long, value_name = "KEY", allow_hyphen_values = true)]
    project: Option<String>,
}

impl Copy {
    pub(super) async fn run(self, context: &mut Context) -> Result<Exit, CliError> {
        if self.from == self.to {
            return Err(CliError::usage("--from and --to name the same destination"));
        }
        let config = context.config()?;
        let destinations = Destinations::open_these(&config, &[&self.from, &self.to]).await?;
        let report = self.copy(&destinations).await;
        destinations.close().await;
        let report = report?;
        self.note(&Notes::open(&config.state)?, &report)?;
        if context.output.is_json() {
            context.output.json(&report)?;
        } else {
            context.output.line(summary(&report))?;
        }
        self.tell(&report);
        Ok(exit(&report))
    }

    async fn copy(&self, destinations: &Destinations) -> Result<CopyReport, CliError> {
        let [from, to] = [destinations.named(&self.from)?, destinations.named(&self.to)?];
        let [source, target] = [from.store()?, to.store()?];
        let sessions = match &self.id {
            None => None,
            Some(id) => {
                let project = self.project.as_deref();
                let found = match session::find(source.clone(), id, project).await {
                    // What was deleted at the source is still to be found at the target.
                    Err(SessionError::NotFound { .. }) => session::find(target.clone(), id, project).await,
                    found => found,
                };
                Some(vec![found?])
            }
        };
        let mut taken_by = vec![to.config().manifest.mirror.clone()];
        if let (None, Some(project)) = (&self.id, &self.project) {
            taken_by.push(only(project));
        }
        let bar = Bar::new(&format!("copy {} to {}", self.from, self.to));
        let what = session::Copy { sessions, taken_by };
        Ok(session::copy(source, target, &what, bar.listener()).await?)
    }

    /// A delete at that destination also deletes the entries that still wait on this disk.
    fn note(&self, notes: &Notes, report: &CopyReport) -> Result<(), CliError> {
        let is_there = |stream: &&StreamCopy| {
            !matches!(stream.state, Some(CopyState::DeletedAtTarget { .. })) && stream.failure.is_none()
        };
        let mut copied = report.streams.iter().filter(is_there);
        let noted = copied.try_for_each(|copied| notes.copied(&self.to, &copied.stream));
        noted.map_err(|error| {
            CliError::failed(format!("it is copied, but that cannot be noted: {error}"))
                .advise("run the same command again")
        })
    }

    fn tell(&self, report: &CopyReport) {
        for StreamCopy {
            stream, state, failure, ..
        } in &report.streams
        {
            if let Some(CopyState::DeletedAtTarget { number }) = state {
                let note = format!("{stream} was deleted there (tombstone {number}) and is not brought back");
                warn(&self.to, safe_line(&note));
            }
            if let Some(failure) = failure {
                let problem = format!("{stream} failed: {}", failure.error);
                warn(&self.to, safe_line(&problem));
            }
        }
    }
}

/// A destination that takes one project.
fn only(project: &str) -> mirrorbox::config::MirrorSettings {
    mirrorbox::config::MirrorSettings {
        projects: vec![project.to_owned()],
        ..Default::default()
    }
}

fn summary(report: &CopyReport) -> String {
    let mut summary = format!(
        "{}: {} copied ({} in {}), {} there already",
        count(report.streams.len() as u64, "stream", "streams"),
        count(report.added.entries, "entry", "entries"),
        bytes(report.added.bytes),
        count(report.batches, "batch", "batches"),
        count(report.present, "stream", "streams"),
    );
    for (number, what) in [(report.deleted, "deleted there"), (report.failures, "failed")] {
        if number > 0 {
            summary.push_str(&format!("; {number} {what}"));
        }
    }
    summary
}

fn exit(report: &CopyReport) -> Exit {
    let failures = report.streams.iter().filter_map(|stream| stream.failure.as_ref());
    match failures
        .map(|failure| failure.can_retry)
        .reduce(|one, other| one && other)
    {
        None => Exit::Done,
        // What is lacking comes with the next run.
        Some(true) => Exit::Undelivered,
        Some(false) => Exit::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_is_one_line() {
        let mut report = CopyReport {
            batches: 2,
            present: 1,
            ..CopyReport::default()
        };
        report.added.entries = 1200;
        report.added.bytes = 2 << 20;
        assert_eq!(
            summary(&report),
            "0 streams: 1,200 entries copied (2.00 MiB in 2 batches), 1 stream there already"
        );
        report.failures = 1;
        assert!(summary(&report).ends_with("; 1 failed"));
    }
}
