use std::sync::Arc;

use tokio::sync::mpsc;

use super::super::HostError;
use super::{Sessions, SessionsError};
use crate::block_on::block_on;
use crate::key::SessionKey;
use crate::session::{self, Conversation, SessionError, SessionMessage};
use crate::store::{LoadError, Store};

/// How many messages are read ahead.
const AHEAD: usize = 16;

/// The messages of a conversation, one after the other. Dropped, it stops reading.
#[derive(Debug)]
pub struct Messages {
    /// A channel that closes without an end message was cut off.
    from: mpsc::Receiver<Result<Option<SessionMessage>, LoadError>>,
    is_over: bool,
}

impl Messages {
    /// The next message; none at the end, and behind an error. Under any executor; dropped, it loses none.
    pub async fn next(&mut self) -> Option<Result<SessionMessage, SessionsError>> {
        if self.is_over {
            return None;
        }
        let next = match self.from.recv().await {
            Some(Ok(message)) => message.map(Ok),
            Some(Err(error)) => Some(Err(SessionError::from(error).into())),
            None => Some(Err(HostError::Closed.into())),
        };
        self.is_over = !matches!(next, Some(Ok(_)));
        next
    }

    /// [`Messages::next`] for callers without async.
    pub fn next_blocking(&mut self) -> Option<Result<SessionMessage, SessionsError>> {
        block_on(self.next())
    }
}

impl Sessions {
    /// Reads a conversation on the host's own threads, for as long as the receiver exists.
    pub(super) async fn read(&self, store: Arc<dyn Store>, key: &SessionKey) -> Result<Messages, SessionError> {
        let conversation = session::conversation(store, key).await?;
        let (to, from) = mpsc::channel(AHEAD);
        drop(self.core.background.run(send(conversation, to)));
        Ok(Messages { from, is_over: false })
    }
}

async fn send(mut conversation: Conversation, to: mpsc::Sender<Result<Option<SessionMessage>, LoadError>>) {
    // The place first: nothing is read that nobody waits for.
    while let Ok(place) = to.reserve().await {
        let next = conversation.next().await;
        let is_over = !matches!(next, Ok(Some(_)));
        place.send(next);
        if is_over {
            return;
        }
    }
}
