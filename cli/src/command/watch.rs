pub(super) mod lacking;
pub(super) mod live;
mod service;
#[cfg(unix)]
pub(super) mod socket;
#[cfg(not(unix))]
#[path = "watch/no_socket.rs"]
pub(super) mod socket;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use mirrorbox::config::{Acknowledge, Config};
use mirrorbox::host::Host;
use mirrorbox::watch::{self, Claimed, Figures};
use tokio::sync::watch::Receiver;

use self::live::LiveStatus;
use self::service::Service;
use self::socket::Socket;
use super::Context;
use super::absent;
use super::run::start_host;
use super::signals::Signals;
use crate::error::{CliError, Exit};
use crate::output::{count, say};
use crate::paths;

/// Follow the agent's transcripts, and mirror every line as soon as it is complete
///
/// Runs until SIGTERM or Ctrl-C, which takes what is complete and delivers it; a second one leaves at once, with
/// everything on this disk. One process follows for a state directory. It tells systemd how it is doing
/// (`mirrorbox init --service`) and answers `mirrorbox status`.
#[derive(Debug, Args)]
pub(crate) struct Watch {
    /// The agent's projects directory [default: the configuration's, else the agent's own]
    #[arg(long, value_name = "DIR")]
    projects_dir: Option<PathBuf>,
    /// Take what is added from now on; what is there before the first `watch` is left to `mirrorbox import`
    #[arg(long)]
    from_now: bool,
    /// Look at the directory by the clock alone: for file systems that do not tell of changes
    #[arg(long)]
    poll: bool,
    /// How long to wait for destinations at the end
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = humantime::parse_duration)]
    deliver: Duration,
}

impl Watch {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, CliError> {
        let config = context.lenient_config()?;
        let following = watch::Watch {
            projects: paths::projects_dir(self.projects_dir.as_deref(), &config)?,
            state: config.state.clone(),
            from_now: self.from_now,
            only_by_clock: self.poll,
            last_look: self.deliver,
        };
        let claimed = following.claim()?;
        let signals = Signals::start(None, "what is complete is taken and delivered")?;
        let done = tokio::select! {
            done = self.followed(&config, claimed, &signals) => Some(done),
            () = signals.at_once() => None,
        };
        done.unwrap_or_else(|| {
            say(
                "left at once: what is not delivered yet is on this disk, and delivered by the next `watch` or `drain`",
            );
            // What hangs in a backend or on a disk is not waited for.
            std::process::exit(Exit::Interrupted.code().into())
        })
    }

    async fn followed(&self, config: &Config, claimed: Claimed, signals: &Signals) -> Result<Exit, CliError> {
        // Nobody waits for an answer here, and a destination that is away is not to hold files up.
        let config = Config {
            acknowledge: Acknowledge::Local,
            ..config.clone()
        };
        let begun = Instant::now();
        let figures = claimed.figures();
        // What is left of runs is looked at again every few seconds.
        let (host, _is_left) = start_host(&config, Duration::ZERO).await?;
        let service = Service::new(figures.clone());
        let socket = Socket::bind(&config.state);
        let status = || LiveStatus::new(begun, figures.borrow().clone(), &host);
        tokio::select! {
            () = claimed.run(&host, signals.stop(), watch::untold()) => {}
            () = service.tell(signals.stop()) => {}
            () = socket.serve(&status) => {}
        }
        self.finish(host, &figures, &service).await
    }

    async fn finish(&self, host: Host, figures: &Receiver<Figures>, service: &Service) -> Result<Exit, CliError> {
        service.say_stopping();
        let absent = absent::of(&host);
        absent::tell(&absent);
        let left = tokio::select! {
            left = host.close(self.deliver) => left?,
            never = service.keep_alive() => match never {},
        };
        let files = figures.borrow().clone();
        for line in lacking::lacking(&files) {
            say(line);
        }
        let waits = files.waits;
        if waits > 0 {
            let transcripts = count(waits, "transcript has", "transcripts have");
            say(format_args!(
                "{transcripts} lines that are not taken yet; the next `watch` takes them"
            ));
        }
        if !left.is_empty() {
            say(format_args!("{left}; the next `watch` or `drain` goes on with it"));
        }
        Ok(
            match left.is_empty() && waits == 0 && absent.is_empty() && !lacking::is_lacking(&files) {
                true => Exit::Done,
                false => Exit::Undelivered,
            },
        )
    }
}
