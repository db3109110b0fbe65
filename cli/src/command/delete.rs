//! `mirrorbox delete`: deletes a session at every destination, and shows where that failed.

use std::path::Path;

use clap::Args;
use mirrorbox::key::SessionKey;
use mirrorbox::mirror::{Notes, Trouble};
use mirrorbox::session::{self, DeleteReport, SessionError};

use super::Context;
use super::everywhere::{self, Done, Standing};
use crate::arguments::Which;
use crate::destinations::{Destinations, warn};
use crate::error::{CliError, Exit};
use crate::output::{ask, can_ask, count, safe_line};

/// Delete a session with its subagents from every destination
#[derive(Debug, Args)]
pub(crate) struct Delete {
    #[command(flatten)]
    which: Which,
    /// Only from this destination
    #[arg(long, value_name = "NAME")]
    from: Option<String>,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

impl Delete {
    pub(super) async fn run(self, context: &mut Context) -> Result<Exit, CliError> {
        if !self.yes && !can_ask() {
            return Err(
                CliError::usage("deleting needs a yes, and there is no terminal to ask at").advise("add --yes"),
            );
        }
        let config = context.config()?;
        let destinations = Destinations::open(&config, self.from.as_deref()).await?;
        let exit = self.delete(context, &destinations, &config.state).await;
        destinations.close().await;
        exit
    }

    async fn delete(&self, context: &mut Context, destinations: &Destinations, state: &Path) -> Result<Exit, CliError> {
        let Which { id, project } = &self.which;
        let found = destinations
            .first(async |store| session::find(store, id, project.as_deref()).await)
            .await?;
        let key = found.value;
        let question = format!("delete {} and its subagents from {}?", key, names(destinations));
        if !self.yes && !ask(safe_line(&question)) {
            return Err(CliError::failed("nothing was deleted"));
        }
        let noted = self.note(&Notes::open(state)?, destinations, &key);
        noted.map_err(|error| CliError::failed(format!("nothing was deleted: {error}")))?;
        let done = everywhere::each(
            destinations,
            |_| true,
            async |_, store| {
                match session::delete(store, &key).await {
                    // It never came here.
                    Err(SessionError::NotFound { .. }) => Ok(nothing(&key)),
                    deleted => deleted,
                }
            },
        )
        .await;
        everywhere::print(context, &done, |context, report| {
            context.output.line(safe_line(&summary(report)))
        })?;
        done.iter().for_each(tell);
        Ok(everywhere::strict(&done, standing))
    }

    /// What waits on this disk does not bring it back.
    fn note(&self, notes: &Notes, destinations: &Destinations, key: &SessionKey) -> Result<(), Trouble> {
        for destination in destinations.each() {
            notes.deleted(destination.name(), key)?;
        }
        match self.from {
            Some(_) => Ok(()),
            None => notes.deleted_everywhere(key),
        }
    }
}

fn names(destinations: &Destinations) -> String {
    let names: Vec<_> = destinations
        .each()
        .iter()
        .map(|destination| destination.name())
        .collect();
    names.join(", ")
}

fn nothing(key: &SessionKey) -> DeleteReport {
    DeleteReport {
        project: key.project_key().to_owned(),
        session: key.session_id().to_owned(),
        deleted: 0,
        already: 0,
        failures: Vec::new(),
    }
}

fn summary(report: &DeleteReport) -> String {
    let name = format!("{}/{}", report.project, report.session);
    match (report.deleted, report.already) {
        (0, 0) => format!("{name}: nothing to delete"),
        (0, _) => format!("{name}: deleted before"),
        (deleted, _) => format!("{name}: {} deleted", count(deleted, "transcript", "transcripts")),
    }
}

fn tell(done: &Done<DeleteReport>) {
    let failures = done.outcome.iter().flat_map(|report| &report.failures);
    for failure in failures {
        let problem = format!("{} was not deleted: {}", failure.stream, failure.error);
        warn(&done.destination, safe_line(&problem));
    }
}

fn standing(report: &DeleteReport) -> Standing {
    if report.failures.is_empty() {
        Standing::Good
    } else {
        Standing::Failed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_tells_what_was_there() {
        let mut report = nothing(&SessionKey::main("p", "s").unwrap());
        assert_eq!(summary(&report), "p/s: nothing to delete");
        report.already = 1;
        assert_eq!(summary(&report), "p/s: deleted before");
        report.deleted = 3;
        assert_eq!(summary(&report), "p/s: 3 transcripts deleted");
    }
}
