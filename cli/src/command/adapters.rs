mod approve;
mod check;
mod inspect;
mod install;
mod list;
mod new;
mod remove;
mod rollback;
mod suggest;

use clap::{Args, Subcommand};

use self::approve::Approve;
use self::check::Check;
use self::inspect::Inspect;
use self::install::Install;
use self::new::New;
use self::remove::Remove;
use self::rollback::Rollback;
use super::Context;
use crate::error::{CliError, Exit};

/// List the adapters of the configuration and how they stand; begin, check, install, approve one, go back, inspect one
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Adapters {
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(Debug, Subcommand)]
enum What {
    Approve(Approve),
    Check(Check),
    Inspect(Inspect),
    Install(Install),
    New(New),
    Remove(Remove),
    Rollback(Rollback),
}

impl Adapters {
    pub(super) async fn run(self, context: &mut Context) -> Result<Exit, CliError> {
        match self.what {
            Some(What::Approve(approve)) => approve.run(context).await,
            Some(What::Check(check)) => check.run(context).await,
            Some(What::Inspect(inspect)) => inspect.run(context).await,
            Some(What::Install(install)) => install.run(context).await,
            Some(What::New(new)) => new.run(context),
            Some(What::Remove(remove)) => remove.run(context),
            Some(What::Rollback(rollback)) => rollback.run(context),
            None => list::list(context).await,
        }
    }
}
