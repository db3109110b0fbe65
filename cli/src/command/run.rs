mod choose;
mod input;
mod outcome;

use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use clap::{ArgGroup, Args};
use mirrorbox::agent::{self, Ended, Leftovers, OnEvent, Talk};
use mirrorbox::config::Config;
use mirrorbox::host::Host;

use self::choose::Choice;
use super::Context;
use super::signals::Signals;
use crate::destinations::warn;
use crate::error::{CliError, Exit};
use crate::output::{self, safe_line, say};
use crate::{file_limit, file_mask};

/// An agent that has just lost its input ends within this time. One that lives longer holds up nobody: what its run
/// left is taken up once this one ends, or by a later command.
const ENDING: Duration = Duration::from_secs(1);

/// Run an agent, mirror what it writes, and go on with a stored session if asked to
///
/// What the agent reads and prints passes through. On SIGTERM or Ctrl-C its input ends and it may finish; a second one
/// leaves at once, with everything on this disk. The exit code is the agent's, or 3 where the agent was content but not
/// everything that it wrote is kept and delivered.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("session"))]
pub(crate) struct Run {
    /// Go on with this stored session: its id, or the beginning of it
    #[arg(long, value_name = "ID", group = "session")]
    resume: Option<String>,
    /// Go on with the newest stored session of the project
    #[arg(long = "continue", group = "session")]
    newest: bool,
    /// Go on with the session of this task, or begin one for it
    #[arg(long, value_name = "NAME", group = "session")]
    task: Option<String>,
    /// Go on in a new session that begins with a copy of the stored one
    #[arg(long, requires = "session")]
    fork: bool,
    /// Read the stored session from this destination [default: the one that this machine's copy goes on from, else the
    /// one that reaches furthest]
    #[arg(long, value_name = "NAME", requires = "session")]
    from: Option<String>,
    /// Store under this project key, and look for stored sessions there [default: the current directory's]
    #[arg(long, value_name = "KEY", allow_hyphen_values = true)]
    cwd_key: Option<String>,
    /// How long the agent may go on once it is to stop
    #[arg(long, value_name = "TIME", default_value = "15s", value_parser = humantime::parse_duration)]
    grace: Duration,
    /// How long to wait for destinations, at the end and before a stored session is read
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = humantime::parse_duration)]
    deliver: Duration,
    /// Stop the agent after this time
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    limit: Option<Duration>,
    /// The agent's command, behind `--`
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

impl Run {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, CliError> {
        // What is wrong with an adapter hurts neither the agent nor the others: what waits for it stays on this disk.
        let config = context.lenient_config()?;
        if config.destinations.is_empty() && config.refused.is_empty() {
            return Err(CliError::usage("there are no adapters to deliver to")
                .advise(format!("put one into {}", config.dir.join("adapters").display())));
        }
        for (name, refusal) in &config.refused {
            warn(name, safe_line(refusal));
        }
        let signals = Signals::start(self.limit, "the agent may finish")?;
        let done = tokio::select! {
            done = self.mirrored(&config, &signals) => Some(done),
            () = signals.at_once() => None,
        };
        done.unwrap_or_else(|| {
            say("left at once: what is not delivered yet is on this disk, and delivered by the next run or `drain`");
            // The reader of our output may never read it, and nothing is to wait for that.
            std::process::exit(Exit::Interrupted.code().into())
        })
    }

    async fn mirrored(&self, config: &Config, signals: &Signals) -> Result<Exit, CliError> {
        let (host, is_left) = start_host(config, ENDING).await?;
        let ended = self.agent(config, &host, signals).await;
        if is_left {
            match leftovers(&config.state).await {
                Ok(left) => drop(pick_up(left, &host, Duration::ZERO).await),
                // No fault of this run's; the next start says it again.
                Err(error) => say(safe_line(&error.to_string())),
            }
        }
        let absent = match &ended {
            Ok(ended) => outcome::absent(&host, ended, self.deliver).await,
            // That it did not even start is what is said.
            Err(_) => Vec::new(),
        };
        let left = host.close(self.deliver).await?;
        if !left.is_empty() {
            say(format_args!("{left}; the next run or `drain` goes on with it"));
        }
        Ok(outcome::tell(&ended?, &absent, &left))
    }

    async fn agent(&self, config: &Config, host: &Host, signals: &Signals) -> Result<Ended, CliError> {
        let choice = Choice {
            config,
            host,
            run: self,
        };
        let (start, project) = choice.start().await?;
        let run = agent::Run {
            command: self.command.clone(),
            start,
            project,
            grace: self.grace,
            file_mask: file_mask::before(),
            open_files: file_limit::before(),
        };
        let talk = Talk {
            input: input::stdin(),
            output: output::of_the_agent(),
            stop: signals.stop(),
        };
        Ok(agent::run(host, &config.state, run, talk, teller()).await?)
    }
}

/// Starts a host, and has it take up what agents left whose hosts were killed. Agents that still run are waited for:
/// all of them together so long. Says whether something is left of that for later.
pub(super) async fn start_host(config: &Config, patience: Duration) -> Result<(Host, bool), CliError> {
    // Before the host: what a power failure left behind a spool's mark is seen as long as nobody has adopted it.
    let left = leftovers(&config.state).await?;
    let host = Host::builder(&config.state).config(config).build().await?;
    let is_left = pick_up(left, &host, patience).await;
    Ok((host, is_left))
}

async fn pick_up(left: Leftovers, host: &Host, patience: Duration) -> bool {
    let picked_up = left.pick_up(host, patience, &teller()).await;
    if picked_up.entries > 0 {
        say(format_args!(
            "{} entries of earlier runs were in the agent's files only, and are on their way now",
            picked_up.entries
        ));
    }
    picked_up.left > 0
}

async fn leftovers(state: &Path) -> Result<Leftovers, CliError> {
    let state = state.to_owned();
    let looked = tokio::task::spawn_blocking(move || Leftovers::look(&state)).await;
    Ok(looked.map_err(|error| CliError::failed(format!("cannot look at {error}")))??)
}

/// Events are in the log already.
fn teller() -> OnEvent {
    Arc::new(|_| ())
}

/// Tells of something that the user would not expect.
fn note(text: &str) {
    say(safe_line(text));
}
