//! Lines of a file that may be at a destination already, under whichever writer: it gets those that it lacks.
//!
//! A copy holds a file's lines in order ([`Doubt`]). In the end the log is to hold each of them as often as the file
//! does, whosever they are. So the log's lines are counted, and the file's lines are set off against them one after the
//! other: what is there is passed over, what is lacking is stored. That says the same after every restart, for what was
//! stored on the way is counted with the rest; and it needs no other destination and no record of what was decided.

mod earlier;
mod foresee;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::content::LogLines;
use super::super::destination::Entered;
use super::super::event::What;
use super::super::ledger;
use super::super::on_disk;
use super::super::trouble::Trouble;
use super::Delivery;
use super::copy::LocalCopy;
use super::count::{FileSection, LogCount, NewLines};
use crate::agent_format::{Bag, lines_of};
use crate::spool::{Chunk, Doubt, Place, ReadError};
use crate::store::{Batch, Position, Reader};
pub(super) use earlier::{LOOK, Waits};
use foresee::{Foreseen, foresee};

/// A copy's writer, its [`LogCount::foreseen`], and the lines that arrived.
type Compared = (String, BTreeMap<String, u64>, NewLines);

/// What was stored behind what is known of a log, for each copy that is being compared.
#[derive(Debug)]
pub(super) struct Arrived {
    copies: Vec<Option<Compared>>,
}

impl LocalCopy {
    /// The section of a file that the next line belongs to; `None` if it was not read from a file.
    pub(super) fn section(&self) -> Option<FileSection> {
        let doubts = self.stream.doubts();
        let begun = doubts.iter().rposition(|doubt| doubt.from <= self.next.line)?;
        let end = doubts.get(begun + 1).map_or(u64::MAX, |next| next.from);
        let doubt = *doubts.get(begun)?;
        Some(FileSection { doubt, end })
    }

    /// What is known of the log has to be read again. Lines that were left to another copy and have not come are looked
    /// at again, too: who was to bring them may have had others in mind, or be dead.
    pub(super) fn forget_met(&mut self) {
        self.next = self.certain_place();
        self.met = None;
        self.is_revived = false;
    }

    /// Everything before is there, or is not to be delivered: not what was left to another copy and has not come.
    pub(super) fn certain_place(&self) -> Place {
        let promised = self.met.as_ref().and_then(LogCount::first_promised);
        promised.unwrap_or(self.next)
    }

    /// Goes on where it was when it was forgotten: only what comes behind what is known of the log counts.
    pub(super) fn take_up(&mut self) {
        let section = self.section().filter(|section| section.doubt.to <= self.next.line);
        if let Some(section) = section.filter(|_| self.is_revived && self.met.is_none()) {
            self.met = Some(LogCount::new(section, false));
        }
    }

    /// Whether nothing is known of the log that a process could not find out that knows the cursor alone.
    pub(super) fn may_forget_met(&self) -> bool {
        self.met.as_ref().is_none_or(LogCount::is_even)
    }

    /// Whether no line is there that could stand for one of its next ones.
    pub(super) fn is_even(&self) -> bool {
        match &self.met {
            Some(met) => met.is_even(),
            None => self.is_revived || self.section().is_none(),
        }
    }

    /// Whether lines are gone that the next line is to be compared with.
    pub(super) fn is_pruned(&self) -> bool {
        let start = self.stream.start().line;
        self.section().is_some_and(|section| section.doubt.from < start)
    }

    /// Takes in a batch that was stored behind what is known of the log.
    pub(super) fn hear(&mut self, batch: &Batch) {
        if let Some(met) = &mut self.met {
            let is_own = batch.origin.writer == self.stream.writer();
            met.hear(batch, is_own);
        }
    }

    /// The next lines, before those of the first file that is in doubt.
    pub(super) fn next_certain(&mut self) -> Result<Option<Chunk>, ReadError> {
        let Some(mut chunk) = self.read()? else {
            return Ok(None);
        };
        let end = first_doubt(&self.stream.doubts());
        if end < chunk.next.line {
            let certain = (chunk.first.line..end).zip(lines_of(&chunk.payload));
            let bytes = certain.map(|(_, line)| line.len() + 1).sum();
            chunk.next = chunk.first.after(end - chunk.first.line, bytes as u64);
            chunk.payload.truncate(bytes);
        }
        Ok(Some(chunk))
    }

