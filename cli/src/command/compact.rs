use clap::Args;
use mirrorbox::session::{self, CompactReport, SessionError};

use super::Context;
use super::everywhere::{self, Done, Standing};
use crate::arguments::Which;
use crate::destinations::{Destinations, warn};
use crate::error::{CliError, Exit};
use crate::output::{count, safe_line};

/// Have destinations rewrite a session into fewer, larger objects
///
/// Nothing that can be read changes. Destinations that have nothing to compact are passed over. A destination that
/// keeps what it replaced for a while removes it at the next call.
#[derive(Debug, Args)]
pub(crate) struct Compact {
    #[command(flatten)]
    which: Which,
    /// Only this destination
    #[arg(long, value_name = "NAME")]
    at: Option<String>,
}

impl Compact {
    pub(super) async fn run(self, context: &mut Context) -> Result<Exit, CliError> {
        let destinations = Destinations::open(&context.config()?, self.at.as_deref()).await?;
        let exit = self.compact(context, &destinations).await;
        destinations.close().await;
        exit
    }

    async fn compact(&self, context: &mut Context, destinations: &Destinations) -> Result<Exit, CliError> {
        let Which { id, project } = &self.which;
        let found = destinations
            .first(async |store| session::find(store, id, project.as_deref()).await)
            .await?;
        let key = found.value;
        let done = everywhere::each(
            destinations,
            |_| true,
            async |_, store| match session::compact(store, &key).await {
                Err(SessionError::Unsupported { .. }) => Ok(None),
                compacted => compacted.map(Some),
            },
        )
        .await;
        everywhere::print(context, &done, |context, report: &Option<CompactReport>| {
            context.output.line(safe_line(&summary(report.as_ref())))
        })?;
        done.iter().for_each(tell);
        Ok(everywhere::strict(&done, standing))
    }
}

fn summary(report: Option<&CompactReport>) -> String {
    match report {
        None => "this destination has nothing to compact".to_owned(),
        Some(report) => format!(
            "{}/{}: {} compacted",
            report.project,
            report.session,
            count(report.compacted, "transcript", "transcripts")
        ),
    }
}

fn tell(done: &Done<Option<CompactReport>>) {
    let report = done.outcome.as_ref().ok().and_then(Option::as_ref);
    for failure in report.iter().flat_map(|report| &report.failures) {
        let problem = format!("{} was not compacted: {}", failure.stream, failure.error);
        warn(&done.destination, safe_line(&problem));
    }
}

fn standing(report: &Option<CompactReport>) -> Standing {
    match report {
        Some(report) if !report.failures.is_empty() => Standing::Failed,
        _ => Standing::Good,
    }
}
