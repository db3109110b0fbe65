//! One transcript: its slots, its tombstones.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::PathBuf;

use mirrorbox_adapter::{Batch, Error, Piece, Position, Result, SessionKey};

use crate::batch_file::{self, BatchFile};
use crate::disk::{self, Temporary};
use crate::layout::{self, Layout};

const BATCH: &str = ".jsonl";
const MARK: &str = "";

/// The folder of one transcript.
#[derive(Debug)]
pub(crate) struct Stream<'a> {
    pub(crate) layout: &'a Layout,
    pub(crate) key: &'a SessionKey,
    pub(crate) dir: PathBuf,
}

impl<'a> Stream<'a> {
    pub(crate) fn new(layout: &'a Layout, key: &'a SessionKey) -> Self {
        let dir = layout.stream(key);
        Self { layout, key, dir }
    }

    /// Puts a batch into its slot and makes it durable.
    pub(crate) fn put(&self, batch: &Batch) -> Result<()> {
        let slot = self.slot(batch.number);
        let header = batch_file::header(self.key, batch)?;
        let written = Temporary::write(self.layout, &[&header, &batch.payload]);
        let written = written.map_err(|error| disk::failed_change("write for", &slot, error))?;
        let linked = match written.link(&slot) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => false,
            linked => linked
                .map(|()| true)
                .map_err(|error| disk::failed_change("create", &slot, error))?,
        };
        drop(written);
        if !linked && !self.holds(batch)? {
            return Err(Error::Conflict);
        }
        disk::sync_dir(&self.dir).map_err(|error| disk::failed_change("sync", &self.dir, error))?;
        if self.newest_tombstone()? <= batch.number {
            return Ok(());
        }
        if linked {
            disk::remove(&slot).map_err(|error| disk::failed_change("remove", &slot, error))?;
        }
        Err(Error::Conflict)
    }

    /// Whether this very batch is stored.
    fn holds(&self, batch: &Batch) -> Result<bool> {
        let stored = self.open(batch.number)?;
        Ok(stored.is_some_and(|stored| stored.digest() == batch.digest))
    }

    /// Announces a tombstone, durably, before it takes its slot.
    pub(crate) fn mark(&self, number: u64) -> Result<()> {
        let marks = self.marks_dir();
        let mark = layout::numbered(&marks, number, MARK);
        let marked = disk::create_dir(&marks)
            .and_then(|()| disk::sync_dir(&self.dir))
            .and_then(|()| disk::touch(&mark))
            .and_then(|()| disk::sync_dir(&marks));
        marked.map_err(|error| disk::failed_change("create", &mark, error))
    }

    /// The number of the newest tombstone that stands; 0 where none does.
    pub(crate) fn newest_tombstone(&self) -> Result<u64> {
        let mut seen = self.marks()?;
        let mut marks = seen.clone();
        while let Some(number) = marks.pop_last() {
            match self.open(number)? {
                Some(slot) if slot.is_tombstone() => return Ok(number),
                Some(_) => {}
                // It never stood, or was removed below a newer one, whose mark is there by now.
                None => {
                    let again = self.marks()?;
                    marks.extend(again.difference(&seen));
                    seen = again;
                }
            }
        }
        Ok(0)
    }

    /// A page of batches after that number.
    pub(crate) fn load(&self, after: u64, max_bytes: u32) -> Result<Vec<Batch>> {
        let mut page = Vec::new();
        let mut bytes = 0;
        let Some(mut next) = self.first_after(after)? else {
            return Ok(page);
        };
        while page.is_empty() || bytes < max_bytes as usize {
            match self.read(next) {
                Ok(Some(batch)) => {
                    bytes += batch.payload.len();
                    page.push(batch);
                    match next.checked_add(1) {
                        Some(number) => next = number,
                        None => break,
                    }
                }
                // What was read is good; the next page tells what is not.
                _ if !page.is_empty() => break,
                Ok(None) => match self.resume(next, after)? {
                    Some(number) => next = number,
                    None => break,
                },
                Err(error) => return Err(error),
            }
        }
        Ok(page)
    }

    /// Where a page begins; none behind the last number there is.
    fn first_after(&self, after: u64) -> Result<Option<u64>> {
        let tombstone = self.newest_tombstone()?;
        Ok(after.checked_add(1).map(|next| next.max(tombstone)))
    }

    /// Where to read on if there is no batch `next`: none at the end, an error at a gap.
    ///
    /// Only here the folder is listed. A batch is linked after the ones before it, so if there is a later one, `next`
    /// is there by now, or lies before a tombstone that stands by now, or is lost.
    fn resume(&self, next: u64, after: u64) -> Result<Option<u64>> {
        let Some(later) = self.numbers()?.range(next..).next().copied() else {
            return Ok(None);
        };
        if later == next || self.open(next)?.is_some() {
            return Ok(Some(next));
        }
        let tombstone = self.newest_tombstone()?;
        if tombstone > next {
            Ok(Some(tombstone))
        } else if after == 0 && tombstone == 0 {
            Ok(Some(later))
        } else {
            Err(Error::corrupt(
                next,
                later - 1,
                format!("missing in {}, although later batches are there", self.dir.display()),
            ))
        }
    }

    /// The last batch.
    pub(crate) fn end(&self) -> Result<Option<Position>> {
        let mut gone = None;
        while let Some(last) = self.numbers()?.last().copied() {
            if let Some(batch) = self.open(last)? {
                return Ok(Some(batch.into_position()));
            }
            // Removed below a tombstone just now: then another one is the last.
            if gone.replace(last) == Some(last) {
                return Err(Error::corrupt(
                    last,
                    last,
                    format!("{} cannot be opened", self.slot(last).display()),
                ));
            }
        }
        Ok(None)
    }

    /// Removes everything that a tombstone which stands hides, or as much as fits into a piece. That begins behind the
    /// listing, so that each call removes something, however long the listing takes.
    pub(crate) fn remove_before(&self, tombstone: u64, begin: impl FnOnce() -> Piece) -> Result<()> {
        // What is quoted first: a summary shows more of a session than where it lay.
        self.remove_summaries(tombstone)?;
        let numbers = self.numbers()?;
        let mut hidden = numbers.range(..tombstone).peekable();
        let piece = begin();
        let mut is_whole = true;
        while let Some(number) = hidden.next() {
            let slot = self.slot(*number);
            disk::remove(&slot).map_err(|error| disk::failed_change("remove", &slot, error))?;
            if piece.is_over() && hidden.peek().is_some() {
                is_whole = false;
                break;
            }
        }
        disk::sync_dir(&self.dir).map_err(|error| disk::failed_change("sync", &self.dir, error))?;
        if is_whole { Ok(()) } else { Err(Piece::more()) }
    }

    pub(crate) fn slot(&self, number: u64) -> PathBuf {
        layout::numbered(&self.dir, number, BATCH)
    }

    /// Every number that has a slot: O(n) in the length of the transcript.
    pub(crate) fn numbers(&self) -> Result<BTreeSet<u64>> {
        disk::numbers(&self.dir, BATCH)
    }

    fn marks(&self) -> Result<BTreeSet<u64>> {
        disk::numbers(&self.marks_dir(), MARK)
    }

    fn marks_dir(&self) -> PathBuf {
        self.dir.join("tombstones")
    }

    fn open(&self, number: u64) -> Result<Option<BatchFile>> {
        BatchFile::open(self.slot(number), self.key, number)
    }

    fn read(&self, number: u64) -> Result<Option<Batch>> {
        self.open(number)?.map(BatchFile::into_batch).transpose()
    }
}
