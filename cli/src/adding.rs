//! Commands that add to stored sessions: through a host of their own, so that what is added is on this disk first and
//! comes to every destination, now or later.

use std::time::{Duration, Instant};

use clap::Args;
use mirrorbox::config::Config;
use mirrorbox::host::{Host, Sessions};
use mirrorbox::key::SessionKey;
use mirrorbox::mirror::Undelivered;
use mirrorbox::session;

use crate::arguments::Which;
use crate::destinations::Destinations;
use crate::error::{CliError, Exit};
use crate::output::{safe_line, say};

/// How often it is looked whether waiting still helps.
const STEP: Duration = Duration::from_millis(250);

/// How long a command waits for its destinations.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Delivery {
    /// How long to wait at most until every destination has it, such as `10s`; what remains stays on this disk
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = humantime::parse_duration)]
    deadline: Duration,
}

/// A host that adds something.
#[derive(Debug)]
pub(crate) struct Adding {
    host: Host,
}

/// The stored session that is meant.
pub(crate) async fn find(config: &Config, which: &Which) -> Result<SessionKey, CliError> {
    let destinations = Destinations::open(config, None).await?;
    let Which { id, project } = which;
    let found = destinations
        .first(async |store| session::find(store, id, project.as_deref()).await)
        .await;
    destinations.close().await;
    Ok(found?.value)
}

impl Adding {
    pub(crate) async fn begin(config: &Config) -> Result<Self, CliError> {
        let host = Host::builder(&config.state).config(config).build().await?;
        Ok(Self { host })
    }

    /// The sessions of a session's project.
    pub(crate) fn sessions(&self, session: &SessionKey) -> Sessions {
        self.host.sessions(session.project_key())
    }

    /// Delivers what was added to a session as far as it goes until the deadline, and ends the host.
    pub(crate) async fn finish(self, session: &SessionKey, delivery: Delivery) -> Result<Undelivered, CliError> {
        let until = Instant::now().checked_add(delivery.deadline);
        let transcript = self.host.transcript(session.clone());
        let left = loop {
            let rest = until.map_or(STEP, |until| until.saturating_duration_since(Instant::now()));
            let left = transcript.flush(rest.min(STEP)).await?;
            if left.is_empty() || rest.is_zero() || left.left.iter().all(|left| !left.can_retry) {
                break left;
            }
        };
        // What others left here is not waited for.
        drop(self.host.close(Duration::ZERO).await?);
        Ok(left)
    }
}

/// Says what is not delivered, and how the command ends.
pub(crate) fn exit(left: &Undelivered) -> Exit {
    if left.is_empty() {
        return Exit::Done;
    }
    for left in &left.left {
        let cause = left.cause.as_deref().unwrap_or("it has not answered in time");
        say(safe_line(&format!(
            "warning: `{}` does not have it yet: {cause}",
            left.destination
        )));
    }
    say("it is safe on this disk; `mirrorbox drain` delivers it");
    Exit::Undelivered
}
