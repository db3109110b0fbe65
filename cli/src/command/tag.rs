use clap::Args;
use mirrorbox::key::SessionKey;
use mirrorbox::mirror::Undelivered;
use serde::Serialize;

use super::Context;
use crate::adding::{self, Adding, Delivery};
use crate::arguments::Which;
use crate::error::{CliError, Exit};
use crate::output::safe_line;

/// Tag a session, or take its tag away
#[derive(Debug, Args)]
pub(crate) struct Tag {
    #[command(flatten)]
    which: Which,
    /// The tag; what cannot be seen in it goes
    #[arg(value_name = "TAG", required_unless_present = "clear")]
    tag: Option<String>,
    /// Take the tag away
    #[arg(long, conflicts_with = "tag")]
    clear: bool,
    #[command(flatten)]
    delivery: Delivery,
}

/// What was done, for programs.
#[derive(Serialize)]
struct TagDocument<'a> {
    #[serde(flatten)]
    session: &'a SessionKey,
    tag: Option<&'a str>,
    #[serde(flatten)]
    left: &'a Undelivered,
}

impl Tag {
    pub(super) async fn run(self, context: &mut Context) -> Result<Exit, CliError> {
        let config = context.config()?;
        let session = adding::find(&config, &self.which).await?;
        let tag = self.tag.as_deref();
        let adding = Adding::begin(&config).await?;
        adding.sessions(&session).tag(session.session_id(), tag).await?;
        let left = adding.finish(&session, self.delivery).await?;
        if context.output.is_json() {
            context.output.json(&TagDocument {
                session: &session,
                tag,
                left: &left,
            })?;
        } else {
            let done = tag.map_or_else(|| "no tag".to_owned(), |tag| format!("tagged {tag}"));
            context.output.line(safe_line(&format!("{session}: {done}")))?;
        }
        Ok(adding::exit(&left))
    }
}
