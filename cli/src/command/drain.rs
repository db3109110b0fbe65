mod report;

use std::time::{Duration, Instant};

use clap::Args;
use mirrorbox::agent;
use mirrorbox::config::Config;
use mirrorbox::mirror::{self, DestinationStatus, Undelivered};
use mirrorbox::session::Progress;

use self::report::Report;
use super::Context;
use super::run::start_host;
use crate::error::{CliError, Exit};
use crate::output::Bar;

/// How often it is looked how far it is.
const STEP: Duration = Duration::from_millis(250);

/// Deliver what processes that are gone left undelivered on this disk
///
/// Ends when everything is delivered, when nothing more can be delivered until a person mends something, or
/// at the deadline. What remains stays on disk. Lines of processes that still run are left to those.
#[derive(Debug, Args)]
pub(crate) struct Drain {
    /// How long to go on at most, such as `90s` or `8h`
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = humantime::parse_duration)]
    deadline: Duration,
}

/// How long agents are waited for that outlived their runs: they have lost their input, and end by themselves.
const ENDING: Duration = Duration::from_secs(15);

impl Drain {
    pub(super) async fn run(self, context: &mut Context) -> Result<Exit, CliError> {
        let config = context.config()?;
        if config.destinations.is_empty() {
            return Err(CliError::usage("there are no adapters to deliver to")
                .advise(format!("put one into {}", config.dir.join("adapters").display())));
        }
        let (status, left) = self.deliver(&config).await?;
        let look = mirror::look(&config.state, &config.destinations)?;
        let report = Report::new(&status, &left, &look, agent::dead_runs(&config.state)?);
        report.print(&mut context.output)?;
        Ok(report.exit())
    }

    async fn deliver(&self, config: &Config) -> Result<(Vec<DestinationStatus>, Undelivered), CliError> {
        let (host, _is_left) = start_host(config, ENDING).await?;
        let bar = Bar::new("drain");
        let until = Instant::now().checked_add(self.deadline);
        let left = loop {
            let rest = until.map_or(STEP, |until| until.saturating_duration_since(Instant::now()));
            let left = host.flush(rest.min(STEP)).await?;
            bar.show(progress(&host.status()));
            let is_over = left.is_empty() || (!left.adopting && left.left.iter().all(|left| !left.can_retry));
            if is_over || rest <= STEP && until.is_some() {
                break left;
            }
        };
        let status = host.status();
        // What is left was waited for long enough.
        drop(host.close(Duration::ZERO).await?);
        Ok((status, left))
    }
}

fn progress(status: &[DestinationStatus]) -> Progress {
    let streams = || status.iter().flat_map(|destination| &destination.streams);
    let counts = || status.iter().map(|destination| &destination.counts);
    let bytes = counts().map(|counts| counts.bytes).sum();
    Progress {
        streams: streams().filter(|stream| stream.entries == 0).count() as u64,
        total_streams: streams().count() as u64,
        entries: counts().map(|counts| counts.entries).sum(),
        bytes,
        total_bytes: bytes + streams().map(|stream| stream.bytes).sum::<u64>(),
    }
}
