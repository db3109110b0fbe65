//! Cuts the new lines of a file into batches that still lack their numbers, on a blocking thread.

use std::mem;
use std::sync::Arc;

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::report::OddLine;
use crate::agent_format::metadata;
use crate::session::compare::{Listener, NewLine, without_lf};
use crate::session::progress::Meter;
use crate::store::{BATCH_BYTES, BATCH_ENTRIES};
use crate::summary::Fold;
use crate::transcript::check_entry;

/// A batch that waits for its number.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) payload: Bytes,
    pub(super) entries: u64,
    /// The summary as it is behind this batch; of a main transcript only.
    pub(super) summary: Option<String>,
    /// Local lines before it, if the store holds those and nothing else: here an import can go on after a conflict.
    pub(super) lines_before: Option<u64>,
    /// Lines in it that are no entries, or no lines of a conversation.
    pub(super) odd: Vec<OddLine>,
    /// Held until a large payload is gone, so that one alone is on its way.
    pub(super) _room: Option<OwnedSemaphorePermit>,
}

/// Nobody wants the drafts any more.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unwanted;

/// Cuts new lines into drafts, on a blocking thread, and folds every line into the summary.
#[derive(Debug)]
pub(super) struct Cutter {
    fold: Option<Fold>,
    buffer: Vec<u8>,
    entries: u64,
    lines_before: Option<u64>,
    odd: Vec<OddLine>,
    out: mpsc::Sender<Draft>,
    large: Arc<Semaphore>,
    runtime: Handle,
    meter: Meter,
}

impl Cutter {
    /// `large` has one permit for all streams of an import.
    pub(super) fn new(is_main: bool, out: mpsc::Sender<Draft>, large: Arc<Semaphore>, meter: Meter) -> Self {
        Self {
            fold: is_main.then(Fold::new),
            buffer: Vec::new(),
            entries: 0,
            lines_before: None,
            odd: Vec::new(),
            out,
            large,
            runtime: Handle::current(),
            meter,
        }
    }

    /// Adds an entry that is no line of the file.
    pub(super) fn add_entry(&mut self, mut entry: Vec<u8>) -> Result<(), Unwanted> {
        entry.push(b'\n');
        self.add(&mut entry, None, None)
    }

    /// Sends what is left.
    pub(super) fn finish(mut self) -> Result<(), Unwanted> {
        self.send()
    }

    fn add(&mut self, line: &mut Vec<u8>, lines_before: Option<u64>, odd: Option<OddLine>) -> Result<(), Unwanted> {
        if self.entries == BATCH_ENTRIES || self.buffer.len() + line.len() > BATCH_BYTES {
            self.send()?;
        }
        if self.entries == 0 {
            self.lines_before = lines_before;
        }
        if let Some(fold) = &mut self.fold {
            fold.fold(without_lf(line));
        }
        self.odd.extend(odd);
        self.entries += 1;
        if line.len() > BATCH_BYTES {
            // Alone in its batch: taken, not copied.
            self.buffer = mem::take(line);
            return self.send();
        }
        self.buffer.extend_from_slice(line);
        Ok(())
    }

    fn send(&mut self) -> Result<(), Unwanted> {
        if self.entries == 0 {
            return Ok(());
        }
        let room = match self.buffer.len() {
            ..=BATCH_BYTES => None,
            _ => Some(self.room()?),
        };
        let draft = Draft {
            payload: mem::take(&mut self.buffer).into(),
            entries: mem::take(&mut self.entries),
            summary: self.fold.as_ref().map(Fold::to_json),
            lines_before: self.lines_before.take(),
            odd: mem::take(&mut self.odd),
            _room: room,
        };
        self.out.blocking_send(draft).map_err(|_| Unwanted)
    }

    /// What a person should know about a line.
    fn oddity(&self, line: &[u8]) -> Option<String> {
        match check_entry(line) {
            Err(error) => Some(error.to_string()),
            Ok(()) if self.fold.is_none() && metadata::is_metadata(line) => {
                Some("a metadata entry, of which a restore makes the sidecar".to_owned())
            }
            Ok(()) => None,
        }
    }

    fn room(&self) -> Result<OwnedSemaphorePermit, Unwanted> {
        let permit = self.large.clone().acquire_owned();
        self.runtime.block_on(permit).map_err(|_| Unwanted)
    }
}

impl Listener for Cutter {
    type Stop = Unwanted;

    fn stored(&mut self, line: &[u8]) {
        if let Some(fold) = &mut self.fold {
            fold.fold(without_lf(line));
        }
    }

    fn present(&mut self, bytes: u64) {
        self.meter.moved(1, bytes);
    }

    fn new_line(&mut self, new: NewLine<'_>) -> Result<(), Unwanted> {
        let odd = self.oddity(without_lf(new.line)).map(|reason| OddLine {
            line: new.number,
            reason,
        });
        self.add(new.line, new.in_step.then(|| new.number - 1), odd)
    }
}
