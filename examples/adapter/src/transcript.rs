//! The backend: one transcript's batches as files.
//!
//! ```text
//! <root>/<project>/<session>/           the main transcript
//!     00000000000000000001.jsonl        a batch: a line of JSON that says what it is, then its payload
//!     summary/<number>.json             the summary, and the batch that it reaches to
//!     tombstones/<number>               a tombstone stands, or was meant to stand, at that number
//!     subpaths/<subpath>/               another transcript of the session, like the main one
//!     .key                              what the folder stands for, if its name is hashed
//! ```
//!
//! Mirrorbox's own fs adapter reads and writes the same.

mod batch_file;

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::time::UNIX_EPOCH;

use mirrorbox_adapter::encoding::{encode_file_name, is_hashed};
use mirrorbox_adapter::{Batch, Error, Kind, Piece, Position, Result, Session, SessionKey, Summary, log};

use crate::files::{Files, failed, make_folder, numbered, numbers, remove, sync};
use batch_file::BatchFile;

/// The folder of one transcript.
#[derive(Debug)]
pub(crate) struct Transcript<'a> {
    files: &'a Files,
    key: &'a SessionKey,
    /// The folders from the root down, and the part of the key that each stands for.
    levels: Vec<(PathBuf, Option<&'a str>)>,
    pub(crate) folder: PathBuf,
}

impl<'a> Transcript<'a> {
    pub(crate) fn new(files: &'a Files, key: &'a SessionKey) -> Self {
        let project = files.root.join(encode_file_name(&key.project_key));
        let session = project.join(encode_file_name(&key.session_id));
        let mut folder = session.clone();
        let mut levels = vec![
            (project, Some(key.project_key.as_str())),
            (session, Some(key.session_id.as_str())),
        ];
        if let Some(subpath) = &key.subpath {
            let subpaths = folder.join("subpaths");
            folder = subpaths.join(encode_file_name(subpath));
            levels.extend([(subpaths, None), (folder.clone(), Some(subpath.as_str()))]);
        }
        Self {
            files,
            key,
            levels,
            folder,
        }
    }

    /// Stores a batch durably if its number is free.
    pub(crate) fn append(&self, batch: &Batch) -> Result<()> {
        self.make_folders()?;
        if batch.kind == Kind::Tombstone {
            self.mark(batch.number)?;
        }
        let slot = self.slot(batch.number);
        let header = batch_file::header(self.key, batch)?;
        let is_new = self.files.create(&slot, &[&header, &batch.payload])?;
        if !is_new {
            // This very batch, if the reply to an earlier try was lost: then it is stored.
            let stored = self.open(batch.number)?;
            if stored.is_none_or(|stored| stored.digest() != batch.digest) {
                return Err(Error::Conflict);
            }
        }
        sync(&self.folder)?;
        // After the batch: of a tombstone and a batch that come at once, one sees the other.
        if self.newest_tombstone()? <= batch.number {
            return Ok(());
        }
        if is_new {
            remove(&slot)?;
        }
        Err(Error::Conflict)
    }

    /// Announces a tombstone before it takes its slot: what is looked for first is found in every case. One that fails
    /// hides nothing.
    fn mark(&self, number: u64) -> Result<()> {
        let marks = self.marks();
        make_folder(&marks)?;
        sync(&self.folder)?;
        self.files.create(&numbered(&marks, number, ""), &[])?;
        sync(&marks)
    }

    /// The number of the newest tombstone that stands; 0 where none does.
    fn newest_tombstone(&self) -> Result<u64> {
        let mut seen = numbers(&self.marks(), "")?;
        let mut marks = seen.clone();
        while let Some(number) = marks.pop_last() {
            match self.open(number)? {
                Some(batch) if batch.is_tombstone() => return Ok(number),
                Some(_) => {}
                // It never stood, or was removed below a newer one, whose mark is there by now.
                None => {
                    let again = numbers(&self.marks(), "")?;
                    marks.extend(again.difference(&seen));
                    seen = again;
                }
            }
        }
        Ok(0)
    }

    /// As the newest tombstone, for listings: a damaged one, which `load` reports, must not hide all other sessions.
    pub(crate) fn hidden_before(&self) -> Result<u64> {
        match self.newest_tombstone() {
            Err(Error::Corrupt { reason, .. }) => {
                log::warn("listing", reason);
                Ok(0)
            }
            number => number,
        }
    }

    pub(crate) fn load(&self, after: u64, max_bytes: u32) -> Result<Vec<Batch>> {
        let mut page = Vec::new();
        let mut bytes = 0;
        let mut next = after.checked_add(1);
        let tombstone = self.newest_tombstone()?;
        next = next.map(|next| next.max(tombstone));
        while let Some(number) = next
            && (page.is_empty() || bytes < max_bytes as usize)
        {
            match self.read(number) {
                Ok(Some(batch)) => {
                    bytes += batch.payload.len();
                    page.push(batch);
                    next = number.checked_add(1);
                }
                // What was read is good; the next page tells what is not.
                _ if !page.is_empty() => break,
                Ok(None) => next = self.resume(number, after)?,
                Err(error) => return Err(error),
            }
        }
        Ok(page)
    }

