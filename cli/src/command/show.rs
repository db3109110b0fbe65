mod render;

use std::sync::Arc;

use clap::Args;
use mirrorbox::key::SessionKey;
use mirrorbox::session;
use mirrorbox::store::Store;

use self::render::Style;
use super::Context;
use crate::arguments::{Source, Which};
use crate::destinations::Destinations;
use crate::error::{CliError, Exit};
use crate::output::{Output, safe_line};

/// Print a conversation; with --json its lines as they are stored
#[derive(Debug, Args)]
pub(crate) struct Show {
    #[command(flatten)]
    which: Which,
    /// The subagents' conversations too, after the main one
    #[arg(long)]
    subagents: bool,
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
        let mut streams = vec![found.value.clone()];
        if self.subagents {
            streams.extend(session::subpaths(found.store.clone(), &found.value).await?);
        }
        for stream in &streams {
            if output.is_gone() {
                break;
            }
            if !output.is_json() {
                output.line(safe_line(&format!("== {stream}")))?;
            }
            self.stream(output, &found.store, stream).await?;
        }
        Ok(())
    }

    async fn stream(&self, output: &mut Output, store: &Arc<dyn Store>, key: &SessionKey) -> Result<(), CliError> {
        let style = Style { full: self.full };
        let mut entries = session::show(store.clone(), key);
        while let Some(entry) = entries.next().await.map_err(session::SessionError::from)? {
            if output.is_gone() {
                break;
            }
            if output.is_json() {
                output.raw_line(&entry.line)?;
            } else if let Some(text) = style.render(&entry.message()) {
                output.line(text)?;
            }
        }
        Ok(())
    }
}
