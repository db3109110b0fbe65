//! `mirrorbox show`: prints a session for people, or its lines as JSON.

pub(super) mod render;

use std::sync::Arc;

use clap::Args;
use mirrorbox::key::SessionKey;
use mirrorbox::session::{self, Message, SessionError};
use mirrorbox::store::Store;

use self::render::Style;
use super::Context;
use crate::arguments::{Source, Which};
use crate::destinations::Destinations;
use crate::error::{CliError, Exit};
use crate::output::{Output, safe_line};

/// Print a session; with --json its lines as they are stored
#[derive(Debug, Args)]
pub(crate) struct Show {
    #[command(flatten)]
    which: Which,
    /// The subagents' transcripts too, after the main one
    #[arg(long)]
    subagents: bool,
    /// Only the transcript of this subagent
    #[arg(long, value_name = "ID", conflicts_with = "subagents")]
    subagent: Option<String>,
    /// Only the conversation as it stands: nothing that was rewound, put aside or meant for nobody's eyes; with --json
    /// a message a line
    #[arg(long)]
    conversation: bool,
    /// Pass over so many messages of the conversation
    #[arg(long, value_name = "N", default_value_t = 0, requires = "conversation")]
    offset: usize,
    /// So many messages of the conversation at most
    #[arg(long, value_name = "N", requires = "conversation")]
    limit: Option<usize>,
    /// Whole answers of tools, and what the model thinks
    #[arg(long)]
    full: bool,
    #[command(flatten)]
    source: Source,
}

impl Show {
    pub(super) async fn run(self, context: &mut Context) -> Result<Exit, CliError> {
        let destinations = Destinations::open(&context.config()?, self.source.from.as_deref()).await?;
        let shown = self.show(&mut context.output, &destinations).await;
        destinations.close().await;
        shown.map(|()| Exit::Done)
    }

    async fn show(&self, output: &mut Output, destinations: &Destinations) -> Result<(), CliError> {
        let Which { id, project } = &self.which;
        let found = destinations
            .first(async |store| session::find(store, id, project.as_deref()).await)
            .await?;
        let found = destinations.agreed(found).await?;
        let streams = self.streams(&found.store, found.value).await?;
        for stream in &streams {
            if output.is_gone() {
                break;
            }
            if !output.is_json() {
                output.line(safe_line(&format!("== {stream}")))?;
            }
            match self.conversation {
                true => self.messages(output, &found.store, stream).await?,
                false => self.entries(output, &found.store, stream).await?,
            }
        }
        Ok(())
    }

    async fn streams(&self, store: &Arc<dyn Store>, session: SessionKey) -> Result<Vec<SessionKey>, CliError> {
        if let Some(id) = &self.subagent {
            let agent = session::subagent(store.clone(), &session, id).await?;
            return Ok(vec![agent.transcript]);
        }
        let mut streams = match self.subagents {
            true => session::subpaths(store.clone(), &session).await?,
            false => Vec::new(),
        };
        streams.insert(0, session);
        Ok(streams)
    }

    async fn entries(&self, output: &mut Output, store: &Arc<dyn Store>, key: &SessionKey) -> Result<(), CliError> {
        let style = Style { full: self.full };
        let mut entries = session::show(store.clone(), key);
        while let Some(entry) = entries.next().await.map_err(SessionError::from)? {
            if output.is_gone() {
                break;
            }
            if output.is_json() {
                output.raw_line(&entry.line)?;
            } else if let Some(text) = style.render(&entry.message()).or_else(|| style.odd(&entry.line)) {
                output.line(text)?;
            }
        }
        Ok(())
    }

    async fn messages(&self, output: &mut Output, store: &Arc<dyn Store>, key: &SessionKey) -> Result<(), CliError> {
        let style = Style { full: self.full };
        let conversation = session::conversation(store.clone(), key).await;
        let mut conversation = conversation.map_err(SessionError::from)?;
        conversation.skip(self.offset);
        for _ in 0..conversation.len().min(self.limit.unwrap_or(usize::MAX)) {
            if output.is_gone() {
                break;
            }
            if output.is_json() {
                let message = conversation.next().await.map_err(SessionError::from)?;
                output.json(&message)?;
            } else if let Some(line) = conversation.next_line().await.map_err(SessionError::from)?
                && let Some(text) = style.render(&Message::read(&line))
            {
                output.line(text)?;
            }
        }
        Ok(())
    }
}
