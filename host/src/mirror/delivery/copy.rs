//! One writer's copy of the stream, as a turn sees it: what is to be delivered next, and whether it fills a batch.

use std::sync::Arc;

use super::super::cursor::Cursor;
use super::super::lane::Copied;
use super::super::ledger::Share;
use super::super::on_disk;
use super::Delivery;
use super::count::LogCount;
use super::due::WaitingLines;
use crate::spool::{Chunk, Place, ReadError, Stream};
use crate::store::Position;

/// One writer's copy of the stream, and how far the destination has it.
#[derive(Debug)]
pub(super) struct LocalCopy {
    pub(super) stream: Arc<Stream>,
    /// This process's own: it grows.
    pub(super) is_live: bool,
    /// Everything before is there, or is not to be delivered.
    pub(super) next: Place,
    /// Lines before this one are due.
    pub(super) due_before: u64,
    /// A batch of it may be there.
    pub(super) begun: bool,
    /// Where the log ended when its cursor was written; none without one.
    pub(super) position: Option<Position>,
    /// It was looked for in the log since it is here.
    pub(super) is_met: bool,
    /// The number of its claim, if there is one.
    pub(super) claim: Option<u64>,
    /// What comes before its first line is there.
    pub(super) is_grounded: bool,
    /// Another host took the stream over.
    pub(super) is_stopped: bool,
    /// What the log holds beside it, where its next lines may be there under other writers.
    pub(super) met: Option<LogCount>,
    /// It was dropped from memory while it was quiet; by then every line of the log stood for one of its lines.
    pub(super) is_revived: bool,
}

impl LocalCopy {
    pub(super) fn new(copied: Copied, cursor: Option<&Cursor>) -> Self {
        let Copied { stream, is_live } = copied;
        let (start, end) = (stream.start(), stream.end());
        // Without a position nobody was there: the ledger says which lines are not to be delivered.
        let cursor = cursor.filter(|cursor| cursor.position.is_some());
        let position = cursor.and_then(|cursor| cursor.position);
        Self {
            is_live,
            next: cursor.map_or(start, |cursor| cursor.place.clamp(start, end)),
            due_before: due_at_first(is_live),
            begun: position.is_some(),
            position,
            is_met: false,
            claim: None,
            is_grounded: position.is_some() || stream.base().stored.is_none(),
            is_stopped: false,
            met: None,
            is_revived: is_live && position.is_some(),
            stream,
        }
    }

    /// Whether it is as it was taken in.
    pub(super) fn is_untouched(&self) -> bool {
        self.due_before == due_at_first(self.is_live) && !self.is_met && self.met.is_none() && !self.is_stopped
    }

    /// Whether lines wait, or what comes before them.
    pub(super) fn is_behind(&self) -> bool {
        !self.is_stopped && (!self.is_grounded || self.has_lines())
    }

    pub(super) fn has_lines(&self) -> bool {
        self.next.line < self.stream.end().line
    }

    /// What waits from a line on.
    pub(super) fn waiting_from(&self, next: Place) -> WaitingLines {
        let end = self.stream.end();
        WaitingLines {
            lines: end.line.saturating_sub(next.line),
            bytes: end.offset.saturating_sub(next.offset),
            is_asked_for: next.line < self.due_before.min(end.line),
        }
    }

    /// What the ledger says.
    pub(super) fn know(&mut self, share: Share) {
        self.begun |= share.begun;
    }

    /// The batch before its first line, where a destination holds it.
    pub(super) fn base_position(&self) -> Option<Position> {
        self.stream.base().stored.map(|stored| stored.position)
    }

    /// Its number, where it is this destination that holds it: others number as they go.
    pub(super) fn base_number_at(&self, destination: &str) -> Option<u64> {
        let stored = self.stream.base().stored;
        let here = stored.filter(|stored| stored.destination == destination);
        here.map(|stored| stored.position.number)
    }

    /// The next lines. A place is a hint: where no line begins there, the line is looked for.
    pub(super) fn read(&mut self) -> Result<Option<Chunk>, ReadError> {
        match on_disk(|| self.stream.read(self.next)) {
            Err(ReadError::Misplaced { place, .. }) => {
                self.next = on_disk(|| self.stream.find(place.line))?;
                on_disk(|| self.stream.read(self.next))
            }
            chunk => chunk,
        }
    }

    /// Goes to a line, or as near to it as the copy reaches.
    pub(super) fn go_to(&mut self, line: u64) -> Result<(), ReadError> {
        let (start, end) = (self.stream.start(), self.stream.end());
        let next = match line {
            line if line == self.next.line && self.next >= start => self.next,
            line if line <= start.line => start,
            line if line >= end.line => end,
            line => on_disk(|| self.stream.find(line))?,
        };
        if next != self.next {
            // The lines in between were not set off.
            self.forget_met();
        }
        self.next = next;
        Ok(())
    }
}

/// Up to which line a copy is due when it is taken in: what a dead process left, at once.
fn due_at_first(is_live: bool) -> u64 {
    if is_live { 0 } else { u64::MAX }
}

impl Delivery {
    /// Takes a copy in. Where the log may hold more of it than its cursor says, it is looked at again.
    pub(super) fn add(&mut self, copied: Copied) {
        let writer = copied.stream.writer().to_owned();
        if self.copies.iter().any(|copy| copy.stream.writer() == writer) {
            return;
        }
        // Of this process's own, too: what is quiet for long is forgotten in memory.
        let load = || {
            let cursors = &self.shared.cursors;
            cursors.load(&self.destination.name, &writer, &self.lane.key)
        };
        let cursor = on_disk(load);
        let mut copy = LocalCopy::new(copied, cursor.as_ref());
        if let Some(entry) = &self.entry {
            copy.know(entry.share(&writer));
        }
        self.confirmed = 0;
        // Ours last: what is behind comes first.
        let at = match copy.is_live {
            true => self.copies.len(),
            false => self.copies.iter().take_while(|copy| !copy.is_live).count(),
        };
        self.copies.insert(at, copy);
    }
}