    /// Goes behind the lines that are there, and gives those behind them that are lacking; `None` where none is among
    /// the next ones, or they are of another file than the one that was compared.
    fn next_lacking(&mut self) -> Result<Option<Chunk>, ReadError> {
        let chunk = self.read()?;
        // Asked behind the lines: a file that was found meanwhile was noted before its first line was there.
        let section = self.section();
        let met = self.met.as_mut().filter(|met| Some(met.section) == section);
        let (Some(chunk), Some(met)) = (chunk, met) else {
            return Ok(None);
        };
        let mut next = chunk.first;
        let mut lacking = (0, 0);
        for (number, line) in (next.line..met.section.end).zip(lines_of(&chunk.payload)) {
            let is_there = met.holds(line) || met.keeps_back(number, line);
            match (is_there, lacking) {
                (true, (0, _)) => {
                    met.pass(next, line);
                    next = next.after(1, line.len() as u64 + 1);
                }
                (true, _) => break,
                (false, (lines, bytes)) => lacking = (lines + 1, bytes + line.len() as u64 + 1),
            }
        }
        self.next = next;
        let (count, bytes) = lacking;
        let end = next.after(count, bytes);
        let at = |offset: u64| usize::try_from(offset - chunk.first.offset).unwrap_or(usize::MAX);
        Ok((count > 0).then(|| Chunk {
            first: next,
            next: end,
            payload: chunk.payload.slice(at(next.offset)..at(end.offset)),
        }))
    }
}

impl Arrived {
    pub(super) fn for_each(copies: &[LocalCopy]) -> Self {
        let of = |copy: &LocalCopy| {
            let met = copy.met.as_ref()?;
            let writer = copy.stream.writer().to_owned();
            Some((writer, met.foreseen.clone(), NewLines::default()))
        };
        Self {
            copies: copies.iter().map(of).collect(),
        }
    }

    pub(super) fn hear(&mut self, batch: &Batch) {
        for (writer, foreseen, heard) in self.copies.iter_mut().flatten() {
            heard.hear(batch, batch.origin.writer == *writer, foreseen);
        }
    }

    pub(super) fn give_to(self, copies: &mut [LocalCopy]) {
        for (copy, arrived) in copies.iter_mut().zip(self.copies) {
            if let (Some(met), Some((_, _, heard))) = (&mut copy.met, arrived) {
                met.take_in(&heard);
            }
        }
    }
}

impl Delivery {
    /// The next lines of a file that the destination lacks; `None` where it has them, or its log went on meanwhile.
    pub(super) async fn lacking(&mut self, index: usize, at: &Entered) -> Result<Option<Chunk>, Trouble> {
        self.copies.get_mut(index).into_iter().for_each(LocalCopy::take_up);
        let is_met = |copy: &LocalCopy| copy.met.as_ref().map(|met| met.section) == copy.section();
        if !self.copies.get(index).is_some_and(is_met) && !self.compare(index, at).await? {
            self.confirmed = 0;
            return Ok(None);
        }
        let Some(copy) = self.copies.get_mut(index) else {
            return Ok(None);
        };
        let lacking = on_disk(|| copy.next_lacking())?;
        let (next, is_behind) = (copy.next.line, copy.has_lines());
        if let Some(kept) = copy.met.as_mut().and_then(|met| met.take_kept(next, is_behind)) {
            let writer = copy.stream.writer().to_owned();
            self.announce(What::KeptBack {
                writer,
                lines: (kept.first, kept.last),
                count: kept.count,
            });
        }
        let waits = lacking.is_some() && self.waits_for_earlier(index)?;
        if lacking.is_none() {
            self.save_cursor(index);
            self.show(index);
        }
        Ok(lacking.filter(|_| !waits))
    }

