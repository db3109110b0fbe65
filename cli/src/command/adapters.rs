mod approve;
mod check;
mod inspect;
mod install;
mod list;
mod suggest;

use clap::{Args, Subcommand};

use self::approve::Approve;
use self::check::Check;
use self::inspect::Inspect;
use self::install::Install;
use super::Context;
use crate::error::{CliError, Exit};

/// List the adapters of the configuration and how they stand; approve, check, install one, inspect a component
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
}

impl Adapters {
    pub(super) async fn run(self, context: &mut Context) -> Result<Exit, CliError> {
        match self.what {
            Some(What::Approve(approve)) => approve.run(context).await,
            Some(What::Check(check)) => check.run(context).await,
            Some(What::Inspect(inspect)) => inspect.run(context).await,
            Some(What::Install(install)) => install.run(context).await,
            None => list::list(context).await,
        }
    }
}
