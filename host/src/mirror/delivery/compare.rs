//! Lines of a file that may be at a destination already, under whichever writer: it gets those that it lacks.
//!
//! A copy holds a file's lines in order ([`Doubt`]). In the end the log is to hold each of them as often as the file
//! does, whosever they are. So the log's lines are counted, and the file's lines are set off against them one after the
//! other: what is there is passed over, what is lacking is stored. That says the same after every restart, for what was
//! stored on the way is counted with the rest; and it needs no other destination and no record of what was decided.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::content::LogLines;
use super::super::destination::Entered;
use super::super::event::What;
use super::super::ledger;
use super::super::on_disk;
use super::super::trouble::Trouble;
use super::Delivery;
use super::confirm::failed;
use super::copy::LocalCopy;
use crate::spool::{Chunk, Doubt, Other, ReadError, StreamLook};
use crate::store::{Batch, Kind, Position, Reader};
use crate::transcript::{Bag, lines_of, metadata};

/// The lines of one file in a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileSection {
    doubt: Doubt,
    /// Here the next file begins.
    end: u64,
}

/// What a log holds beside the lines of a section that were set off against it.
#[derive(Debug)]
pub(super) struct LogCount {
    section: FileSection,
    /// Lines that stand for none of the section's.
    others: Bag,
    /// By writer: its lines before these are counted, although they may come later. A spool on this disk holds them.
    foreseen: BTreeMap<String, u64>,
    /// What the file held when it was found is not to come back,
    is_deleted: bool,
    /// nor are these lines, which copies on this disk held when it was deleted.
    gone: Bag,
    /// Lines that were kept back and not told of.
    kept: Option<Kept>,
}

/// Lines that are not brought back.
#[derive(Clone, Copy, Debug)]
struct Kept {
    first: u64,
    last: u64,
    count: u64,
}

/// A copy's writer, its [`LogCount::foreseen`], and the lines that arrived.
type Compared = (String, BTreeMap<String, u64>, Bag);

/// Lines that others stored behind what is known of a log, for each copy that is being compared.
#[derive(Debug)]
pub(super) struct Arrived {
    copies: Vec<Option<Compared>>,
}

impl LocalCopy {
    /// The lines of a file that the next line is one of; `None` where it is no file's.
    pub(super) fn section(&self) -> Option<FileSection> {
        let doubts = self.stream.doubts();
        let begun = doubts.iter().rposition(|doubt| doubt.from <= self.next.line)?;
        let end = doubts.get(begun + 1).map_or(u64::MAX, |next| next.from);
        let doubt = *doubts.get(begun)?;
        Some(FileSection { doubt, end })
    }

