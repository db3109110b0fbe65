//! What a log holds beside a file's lines: the account that tells a line that is there from one that is lacking.

use std::collections::BTreeMap;

use crate::agent_format::{Bag, lines_of, metadata};
use crate::spool::{Doubt, Place, ReadError, Stream};
use crate::store::{Batch, Kind};

/// The lines of one file in a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileSection {
    pub(super) doubt: Doubt,
    /// Here the next file begins.
    pub(super) end: u64,
}

/// What a log holds beside the lines of a section that were set off against it.
#[derive(Debug)]
pub(super) struct LogCount {
    pub(super) section: FileSection,
    /// Lines of the log, stored or still to come, that stand for no line of the section.
    pub(super) others: Bag,
    /// Of these, the ones that no batch has brought yet.
    pub(super) coming: Bag,
    /// Lines of the section that were passed over for lines that no batch has brought yet. What stands behind them in
    /// the file comes behind them in the log.
    promised: Bag,
    /// The place of the first of them, of those that were passed since none were left.
    promised_from: Option<Place>,
    /// By writer: its lines before these are counted, although they may come later. A spool on this disk holds them.
    pub(super) foreseen: BTreeMap<String, u64>,
    /// What the file held when it was found is not to come back,
    is_deleted: bool,
    /// nor are these lines, which copies on this disk held when it was deleted.
    pub(super) gone: Bag,
    /// Lines that were kept back and not told of.
    kept: Option<Kept>,
}

/// Lines that are not brought back.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kept {
    pub(super) first: u64,
    pub(super) last: u64,
    pub(super) count: u64,
}

/// Lines that were stored behind what is known of a log.
#[derive(Debug, Default)]
pub(super) struct NewLines {
    others: Bag,
    /// Lines that were counted before they came.
    came: Bag,
}

impl LogCount {
    pub(super) fn new(section: FileSection, is_deleted: bool) -> Self {
        Self {
            section,
            others: Bag::default(),
            coming: Bag::default(),
            promised: Bag::default(),
            promised_from: None,
            foreseen: BTreeMap::new(),
            is_deleted,
            gone: Bag::default(),
            kept: None,
        }
    }

    pub(super) fn is_even(&self) -> bool {
        self.others.is_empty() && self.foreseen.is_empty()
    }

    /// Whether a line that was passed over is not stored yet.
    pub(super) fn awaits_lines(&self) -> bool {
        !self.promised.is_empty()
    }

    /// The place of the first line that was passed over and may not be stored yet.
    pub(super) fn first_promised(&self) -> Option<Place> {
        self.promised_from.filter(|_| self.awaits_lines())
    }

    /// Passed lines are waited for no longer.
    pub(super) fn await_no_more(&mut self) {
        self.promised = Bag::default();
        self.coming = Bag::default();
    }

    pub(super) fn holds(&self, line: &[u8]) -> bool {
        match metadata::is_metadata(line) {
            // In no file: of these the last one counts.
            true => self
                .others
                .metadata
                .as_deref()
                .is_some_and(|last| metadata::same(last, line)),
            false => self.others.has(line),
        }
    }

    pub(super) fn keeps_back(&self, number: u64, line: &[u8]) -> bool {
        self.is_deleted && (self.was_taken(number) || self.gone.has(line))
    }

    fn was_taken(&self, number: u64) -> bool {
        number < self.section.doubt.from + self.section.doubt.taken
    }

    /// The line at a place is not to be stored.
    pub(super) fn pass(&mut self, at: Place, line: &[u8]) {
        let number = at.line;
        if self.holds(line) {
            self.take(at, line);
            return;
        }
        self.gone.take(line);
        let first = self.kept.map_or(number, |kept| kept.first);
        let count = self.kept.map_or(1, |kept| kept.count + 1);
        let last = number;
        self.kept = Some(Kept { first, last, count });
    }

    /// Sets a line off. One that is there stands for it before one that is still to come.
    fn take(&mut self, at: Place, line: &[u8]) {
        // A metadata entry has no place among the lines of a file.
        let is_counted = !self.coming.is_empty() && !metadata::is_metadata(line);
        if is_counted && self.coming.count(line) >= self.others.count(line) && self.coming.take(line) {
            if self.promised.is_empty() {
                self.promised_from = Some(at);
            }
            self.promised.add(line);
        }
        self.others.take(line);
    }

    /// What was kept back, once nothing more of it is to come for now.
    pub(super) fn take_kept(&mut self, next: u64, is_behind: bool) -> Option<Kept> {
        match is_behind && self.was_taken(next) {
            true => None,
            false => self.kept.take(),
        }
    }

    /// Sets off lines of the section that come before a copy's next one: a copy that was compared by another process
    /// goes on.
    pub(super) fn set_off(&mut self, stream: &Stream, next: u64, from_line: u64) -> Result<(), ReadError> {
        let from = self.section.doubt.from.max(from_line).max(stream.start().line);
        if from >= next {
            return Ok(());
        }
        let mut place = stream.find(from)?;
        while let Some(chunk) = stream.read(place)? {
            let mut at = place;
            for (_, line) in (place.line..next).zip(lines_of(&chunk.payload)) {
                self.take(at, line);
                at = at.after(1, line.len() as u64 + 1);
            }
            place = chunk.next;
            if place.line >= next {
                break;
            }
        }
        Ok(())
    }

    /// Takes in a batch that was stored behind what is known of the log.
    pub(super) fn hear(&mut self, batch: &Batch, is_own: bool) {
        let mut heard = NewLines::default();
        heard.hear(batch, is_own, &self.foreseen);
        self.take_in(&heard);
    }

    pub(super) fn take_in(&mut self, heard: &NewLines) {
        self.others.add_all(&heard.others);
        let not_promised = self.promised.take_all(&heard.came);
        self.coming.take_all(&not_promised);
    }
}

impl NewLines {
    /// Counts a batch's lines, but for those that were counted before they came.
    pub(super) fn hear(&mut self, batch: &Batch, is_own: bool, foreseen: &BTreeMap<String, u64>) {
        if batch.kind != Kind::Entries {
            return;
        }
        let counted = foreseen.get(&batch.origin.writer).copied().unwrap_or_default();
        for (number, line) in (batch.origin.line..).zip(lines_of(&batch.payload)) {
            if metadata::is_metadata(line) {
                self.others.metadata = Some(line.to_owned());
            } else if number < counted {
                self.came.add(line);
            } else if !is_own {
                // Of its own lines each was set off when it was stored.
                self.others.add(line);
            }
        }
    }
}
