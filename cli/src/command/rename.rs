use clap::Args;
use mirrorbox::key::SessionKey;
use mirrorbox::mirror::Undelivered;
use serde::Serialize;

use super::Context;
use crate::adding::{self, Adding, Delivery};
use crate::arguments::Which;
use crate::error::{CliError, Exit};
use crate::output::safe_line;

/// Give a session a title
#[derive(Debug, Args)]
pub(crate) struct Rename {
    #[command(flatten)]
    which: Which,
    /// The title
    #[arg(value_name = "TITLE")]
    title: String,
    #[command(flatten)]
    delivery: Delivery,
}

/// What was done, for programs.
#[derive(Serialize)]
struct RenameDocument<'a> {
    #[serde(flatten)]
    session: &'a SessionKey,
    title: &'a str,
    #[serde(flatten)]
    left: &'a Undelivered,
}

impl Rename {
    pub(super) async fn run(self, context: &mut Context) -> Result<Exit, CliError> {
        let config = context.config()?;
        let session = adding::find(&config, &self.which).await?;
        let title = self.title.trim();
        let adding = Adding::begin(&config).await?;
        adding.sessions(&session).rename(session.session_id(), title).await?;
        let left = adding.finish(&session, self.delivery).await?;
        if context.output.is_json() {
            context.output.json(&RenameDocument {
                session: &session,
                title,
                left: &left,
            })?;
        } else {
            context.output.line(safe_line(&format!("{session}: {title}")))?;
        }
        Ok(adding::exit(&left))
    }
}