    /// What is known of the log has to be read again.
    pub(super) fn forget_met(&mut self) {
        self.met = None;
        self.is_revived = false;
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
            hear(batch, is_own, &met.foreseen, &mut met.others);
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
    /// the next ones.
    fn next_lacking(&mut self) -> Result<Option<Chunk>, ReadError> {
        let (Some(chunk), Some(met)) = (self.read()?, &mut self.met) else {
            return Ok(None);
        };
        let mut next = chunk.first;
        let mut lacking = (0, 0);
        for (number, line) in (next.line..met.section.end).zip(lines_of(&chunk.payload)) {
            let is_there = met.holds(line) || met.keeps_back(number, line);
            match (is_there, lacking) {
                (true, (0, _)) => {
                    met.pass(number, line);
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

impl LogCount {
    fn new(section: FileSection, is_deleted: bool) -> Self {
        Self {
            section,
            others: Bag::default(),
            foreseen: BTreeMap::new(),
            is_deleted,
            gone: Bag::default(),
            kept: None,
        }
    }

    fn is_even(&self) -> bool {
        self.others.is_empty() && self.foreseen.is_empty()
    }

    fn holds(&self, line: &[u8]) -> bool {
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

    fn keeps_back(&self, number: u64, line: &[u8]) -> bool {
        self.is_deleted && (self.was_taken(number) || self.gone.has(line))
    }

    fn was_taken(&self, number: u64) -> bool {
        number < self.section.doubt.from + self.section.doubt.taken
    }

    /// A line is not to be stored.
    fn pass(&mut self, number: u64, line: &[u8]) {
        if self.holds(line) {
            self.others.take(line);
            return;
        }
        self.gone.take(line);
        let first = self.kept.map_or(number, |kept| kept.first);
        let count = self.kept.map_or(1, |kept| kept.count + 1);
        let last = number;
        self.kept = Some(Kept { first, last, count });
    }

    /// What was kept back, once nothing more of it is to come for now.
    fn take_kept(&mut self, next: u64, is_behind: bool) -> Option<Kept> {
        match is_behind && self.was_taken(next) {
            true => None,
            false => self.kept.take(),
        }
    }

    /// Sets off the section's lines before the next one: a copy that was compared by another process goes on.
    fn set_off(&mut self, copy: &LocalCopy, from_line: u64) -> Result<(), ReadError> {
        let start = copy.stream.start();
        let from = self.section.doubt.from.max(from_line).max(start.line);
        if from >= copy.next.line {
            return Ok(());
        }
        let mut place = copy.stream.find(from)?;
        while let Some(chunk) = copy.stream.read(place)? {
            for (_, line) in (place.line..copy.next.line).zip(lines_of(&chunk.payload)) {
                self.others.take(line);
            }
            place = chunk.next;
            if place.line >= copy.next.line {
                break;
            }
        }
        Ok(())
    }
}

impl Arrived {
    pub(super) fn for_each(copies: &[LocalCopy]) -> Self {
        let of = |copy: &LocalCopy| {
            let met = copy.met.as_ref()?;
            Some((copy.stream.writer().to_owned(), met.foreseen.clone(), Bag::default()))
        };
        Self {
            copies: copies.iter().map(of).collect(),
        }
    }

    pub(super) fn hear(&mut self, batch: &Batch) {
        for (writer, foreseen, others) in self.copies.iter_mut().flatten() {
            hear(batch, batch.origin.writer == *writer, foreseen, others);
        }
    }

    pub(super) fn give_to(self, copies: &mut [LocalCopy]) {
        for (copy, arrived) in copies.iter_mut().zip(self.copies) {
            if let (Some(met), Some((_, _, others))) = (&mut copy.met, arrived) {
                met.others.add_all(&others);
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
        if lacking.is_none() {
            self.save_cursor(index);
            self.show(index);
        }
        Ok(lacking)
    }

    /// Counts what the log holds beside a copy's file, all of it; false where the log is not as we know it any more.
    async fn compare(&mut self, index: usize, at: &Entered) -> Result<bool, Trouble> {
        let Some(copy) = self.copies.get(index) else {
            return Ok(false);
        };
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
            for other in &others {
                let end = foresee(&mut read, other, &entry)?;
                if end > other.look.start().line {
                    met.foreseen.insert(other.writer.clone(), end);
                }
            }
            met.foreseen.extend(self.foresee_here(index, &mut read, &entry)?);
            // Of a pruned file it is not known any more what stands for its first lines: where the log is another one
            // than it was then, nothing that is there stands for the rest, but what comes from now on.
            let Some(lines) = read.behind_place().filter(|_| !is_pruned || even.is_some()) else {
                met.foreseen.clear();
                return Ok(());
            };
            met.others = lines;
            if is_deleted {
                met.gone = self.lines_gone(&entry)?;
            }
            let from = share.from_line.max(even.map_or(0, |even| even.line));
            self.copies.get(index).map_or(Ok(()), |copy| met.set_off(copy, from))
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
        while let Some(batch) = log.next(&mut reader).await.map_err(|error| failed(at, error))? {
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

    /// Counts what waits beside a copy in this very lane and is delivered without being compared, and gives by writer
    /// how far that reaches. Of files in doubt there, each is compared with what was stored before.
    fn foresee_here(
        &self,
        index: usize,
        read: &mut LogLines,
        entry: &ledger::LedgerEntry,
    ) -> Result<Vec<(String, u64)>, ReadError> {
        let mut foreseen = Vec::new();
        let beside = self.copies.iter().enumerate().filter(|(at, _)| *at != index);
        for (_, copy) in beside.filter(|(_, copy)| !copy.is_stopped) {
            let (stream, writer) = (&copy.stream, copy.stream.writer());
            let from = copy.next.line.max(entry.share(writer).from_line);
            let end = first_doubt(&stream.doubts()).min(stream.end().line);
            if from >= end {
                continue;
            }
            let (mut coming, mut place) = (Bag::default(), stream.find(from)?);
            while place.line < end
                && let Some(chunk) = stream.read(place)?
            {
                for (number, line) in (place.line..end).zip(lines_of(&chunk.payload)) {
                    if !read.has(writer, number) {
                        coming.add(line);
                    }
                }
                place = chunk.next;
            }
            read.lines.add_all(&coming);
            foreseen.push((writer.to_owned(), end));
        }
        Ok(foreseen)
    }

    /// Whether a writer's lines are in this lane, or it is known to have none.
    fn is_reckoned_with(&self, writer: &str) -> bool {
        let is_here = self.copies.iter().any(|copy| copy.stream.writer() == writer);
        // Among the news there may be a copy of its that has not been looked at.
        is_here || self.shared.is_adopted_whole(writer) && self.lane.progress().copies.get(writer).is_none()
    }
}

/// Counts what another writer's spool will bring, so that it need not be waited for; and gives how far that reaches.
///
/// Of two copies of a file, the younger one gives way: else each could leave a line to the other.
fn foresee(read: &mut LogLines, other: &Other, entry: &ledger::LedgerEntry) -> Result<u64, ReadError> {
    let doubts = other.look.doubts();
    let from_line = entry.share(&other.writer).from_line;
    let first_doubt = first_doubt(doubts);
    let mut coming = Bag::default();
    each_line(&other.look, from_line, first_doubt, |number, line| {
        if !read.has(&other.writer, number) {
            coming.add(line);
        }
    })?;
    read.lines.add_all(&coming);
    if !doubts.is_empty() && !other.is_older {
        return Ok(first_doubt);
    }
    for (index, doubt) in doubts.iter().enumerate() {
        // It brings what is lacking of a file by then.
        let end = doubts.get(index + 1).map_or(u64::MAX, |next| next.from);
        let kept_back = if read.has_tombstone {
            doubt.from + doubt.taken
        } else {
            0
        };
        let mut file = Bag::default();
        let from = doubt.from.max(from_line).max(kept_back);
        each_line(&other.look, from, end, |_, line| file.add(line))?;
        read.lines.raise_to(&file);
    }
    Ok(other.look.end().line)
}

/// The line from which on a copy holds lines of files that are in doubt.
fn first_doubt(doubts: &[Doubt]) -> u64 {
    doubts.first().map_or(u64::MAX, |doubt| doubt.from)
}

/// Counts a batch's lines, but for those that were counted before they came.
fn hear(batch: &Batch, is_own: bool, foreseen: &BTreeMap<String, u64>, others: &mut Bag) {
    if batch.kind != Kind::Entries {
        return;
    }
    let counted = foreseen.get(&batch.origin.writer).copied().unwrap_or_default();
    for (number, line) in (batch.origin.line..).zip(lines_of(&batch.payload)) {
        let is_metadata = metadata::is_metadata(line);
        // Of its own lines each was set off when it was stored.
        if is_metadata {
            others.metadata = Some(line.to_owned());
        } else if !is_own && number >= counted {
            others.add(line);
        }
    }
}

/// Shows a spool's lines from one on and before another one.
fn each_line(stream: &StreamLook, from: u64, end: u64, mut show: impl FnMut(u64, &[u8])) -> Result<(), ReadError> {
    let (from, end) = (from.max(stream.start().line), end.min(stream.end().line));
    if from >= end {
        return Ok(());
    }
    let mut place = stream.find(from)?;
    while let Some(chunk) = stream.read(place)? {
        for (number, line) in (place.line..end).zip(lines_of(&chunk.payload)) {
            show(number, line);
        }
        place = chunk.next;
        if place.line >= end {
            break;
        }
    }
    Ok(())
}
