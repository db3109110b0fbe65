//! A transcript read as a conversation: one pass over the stored stream finds the chain of messages, a second reads
//! them.

mod chain;
mod index;
mod message;
mod parallel;

use std::sync::Arc;
use std::vec::IntoIter;

use bytes::Bytes;

use super::compare::without_lf;
use super::stored::{PayloadLines, StoredReader};
use crate::agent_format::{EntryFields, metadata};
use crate::key::SessionKey;
use crate::store::{LoadError, Position, Store};
use index::{LineSlice, RowIndex};

pub use message::{MessageKind, Parents, SessionMessage};

/// The conversation of a transcript as it stands: what people and the model say, oldest first.
///
/// A transcript is a log, and a conversation one way through it: what was rewound, left on another branch, put aside by
/// a compaction or meant for nobody's eyes is not part of it. A subagent's transcript has a conversation of its own;
/// its messages say which call started it.
///
/// Made by [`conversation`]. Memory: a few hundred bytes a row while it is made, 24 bytes a message and one page of
/// batches after that.
#[derive(Debug)]
pub struct Conversation {
    store: Arc<dyn Store>,
    key: SessionKey,
    /// Of each batch, the one before it; none before the first.
    before: Vec<Option<Position>>,
    rest: IntoIter<LineSlice>,
    parents: Parents,
    reading: Option<Reading>,
}

/// A batch, and the way to those behind it.
#[derive(Debug)]
struct Reading {
    stored: StoredReader,
    batch: usize,
    payload: Bytes,
}

/// Finds the conversation of a main transcript, or of a subagent's. Reads the stream once; [`Conversation::next`] reads
/// it again. Nothing stored: an empty one.
pub async fn conversation(store: Arc<dyn Store>, key: &SessionKey) -> Result<Conversation, LoadError> {
    let mut survey = FirstReading::default();
    let mut stored = StoredReader::new(store.clone(), key.clone(), None);
    loop {
        let before = stored.chain().position();
        let Some(batch) = stored.next().await? else { break };
        survey.take(batch.payload, before);
    }
    let places = match key.is_main() {
        true => of_session(&survey.index),
        false => of_agent(&survey.index),
    };
    Ok(Conversation {
        store,
        key: key.clone(),
        before: survey.before,
        rest: places.into_iter(),
        parents: match key.is_main() {
            true => Parents::default(),
            false => survey.parents,
        },
        reading: None,
    })
}

/// What one reading finds out.
#[derive(Debug, Default)]
struct FirstReading {
    index: RowIndex,
    before: Vec<Option<Position>>,
    parents: Parents,
}

impl FirstReading {
    fn take(&mut self, payload: Bytes, before: Option<Position>) {
        let batch = self.before.len();
        self.before.push(before);
        let mut start = 0;
        for line in PayloadLines::new(payload) {
            let len = line.len();
            if metadata::is_metadata(&line) {
                // It is written anew whenever something changes.
                self.parents = Parents::read(&line);
            } else if let Some(row) = EntryFields::read(&line) {
                self.index.take(&row, LineSlice { batch, start, len });
            }
            start += len;
        }
    }
}

fn of_session(index: &RowIndex) -> Vec<LineSlice> {
    let chain = parallel::with_parallel_calls(index, chain::of_session(index));
    let shown = |link: &&index::Link| link.is_said() && !link.is_meta && !link.is_sidechain && !link.is_of_team;
    chain.into_iter().filter(shown).map(|link| link.place).collect()
}

fn of_agent(index: &RowIndex) -> Vec<LineSlice> {
    let chain = chain::of_agent(index).into_iter();
    chain.filter(|link| link.is_said()).map(|link| link.place).collect()
}

impl Conversation {
    /// How many messages are left.
    pub fn len(&self) -> usize {
        self.rest.len()
    }

    /// Whether there are none left.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Passes over the next messages, without reading them.
    pub fn skip(&mut self, messages: usize) {
        if let Some(last) = messages.checked_sub(1) {
            self.rest.nth(last);
        }
    }

    /// The next message; none at the end. After an error, calling again asks the store again.
    pub async fn next(&mut self) -> Result<Option<SessionMessage>, LoadError> {
        let line = self.next_line().await?;
        Ok(line.map(|line| SessionMessage::read(&line, &self.parents)))
    }

    /// The next message as its entry's line, which is more than the message; none at the end. As it was written, but
    /// for the LF.
    pub async fn next_line(&mut self) -> Result<Option<Bytes>, LoadError> {
        let Some(LineSlice { batch, start, len }) = self.rest.as_slice().first().copied() else {
            return Ok(None);
        };
        let payload = self.payload(batch).await?;
        self.skip(1);
        // What was verified twice is the same both times.
        let line = payload.get(start..start + len).unwrap_or_default();
        Ok(Some(payload.slice_ref(without_lf(line))))
    }

    /// The payload of a batch. Rows lie in order but for a few, so mostly it is this batch or the next.
    async fn payload(&mut self, batch: usize) -> Result<Bytes, LoadError> {
        let mut reading = match self.reading.take() {
            Some(reading) if reading.batch <= batch => reading,
            _ => self.read_from(batch).await?,
        };
        while reading.batch < batch {
            reading.batch += 1;
            reading.payload = self.next_payload(&mut reading.stored).await?;
        }
        Ok(self.reading.insert(reading).payload.clone())
    }

    async fn read_from(&self, batch: usize) -> Result<Reading, LoadError> {
        let before = self.before.get(batch).copied().flatten();
        let mut stored = StoredReader::new(self.store.clone(), self.key.clone(), before);
        let payload = self.next_payload(&mut stored).await?;
        Ok(Reading { stored, batch, payload })
    }

    /// It was there when the conversation was made.
    async fn next_payload(&self, stored: &mut StoredReader) -> Result<Bytes, LoadError> {
        match stored.next().await? {
            Some(batch) => Ok(batch.payload),
            None => {
                let missing = stored.chain().number() + 1;
                Err(LoadError::Missing {
                    key: self.key.clone(),
                    first: missing,
                    last: missing,
                })
            }
        }
    }
}

#[cfg(test)]
mod tests;
