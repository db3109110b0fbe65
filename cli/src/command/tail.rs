use std::sync::Arc;

use clap::Args;
use mirrorbox::key::SessionKey;
use mirrorbox::session::{self, Message, News, SessionError};
use mirrorbox::store::Store;

use super::Context;
use super::show::render::Style;
use crate::arguments::{Source, Which};
use crate::destinations::{Answer, Destinations};
use crate::error::{CliError, Exit};
use crate::output::{Output, safe_line, say};

/// Follow a session as it reaches a destination, from any machine, until interrupted; with --json its lines as they are
/// stored
#[derive(Debug, Args)]
pub(crate) struct Tail {
    #[command(flatten)]
    which: Which,
    /// Follow this subagent
    #[arg(long, value_name = "ID")]
    subagent: Option<String>,
    /// Whole answers of tools, and what the model thinks
    #[arg(long)]
    full: bool,
    #[command(flatten)]
    source: Source,
}

impl Tail {
    pub(super) async fn run(self, context: &mut Context) -> Result<Exit, CliError> {
        let destinations = Destinations::open(&context.config()?, self.source.from.as_deref()).await?;
        let followed = self.follow(&mut context.output, &destinations).await;
        destinations.close().await;
        followed.map(|()| Exit::Done)
    }

    /// Until nobody reads any more.
    async fn follow(&self, output: &mut Output, destinations: &Destinations) -> Result<(), CliError> {
        let Which { id, project } = &self.which;
        let found = destinations
            .first(async |store| session::find(store, id, project.as_deref()).await)
            .await?;
        let Answer { name, store, value } = found;
        let key = self.stream(&store, value).await?;
        let mut follow = session::follow(store, &key).await?;
        while !output.is_gone() {
            match follow.next().await.map_err(SessionError::from)? {
                News::Entry(line) => self.entry(output, &line)?,
                news => say(safe_line(&told(&name, &news))),
            }
        }
        Ok(())
    }

    async fn stream(&self, store: &Arc<dyn Store>, session: SessionKey) -> Result<SessionKey, CliError> {
        match &self.subagent {
            Some(id) => Ok(session::subagent(store.clone(), &session, id).await?.transcript),
            None => Ok(session),
        }
    }

    /// Prints an entry at once.
    fn entry(&self, output: &mut Output, line: &[u8]) -> Result<(), CliError> {
        if output.is_json() {
            output.raw_line(line)?;
        } else if let Some(text) = (Style { full: self.full }).render(&Message::read(line)) {
            output.line(text)?;
        }
        output.flush()
    }
}

fn told(destination: &str, news: &News) -> String {
    match news {
        News::Deleted => "the session was deleted; what comes now begins it anew".to_owned(),
        News::Away { cause } => format!("warning: `{destination}`: {cause}; it is asked again"),
        News::Back => format!("`{destination}` answers again"),
        _ => String::new(),
    }
}
