use std::sync::Arc;

use bytes::Bytes;

use super::SessionError;
use super::catalog;
use super::compare::without_lf;
use super::stored::{PayloadLines, StoredReader};
use crate::key::SessionKey;
use crate::store::{LoadError, Store};

pub use crate::agent_format::{Message, MessagePart, Speaker};

/// One stored entry.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its place in the stream as it is read, from 1.
    pub number: u64,
    /// The line without its LF, as it was written.
    pub line: Bytes,
}

impl Entry {
    /// What it says, for people. Never fails: what is not understood is [`Message::Other`].
    pub fn message(&self) -> Message {
        Message::read(&self.line)
    }
}

/// The entries of one stream, in stored order, verified. Memory: a page of batches.
#[derive(Debug)]
pub struct Entries {
    stored: StoredReader,
    batch: PayloadLines,
    number: u64,
}

/// Reads one stored stream.
pub fn show(store: Arc<dyn Store>, key: &SessionKey) -> Entries {
    Entries {
        stored: StoredReader::new(store, key.clone(), None),
        batch: PayloadLines::default(),
        number: 0,
    }
}

/// The other streams of a session: the keys of its subagents' transcripts, sorted.
pub async fn subpaths(store: Arc<dyn Store>, session: &SessionKey) -> Result<Vec<SessionKey>, SessionError> {
    catalog::subkeys(&*store, &session.to_main()).await
}

impl Entries {
    /// The next entry; none at the end.
    pub async fn next(&mut self) -> Result<Option<Entry>, LoadError> {
        loop {
            if let Some(line) = self.batch.next() {
                self.number += 1;
                let line = line.slice_ref(without_lf(&line));
                return Ok(Some(Entry {
                    number: self.number,
                    line,
                }));
            }
            match self.stored.next().await? {
                Some(batch) => self.batch = PayloadLines::new(batch.payload),
                None => return Ok(None),
            }
        }
    }
}

#[cfg(test)]
mod tests;