    /// Where to read on if there is no batch of that number; none at the end.
    fn resume(&self, number: u64, after: u64) -> Result<Option<u64>> {
        let Some(later) = self.numbers()?.range(number..).next().copied() else {
            return Ok(None);
        };
        // Batches are stored in order, so by now it is there, or lies before a tombstone, or is lost.
        if later == number || self.slot(number).exists() {
            return Ok(Some(number));
        }
        let tombstone = self.newest_tombstone()?;
        if tombstone > number {
            Ok(Some(tombstone))
        } else if after == 0 && tombstone == 0 {
            Ok(Some(later))
        } else {
            let reason = format!("missing in {}, although later batches are there", self.folder.display());
            Err(Error::corrupt(number, later - 1, reason))
        }
    }

    pub(crate) fn end(&self) -> Result<Option<Position>> {
        let mut gone = None;
        while let Some(last) = self.numbers()?.last().copied() {
            if let Some(batch) = self.open(last)? {
                return Ok(Some(batch.position()));
            }
            // Removed below a tombstone just now: then another one is the last.
            if gone.replace(last) == Some(last) {
                let reason = format!("{} cannot be opened", self.slot(last).display());
                return Err(Error::corrupt(last, last, reason));
            }
        }
        Ok(None)
    }

    /// Removes everything that a tombstone hides, or as much as there is time for.
    pub(crate) fn remove_before(&self, tombstone: u64) -> Result<()> {
        for through in self.summaries()?.range(..=tombstone) {
            remove(&self.summary_file(*through))?;
        }
        let numbers = self.numbers()?;
        let mut hidden = numbers.range(..tombstone).peekable();
        let piece = Piece::begin();
        while let Some(number) = hidden.next() {
            remove(&self.slot(*number))?;
            if piece.is_over() && hidden.peek().is_some() {
                sync(&self.folder)?;
                return Err(Piece::more());
            }
        }
        sync(&self.folder)
    }

    /// Stores a summary unless one is there that reaches as far.
    pub(crate) fn put_summary(&self, summary: &Summary) -> Result<()> {
        let stored = self.summaries()?;
        if stored.last().is_some_and(|through| *through >= summary.through) {
            return Ok(());
        }
        make_folder(&self.folder.join("summary"))?;
        let path = self.summary_file(summary.through);
        self.files.replace(&path, &[summary.json.as_bytes()])?;
        for through in stored {
            remove(&self.summary_file(through))?;
        }
        // As with a batch: a tombstone that came meanwhile must not leave a summary behind.
        match self.newest_tombstone()? >= summary.through {
            true => remove(&path),
            false => Ok(()),
        }
    }

    /// The summary that reaches furthest; a tombstone may hide it.
    fn summary(&self) -> Result<Option<Summary>> {
        let mut gone = None;
        while let Some(through) = self.summaries()?.last().copied() {
            let path = self.summary_file(through);
            match fs::read_to_string(&path) {
                Ok(json) => return Ok(Some(Summary { through, json })),
                // Replaced just now by one that reaches further.
                Err(error) if error.kind() == ErrorKind::NotFound && gone.replace(through) != Some(through) => {}
                Err(error) => return Err(failed("read", &path, &error)),
            }
        }
        Ok(None)
    }

    /// This main transcript as listings show it; none if it holds nothing but a tombstone.
    pub(crate) fn session(&self) -> Result<Option<Session>> {
        let summary = self.summary()?;
        let Some(last) = self.numbers()?.last().copied() else {
            return Ok(None);
        };
        let slot = self.slot(last);
        let modified = fs::metadata(&slot).and_then(|metadata| metadata.modified());
        let modified = modified.map_err(|error| failed("look at", &slot, &error))?;
        let modified = modified.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        // Last of all: a tombstone that was taken for the last batch is found.
        let tombstone = self.hidden_before()?;
        let session = Session {
            session_id: self.key.session_id.clone(),
            modified: u64::try_from(modified).unwrap_or(u64::MAX),
            last,
            summary: summary.filter(|summary| summary.through > tombstone),
        };
        Ok((last > tombstone).then_some(session))
    }

    pub(crate) fn numbers(&self) -> Result<BTreeSet<u64>> {
        numbers(&self.folder, ".jsonl")
    }

    fn summaries(&self) -> Result<BTreeSet<u64>> {
        numbers(&self.folder.join("summary"), ".json")
    }

    fn summary_file(&self, through: u64) -> PathBuf {
        numbered(&self.folder.join("summary"), through, ".json")
    }

    fn marks(&self) -> PathBuf {
        self.folder.join("tombstones")
    }

    fn slot(&self, number: u64) -> PathBuf {
        numbered(&self.folder, number, ".jsonl")
    }

    fn open(&self, number: u64) -> Result<Option<BatchFile>> {
        BatchFile::open(self.slot(number), self.key, number)
    }

    fn read(&self, number: u64) -> Result<Option<Batch>> {
        self.open(number)?.map(BatchFile::into_batch).transpose()
    }

    /// Each inside the one before, and durable: a power failure must not take the transcript with them.
    fn make_folders(&self) -> Result<()> {
        let mut parent = &self.files.root;
        for (folder, part) in &self.levels {
            make_folder(folder)?;
            if let Some(part) = part.filter(|part| is_hashed(&encode_file_name(part))) {
                self.files.create(&folder.join(".key"), &[part.as_bytes()])?;
                sync(folder)?;
            }
            sync(parent)?;
            parent = folder;
        }
        Ok(())
    }
}
