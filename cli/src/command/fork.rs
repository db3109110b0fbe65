use clap::Args;
use mirrorbox::mirror::Undelivered;
use mirrorbox::session::{self, Forked};
use serde::Serialize;

use super::Context;
use crate::adding::{self, Adding, Delivery};
use crate::arguments::Which;
use crate::error::{CliError, Exit};
use crate::output::{count, safe_line};

/// Begin a new session with what a session holds, without its subagents
#[derive(Debug, Args)]
pub(crate) struct Fork {
    #[command(flatten)]
    which: Which,
    /// Up to the message with this uuid, itself included
    #[arg(long, value_name = "UUID")]
    through: Option<String>,
    /// The new session's title [default: the session's own and ` (fork)`]
    #[arg(long, value_name = "TITLE")]
    title: Option<String>,
    #[command(flatten)]
    delivery: Delivery,
}

/// What was done, for programs.
#[derive(Serialize)]
struct ForkDocument<'a> {
    #[serde(flatten)]
    forked: &'a Forked,
    #[serde(flatten)]
    left: &'a Undelivered,
}

impl Fork {
    pub(super) async fn run(self, context: &mut Context) -> Result<Exit, CliError> {
        let config = context.config()?;
        let source = adding::find(&config, &self.which).await?;
        let what = session::Fork {
            through: self.through,
            title: self.title,
        };
        let adding = Adding::begin(&config).await?;
        let forked = adding.sessions(&source).fork(source.session_id(), &what).await?;
        let left = adding.finish(&forked.session, self.delivery).await?;
        if context.output.is_json() {
            context.output.json(&ForkDocument {
                forked: &forked,
                left: &left,
            })?;
        } else {
            let entries = count(forked.entries, "entry", "entries");
            let line = format!("{}: {}, {entries}", forked.session, forked.title);
            context.output.line(safe_line(&line))?;
        }
        Ok(adding::exit(&left))
    }
}
