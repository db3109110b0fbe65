//! One file for each command: its options and what it does.

mod absent;
mod adapters;
mod compact;
mod completions;
mod copy;
mod delete;
mod drain;
mod everywhere;
mod fork;
mod import;
mod init;
mod man;
mod rename;
mod restore;
mod run;
mod sessions;
mod show;
mod signals;
mod status;
mod tag;
mod tail;
mod verify;
mod watch;

use clap::Subcommand;
use mirrorbox::agent;
use mirrorbox::config::Config;
use mirrorbox::config::lock::Approvals;

use crate::Arguments;
use crate::arguments::Global;
use crate::error::{CliError, Exit};
use crate::output::{Output, say};
use crate::paths;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Init(init::Init),
    Adapters(adapters::Adapters),
    Run(run::Run),
    Watch(watch::Watch),
    Import(import::Import),
    Status(status::Status),
    Drain(drain::Drain),
    Sessions(sessions::Sessions),
    Show(show::Show),
    Tail(tail::Tail),
    Rename(rename::Rename),
    Tag(tag::Tag),
    Fork(fork::Fork),
    Restore(restore::Restore),
    Verify(verify::Verify),
    Copy(copy::Copy),
    Delete(delete::Delete),
    Compact(compact::Compact),
    Completions(completions::Completions),
    Man(man::Man),
}

impl Command {
    /// Whether it deals with signals itself. Others are dropped where they stand.
    pub(crate) fn handles_signals(&self) -> bool {
        matches!(self, Self::Run(_) | Self::Watch(_))
    }

    /// Whether it goes on until a signal ends it.
    pub(crate) fn stays(&self) -> bool {
        matches!(self, Self::Watch(_))
    }
}

/// What every command gets.
#[derive(Debug)]
struct Context {
    global: Global,
    output: Output,
}

impl Context {
    fn config(&self) -> Result<Config, CliError> {
        let dir = paths::config_dir(&self.global)?;
        let config = Config::load(&dir, &paths::state_dir(&self.global)?)?;
        Ok(self.approving(config))
    }

    /// For a host that goes on running, and for the commands beside it: what is wrong with one adapter hurts no other.
    fn lenient_config(&self) -> Result<Config, CliError> {
        let dir = paths::config_dir(&self.global)?;
        let config = Config::load_lenient(&dir, &paths::state_dir(&self.global)?)?;
        Ok(self.approving(config))
    }

    fn approving(&self, mut config: Config) -> Config {
        forget_credentials(&config);
        if self.global.auto_approve {
            config.approvals = config.approvals.map(Approvals::approving_everything);
        }
        config
    }
}

/// Whatever the command: copies of credentials go as soon as the run is gone that they were made for.
fn forget_credentials(config: &Config) {
    if let Err(error) = agent::dead_runs(&config.state) {
        say(format_args!(
            "warning: copies of credentials that a killed run made may still be there: {error}"
        ));
    }
}

pub(crate) async fn run(arguments: Arguments) -> Result<Exit, CliError> {
    let Arguments { global, command } = arguments;
    let output = Output::new(global.json);
    let mut context = Context { global, output };
    let exit = match command {
        Command::Init(init) => init.run(&mut context)?,
        Command::Adapters(adapters) => adapters.run(&mut context).await?,
        Command::Run(run) => run.run(&context).await?,
        Command::Watch(watch) => watch.run(&context).await?,
        Command::Import(import) => import.run(&mut context).await?,
        Command::Status(status) => status.run(&mut context)?,
        Command::Drain(drain) => drain.run(&mut context).await?,
        Command::Sessions(sessions) => sessions.run(&mut context).await?,
        Command::Show(show) => show.run(&mut context).await?,
        Command::Tail(tail) => tail.run(&mut context).await?,
        Command::Rename(rename) => rename.run(&mut context).await?,
        Command::Tag(tag) => tag.run(&mut context).await?,
        Command::Fork(fork) => fork.run(&mut context).await?,
        Command::Restore(restore) => restore.run(&mut context).await?,
        Command::Verify(verify) => verify.run(&mut context).await?,
        Command::Copy(copy) => copy.run(&mut context).await?,
        Command::Delete(delete) => delete.run(&mut context).await?,
        Command::Compact(compact) => compact.run(&mut context).await?,
        Command::Completions(completions) => completions.run(&mut context)?,
        Command::Man(man) => man.run(&mut context)?,
    };
    context.output.flush()?;
    Ok(exit)
}
