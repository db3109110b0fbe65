//! Reads one stored stream with retries, and hands its batches to a blocking thread.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::mpsc;

use super::retry::Retry;
use crate::key::SessionKey;
use crate::store::{Batch, Chain, Kind, LoadError, Position, Reader, Store};

/// Reads one stored stream with retries, and counts.
#[derive(Debug)]
pub(crate) struct StoredReader {
    reader: Reader,
    seen: Seen,
}

/// What was read so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    pub(super) batches: u64,
    pub(super) entries: u64,
    pub(super) bytes: u64,
    /// The number of the first batch; 0 if it is empty.
    pub(super) first: u64,
    /// The last batch is a tombstone.
    pub(super) is_deleted: bool,
}

/// What a blocking thread gets to see of a stream. A channel that closes without the end was given up.
#[derive(Debug)]
pub(super) enum StoredPiece {
    Batch(Batch),
    End,
}

/// The sender went away before the end: it knows why.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("reading the stored stream was given up")]
pub(super) struct GivenUp;

impl StoredReader {
    /// Reads from the beginning, or on behind a position that was verified before.
    pub(crate) fn new(store: Arc<dyn Store>, key: SessionKey, after: Option<Position>) -> Self {
        let reader = match after {
            None => Reader::new(store, key),
            Some(position) => Reader::after(store, key, position),
        };
        Self {
            reader,
            seen: Seen::default(),
        }
    }

    /// Reads from the beginning, asking for so many bytes at a time.
    pub(super) fn in_pages(store: Arc<dyn Store>, key: SessionKey, bytes: u32) -> Self {
        Self {
            reader: Reader::new(store, key).in_pages(bytes),
            seen: Seen::default(),
        }
    }

    /// Fetches each page while the one before is read.
    pub(crate) fn ahead(self) -> Self {
        Self {
            reader: self.reader.ahead(),
            ..self
        }
    }

    pub(super) fn seen(&self) -> Seen {
        self.seen
    }

    pub(crate) fn chain(&self) -> &Chain {
        self.reader.chain()
    }

    /// The next batch, verified; none at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Batch>, LoadError> {
        let mut retry = Retry::new();
        loop {
            match self.reader.next().await {
                Ok(batch) => {
                    self.seen.count(batch.as_ref());
                    return Ok(batch);
                }
                Err(LoadError::Store { source, .. }) if retry.again(&source).await => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Likewise, but asks once: for a caller that has the answer from elsewhere, too.
    pub(crate) async fn next_at_once(&mut self) -> Result<Option<Batch>, LoadError> {
        let batch = self.reader.next().await?;
        self.seen.count(batch.as_ref());
        Ok(batch)
    }

    /// Sends the whole stream to a blocking thread. Ends early, and well, when nobody listens any more.
    pub(super) async fn send(&mut self, to: mpsc::Sender<StoredPiece>) -> Result<(), LoadError> {
        // The place first: a batch is only fetched once there is somewhere to put it.
        while let Ok(place) = to.reserve().await {
            match self.next().await? {
                Some(batch) => place.send(StoredPiece::Batch(batch)),
                None => {
                    place.send(StoredPiece::End);
                    break;
                }
            }
        }
        Ok(())
    }
}

impl Seen {
    fn count(&mut self, batch: Option<&Batch>) {
        let Some(batch) = batch else { return };
        if self.batches == 0 {
            self.first = batch.number;
        }
        self.batches += 1;
        self.entries += count_lines(&batch.payload);
        self.bytes += batch.payload.len() as u64;
        self.is_deleted = batch.kind == Kind::Tombstone;
    }
}

pub(super) fn count_lines(payload: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', payload).count() as u64
}

/// The lines of one payload, each with its LF, sharing its memory.
#[derive(Debug, Default)]
pub(super) struct PayloadLines {
    rest: Bytes,
}

impl PayloadLines {
    pub(super) fn new(payload: Bytes) -> Self {
        Self { rest: payload }
    }

    /// Whether there are none left.
    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }
}

impl Iterator for PayloadLines {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        if self.rest.is_empty() {
            return None;
        }
        let end = memchr::memchr(b'\n', &self.rest).map_or(self.rest.len(), |at| at + 1);
        Some(self.rest.split_to(end))
    }
}

/// The lines of a stream as a blocking thread gets them.
#[derive(Debug)]
pub(super) struct StoredLines {
    from: mpsc::Receiver<StoredPiece>,
    batch: PayloadLines,
    ended: bool,
}

impl StoredLines {
    pub(super) fn new(from: mpsc::Receiver<StoredPiece>) -> Self {
        Self {
            from,
            batch: PayloadLines::default(),
            ended: false,
        }
    }

    /// The next line with its LF; none at the end.
    pub(super) fn next_line(&mut self) -> Result<Option<Bytes>, GivenUp> {
        loop {
            if let Some(line) = self.batch.next() {
                return Ok(Some(line));
            }
            match self.next_payload()? {
                Some(payload) => self.batch = PayloadLines::new(payload),
                None => return Ok(None),
            }
        }
    }

    /// The next whole payload; none at the end. Not to be mixed with lines.
    pub(super) fn next_payload(&mut self) -> Result<Option<Bytes>, GivenUp> {
        if self.ended {
            return Ok(None);
        }
        self.batch = PayloadLines::default();
        match self.from.blocking_recv().ok_or(GivenUp)? {
            StoredPiece::Batch(batch) => Ok(Some(batch.payload)),
            StoredPiece::End => {
                self.ended = true;
                Ok(None)
            }
        }
    }
}
