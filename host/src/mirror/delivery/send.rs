//! One batch: cut, numbered, stored.

use bytes::Bytes;

use super::super::cursor::Cursor;
use super::super::destination::Entered;
use super::super::event::What;
use super::super::lane::State;
use super::super::on_disk;
use super::super::survey::lines;
use super::super::trouble::Trouble;
use super::Delivery;
use super::copy::LocalCopy;
use crate::spool::Chunk;
use crate::store::{Batch, BatchDraft, Chain, Kind, Origin, StoreError};

/// A burst stores its summary this often on its way: a reader meanwhile, or after a crash, has as much to fold
/// anew.
const SUMMARY_EVERY: u64 = 16;

impl Delivery {
    /// Delivers the next lines of a copy, or what has to come before them.
    pub(super) async fn deliver(&mut self, index: usize, at: &Entered) -> Result<(), Trouble> {
        if let Some((number, by)) = self.superseded(index) {
            self.stop(index, number, by);
            return Ok(());
        }
        self.begin(index)?;
        let Some(chunk) = self.next_lines(index, at).await? else {
            return Ok(());
        };
        if self.needs_claim(index) {
            return self.claim(index, at).await;
        }
        let Some(copy) = self.copies.get_mut(index) else {
            return Ok(());
        };
        let goes_on = copy
            .waiting_from(chunk.next)
            .is_due(self.destination.options().mirror.flush);
        let draft = BatchDraft {
            kind: Kind::Entries,
            origin: origin(copy, chunk.first.line),
            payload: chunk.payload,
        };
        let Some(batch) = self.store(draft, goes_on, at).await? else {
            return Ok(());
        };
        if let Some(copy) = self.copies.get_mut(index) {
            copy.next = chunk.next;
        }
        self.copies.iter_mut().for_each(|copy| copy.hear(&batch));
        let announcer = &self.destination.announcer;
        announcer.count(lines(&batch.payload), batch.payload.len() as u64);
        self.lane.waits_no_more();
        self.save_cursor(index);
        self.show(index);
        Ok(())
    }

    /// The next lines of a copy that are to be stored; `None` where there are none for now.
    async fn next_lines(&mut self, index: usize, at: &Entered) -> Result<Option<Chunk>, Trouble> {
        let Some(copy) = self.copies.get_mut(index) else {
            return Ok(None);
        };
        match copy.section() {
            Some(_) => self.lacking(index, at).await,
            None => Ok(copy.next_certain()?),
        }
    }

    /// Whether this writer has to take the stream over before it stores anything.
    pub(super) fn needs_claim(&self, index: usize) -> bool {
        self.takes_over() && self.copies.get(index).is_some_and(|copy| copy.claim.is_none())
    }

    /// That a batch of it may be there is on disk before it is.
    pub(super) fn begin(&mut self, index: usize) -> Result<(), Trouble> {
        let Some(copy) = self.copies.get_mut(index).filter(|copy| !copy.begun) else {
            return Ok(());
        };
        copy.begun = true;
        let writer = copy.stream.writer().to_owned();
        let written = self.update_ledger(|entry| entry.share_mut(&writer).begun = true);
        if let (Err(_), Some(copy)) = (&written, self.copies.get_mut(index)) {
            copy.begun = false;
        }
        written
    }

    /// Takes the stream over for this writer.
    pub(super) async fn claim(&mut self, index: usize, at: &Entered) -> Result<(), Trouble> {
        let Some(copy) = self.copies.get(index) else {
            return Ok(());
        };
        let draft = BatchDraft {
            kind: Kind::Claim,
            origin: origin(copy, copy.next.line),
            payload: Bytes::new(),
        };
        if let (Some(batch), Some(copy)) = (self.store(draft, false, at).await?, self.copies.get_mut(index)) {
            copy.claim = Some(batch.number);
            self.claimed_by = None;
        }
        Ok(())
    }

    /// Stores a batch behind the log; none where the log is not where we thought: the next turn looks.
    ///
    /// Where another one follows at once (`goes_on`), the summary is left to it: each may be a request of its own.
    async fn store(&mut self, draft: BatchDraft, goes_on: bool, at: &Entered) -> Result<Option<Batch>, Trouble> {
        let Some(log) = &self.log else { return Ok(None) };
        let batch = log.number_draft(draft);
        let summaries = self.lane.key.is_main().then(|| {
            let mut summaries = self.summaries.clone();
            summaries.take(&batch);
            summaries
        });
        let is_wanted = !goes_on || batch.number.is_multiple_of(SUMMARY_EVERY);
        let summary = summaries.as_ref().filter(|_| is_wanted);
        let summary = summary.and_then(|summaries| summaries.to_stored());
        let append = at.store.append(&self.lane.key, &batch, summary.as_ref());
        let stored = at.call_moving(batch.payload.len(), append).await;
        match stored {
            Ok(()) => {
                self.log.as_mut().into_iter().for_each(|log| log.advance(&batch));
                self.summaries = summaries.unwrap_or_default();
                Ok(Some(batch))
            }
            Err(StoreError::Conflict) => {
                self.confirmed = 0;
                self.in_conflict = true;
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The claim of another host that is newer than this copy's.
    pub(super) fn superseded(&self, index: usize) -> Option<(u64, String)> {
        if !self.takes_over() {
            return None;
        }
        let copy = self.copies.get(index)?;
        let (number, by) = self.claimed_by.clone()?;
        let ours = match (copy.claim, copy.is_live) {
            (Some(claim), _) => claim,
            // Alive, and about to take over.
            (None, true) => return None,
            // Dead before it could: what it knew of the stream when it began decides.
            (None, false) => copy.base_number_at(&self.destination.name).unwrap_or_default(),
        };
        (number > ours).then_some((number, by))
    }

    pub(super) fn stop(&mut self, index: usize, number: u64, by: String) {
        if let Some(copy) = self.copies.get_mut(index) {
            copy.is_stopped = true;
        }
        self.announce(What::Superseded { by: by.clone(), number });
        let cause = Box::new(Trouble::Superseded { by, number });
        self.set_state(State::Stopped { cause });
    }

    /// What the next process reads.
    pub(super) fn save_cursor(&self, index: usize) {
        let Some(copy) = self.copies.get(index) else { return };
        let trouble = self.lane.progress().state.cause().map(ToString::to_string);
        let cursor = Cursor {
            key: self.lane.key.clone(),
            position: self.log.as_ref().and_then(Chain::position).filter(|_| copy.begun),
            place: copy.certain_place(),
            trouble,
        };
        on_disk(|| {
            self.shared
                .cursors
                .save(&self.destination.name, copy.stream.writer(), &cursor)
        });
    }

    /// What everybody in this process sees.
    pub(super) fn show(&self, index: usize) {
        let Some(copy) = self.copies.get(index) else { return };
        self.lane.update(|progress| {
            if let Some(delivered) = progress.copies.get_mut(copy.stream.writer()) {
                delivered.place = copy.next;
                delivered.is_grounded = copy.is_grounded;
                delivered.is_even = copy.is_even();
                delivered.position = self.log.as_ref().and_then(Chain::position);
            }
        });
    }

    pub(super) fn show_all(&self) {
        for index in 0..self.copies.len() {
            self.save_cursor(index);
            self.show(index);
        }
    }
}

fn origin(copy: &LocalCopy, line: u64) -> Origin {
    Origin {
        writer: copy.stream.writer().to_owned(),
        line,
    }
}
