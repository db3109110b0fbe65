//! The lines of a destination's log: what they say, and whose they are.

use std::collections::BTreeMap;
use std::ops::Range;

use super::survey::lines;
use crate::agent_format::Bag;
use crate::store::{Batch, Chain, Kind, Position};

/// All lines of a log.
#[derive(Debug, Default)]
pub(super) struct LogLines {
    pub(super) lines: Bag,
    /// By writer: which of its lines are there.
    present: BTreeMap<String, Vec<Range<u64>>>,
    pub(super) has_tombstone: bool,
    /// Of `lines`, those up to a place,
    before: Bag,
    place: Option<Position>,
    /// which the log holds, or which was deleted with all before it.
    is_place_there: bool,
    /// Where the log ended; `None` while it is read.
    pub(super) chain: Option<Chain>,
}

impl LogLines {
    pub(super) fn note(&mut self, batch: &Batch) {
        match batch.kind {
            Kind::Tombstone => self.has_tombstone = true,
            Kind::Claim => {}
            Kind::Entries => {
                self.lines.add_payload(&batch.payload);
                if self.is_before(batch.number) {
                    self.before.add_payload(&batch.payload);
                }
                self.note_origin(batch);
            }
        }
        let is_later = batch.kind == Kind::Tombstone && !self.is_before(batch.number);
        self.is_place_there |= is_later || self.place == Some(batch.position());
    }

    /// None read yet, and those up to a place to be told from those behind it.
    pub(super) fn from_place(place: Option<Position>) -> Self {
        Self {
            place,
            is_place_there: place.is_none(),
            ..Self::default()
        }
    }

    /// The lines behind the place; `None` where the log is another one than it was then.
    pub(super) fn behind_place(mut self) -> Option<Bag> {
        self.lines.take_all(&self.before);
        self.is_place_there.then_some(self.lines)
    }

    fn is_before(&self, number: u64) -> bool {
        self.place.is_some_and(|place| number <= place.number)
    }

    /// Takes in whose a batch is, and not what it says.
    pub(super) fn note_origin(&mut self, batch: &Batch) {
        if batch.kind != Kind::Entries {
            return;
        }
        let range = batch.origin.line..batch.origin.line + lines(&batch.payload);
        let present = self.present.entry(batch.origin.writer.clone()).or_default();
        match present.last_mut() {
            Some(last) if last.end == range.start => last.end = range.end,
            _ => present.push(range),
        }
    }

    pub(super) fn up_to(self, chain: Chain) -> Self {
        let chain = Some(chain);
        Self { chain, ..self }
    }

    pub(super) fn has(&self, writer: &str, line: u64) -> bool {
        let present = self.present.get(writer);
        present.is_some_and(|ranges| ranges.iter().any(|range| range.contains(&line)))
    }
}