    /// Counts what the log holds beside a copy's file, all of it; false where the log is not as we know it any more.
    async fn compare(&mut self, index: usize, at: &Entered) -> Result<bool, Trouble> {
        let Some(copy) = self.copies.get_mut(index) else {
            return Ok(false);
        };
        // Behind a file, what was left to others is theirs.
        if copy.met.as_ref().map(|met| met.section.doubt.from) == copy.section().map(|section| section.doubt.from) {
            copy.forget_met();
        }
        let Some(section) = copy.section() else {
            return Ok(false);
        };
        let (stream, is_pruned) = (copy.stream.clone(), copy.is_pruned());
        let others = on_disk(|| stream.others(|writer| self.is_reckoned_with(writer)));
        let others = others.map_err(|error| Trouble::Others(Arc::new(error)))?;
        if is_pruned {
            // What pruned it wrote down how the log was then.
            self.entry = None;
        }
        let entry = self.read_ledger()?.clone();
        let share = entry.share(stream.writer());
        let even = share.even.filter(|_| is_pruned);
        let mut read = match self.read.take().filter(|read| read.chain == self.log && !is_pruned) {
            Some(read) => read,
            None => self.read_lines(at, even.and_then(|even| even.position)).await?,
        };
        if read.chain != self.log {
            return Ok(false);
        }
        let is_deleted = read.has_tombstone || self.keeps_back();
        let mut met = LogCount::new(section, is_deleted);
        on_disk(|| -> Result<(), ReadError> {
            let mut foreseen = Vec::new();
            for other in &others {
                foreseen.extend(foresee(&mut read, other, &entry)?);
            }
            foreseen.extend(self.foresee_here(index, &mut read, &entry)?);
            // Of a pruned file it is not known any more what stands for its first lines: where the log is another one
            // than it was then, nothing that is there stands for the rest, but what comes from now on.
            let Some(lines) = read.behind_place().filter(|_| !is_pruned || even.is_some()) else {
                return Ok(());
            };
            met.others = lines;
            for Foreseen { writer, end, coming } in foreseen {
                met.coming.add_all(&coming);
                met.foreseen.insert(writer, end);
            }
            if is_deleted {
                met.gone = self.lines_gone(&entry)?;
            }
            let from = share.from_line.max(even.map_or(0, |even| even.line));
            self.copies
                .get(index)
                .map_or(Ok(()), |copy| met.set_off(&copy.stream, copy.next.line, from))
        })?;
        if let Some(copy) = self.copies.get_mut(index) {
            copy.met = Some(met);
        }
        Ok(true)
    }

    /// All lines of the log, those up to a place told from those behind it.
    async fn read_lines(&self, at: &Entered, place: Option<Position>) -> Result<LogLines, Trouble> {
        if let Some(empty) = self.log.as_ref().filter(|log| log.position().is_none()) {
            return Ok(LogLines::from_place(place).up_to(empty.clone()));
        }
        let log = self.log_at(at);
        let mut reader = Reader::new(log.store.clone(), log.key.clone());
        let mut read = LogLines::from_place(place);
        while let Some(batch) = log.next(&mut reader).await.map_err(|error| at.failed(error))? {
            read.note(&batch);
        }
        Ok(read.up_to(reader.chain().clone()))
    }

    /// Lines of this disk's copies that were deleted at the destination: a process that finds their file may not know
    /// of them.
    fn lines_gone(&self, entry: &ledger::LedgerEntry) -> Result<Bag, ReadError> {
        let mut gone = Bag::default();
        for copy in &self.copies {
            let (stream, end) = (&copy.stream, entry.share(copy.stream.writer()).from_line);
            let (mut held, mut place) = (Bag::default(), stream.start());
            while place.line < end
                && let Some(chunk) = stream.read(place)?
            {
                let lines = (place.line..end).zip(lines_of(&chunk.payload));
                lines.for_each(|(_, line)| held.add(line));
                place = chunk.next;
            }
            gone.raise_to(&held);
        }
        Ok(gone)
    }
}

/// The line from which on a copy holds lines of files that are in doubt.
fn first_doubt(doubts: &[Doubt]) -> u64 {
    doubts.first().map_or(u64::MAX, |doubt| doubt.from)
}

#[cfg(test)]
mod tests;
