use std::fs;
use std::io;
use std::path::Path;
use std::time::Instant;

use super::event::{Change, Wait, WatchEvent};
use super::files::Files;
use super::follower::Look;
use super::mark::{Inode, Mark, Stamp};
use super::meeting::{self, Meeting};
use super::records::Record;
use super::unread::{Block, Odd, Unread};
use crate::agent::Spooled;
use crate::host::AppendFailed;
use crate::key::SessionKey;
use crate::session::blocking;
use crate::spool::{AppendError, Base};
use crate::transcript::{MAX_LINE, metadata};

/// A transcript and its sidecar, as far as they were taken.
#[derive(Debug)]
pub(super) struct Stream {
    key: SessionKey,
    /// As they were when they were looked at last, and everything in them was taken.
    seen: Record,
    /// How far the transcript was taken; none where that has to be found out by comparing.
    mark: Option<Mark>,
    /// It was never compared.
    is_new: bool,
    /// This host has appended to it.
    has_begun: bool,
    waits: Option<(Wait, Instant)>,
}

/// One look at a stream's files.
struct Taking<'a> {
    look: &'a Look<'a>,
    key: &'a SessionKey,
    files: &'a Files,
    /// What to begin behind, at the first entry.
    base: Option<Option<Base>>,
    has_begun: bool,
    entries: u64,
}

impl Stream {
    /// A stream as the record of it says. What grew since the record was written nobody saw growing.
    pub(super) fn new(key: SessionKey, record: Option<Record>, files: &Files) -> Self {
        let is_as_recorded = |record: &&Record| (record.transcript, record.sidecar) == files.stamps();
        Self {
            key,
            mark: record.as_ref().filter(is_as_recorded).map(|record| record.mark.clone()),
            is_new: record.is_none(),
            seen: record.unwrap_or_default(),
            has_begun: false,
            waits: None,
        }
    }

    /// Somebody else may have mirrored it.
    pub(super) fn compare(&mut self) {
        self.mark = None;
    }

    pub(super) fn waits(&self) -> Option<&Wait> {
        self.waits.as_ref().map(|(wait, _)| wait)
    }

    pub(super) fn key(&self) -> &SessionKey {
        &self.key
    }

    /// Which file it was.
    pub(super) fn file(&self) -> Option<Inode> {
        self.seen.transcript.map(|stamp| stamp.file)
    }

    /// Takes what is new. Dropped halfway, the next look compares.
    pub(super) async fn look(&mut self, look: &Look<'_>, files: &Files) {
        let (transcript, sidecar) = files.stamps();
        let is_same = (transcript, sidecar) == (self.seen.transcript, self.seen.sidecar) && self.mark.is_some();
        let is_due = match &self.waits {
            Some((_, until)) => look.is_last() || *until <= Instant::now(),
            None => !is_same,
        };
        if !is_due {
            return;
        }
        let seen = Record {
            transcript,
            sidecar,
            mark: Mark::default(),
        };
        match self.take(look, files, seen).await {
            Ok(()) => self.waits = None,
            Err(wait) => self.wait(look, wait),
        }
    }

    async fn take(&mut self, look: &Look<'_>, files: &Files, seen: Record) -> Result<(), Wait> {
        let _room = look.room(self.unread_bytes(&seen)).await;
        let change = self.change(files).await?;
        let from = self.mark.as_ref().map_or(self.seen.mark.from, |mark| mark.from);
        // Lines before it are told from others by their place, which they have lost.
        let from = if matches!(change, None | Some(Change::Unseen)) {
            from
        } else {
            0
        };
        let known = self.mark.take().filter(|_| change.is_none());
        let mut taking = Taking {
            look,
            key: &self.key,
            files,
            base: None,
            has_begun: self.has_begun,
            entries: 0,
        };
        let is_compared = known.is_none();
        let taken = taking.all(known, from, &self.seen).await;
        self.has_begun = taking.has_begun;
        let entries = taking.entries;
        look.count(entries);
        let mark = match taken {
            Ok(mark) => mark,
            Err((mark, wait)) => {
                self.mark = mark;
                return Err(wait);
            }
        };
        if is_compared {
            self.tell_of_comparison(look, change, entries);
        }
        self.mark = Some(mark.clone());
        self.seen = Record { mark, ..seen };
        look.records.save(&self.key, &self.seen).map_err(cannot_keep)
    }

    fn unread_bytes(&self, seen: &Record) -> u64 {
        let bytes = seen.transcript.map_or(0, |stamp| stamp.bytes);
        bytes.saturating_sub(self.mark.as_ref().map_or(0, |mark| mark.offset))
    }

    /// What was done to the transcript other than adding to it.
    async fn change(&self, files: &Files) -> Result<Option<Change>, Wait> {
        let (Some(mark), Some(local)) = (self.mark.clone(), files.transcript.clone()) else {
            return Ok(None);
        };
        let before = self.seen.transcript;
        let path = local.path.clone();
        let change = blocking(move || mark.change(&local.path, before.as_ref(), &local.stamp)).await;
        change.map_err(|error| cannot_read(&path, &error))
    }

    fn tell_of_comparison(&mut self, look: &Look<'_>, change: Option<Change>, entries: u64) {
        let key = self.key.clone();
        let is_new = std::mem::replace(&mut self.is_new, false);
        let change = change.unwrap_or(Change::Unseen);
        match (is_new, change) {
            (true, _) => look.tell(WatchEvent::Met { key, entries }),
            (false, Change::Unseen) if entries == 0 => {}
            (false, change) => look.tell(WatchEvent::Changed { key, change, entries }),
        }
    }

    fn wait(&mut self, look: &Look<'_>, cause: Wait) {
        let before = self.waits.take().map(|(wait, _)| wait);
        if before.as_ref() != Some(&cause) && cause != Wait::Stopping {
            look.tell(WatchEvent::Waits {
                key: self.key.clone(),
                cause: cause.clone(),
            });
        }
        self.waits = Some((cause.clone(), look.again(&cause)));
    }
}

/// How far a stream was taken in spite of a failure, where that is certain, and what failed.
type Stopped = (Option<Mark>, Wait);

impl Taking<'_> {
    /// Takes both files; without a mark, what is stored decides what of them is new.
    async fn all(&mut self, known: Option<Mark>, from: u64, before: &Record) -> Result<Mark, Stopped> {
        let (mut mark, stored) = match known {
            Some(mark) => (mark, None),
            None => {
                let stored = self.meet().await.map_err(|wait| (None, wait))?;
                (Mark::at(from), Some(stored))
            }
        };
        let told = stored.as_ref().map(|stored| stored.metadata.clone());
        if let Some(local) = &self.files.transcript {
            mark = self.transcript(&local.path, mark, stored).await?;
        }
        if let Some(local) = &self.files.sidecar
            && (told.is_some() || Some(local.stamp) != before.sidecar)
        {
            let taken = self.sidecar(&local.path, told.flatten()).await;
            taken.map_err(|wait| (Some(mark.clone()), wait))?;
        }
        Ok(mark)
    }

    async fn meet(&mut self) -> Result<Spooled, Wait> {
        let meeting = Meeting::of(self.look.host, &self.look.spools, self.key);
        let Meeting { stored, base, apart } = self.look.unless_stopped(meeting).await?;
        if !apart.is_empty() {
            let key = self.key.clone();
            self.look.tell(WatchEvent::Apart {
                key,
                destinations: apart,
            });
        }
        self.base = Some(base);
        Ok(stored)
    }

    /// Takes the lines behind a mark, block after block.
    async fn transcript(&mut self, path: &Path, mark: Mark, stored: Option<Spooled>) -> Result<Mark, Stopped> {
        // In the middle of a comparison, the mark does not say what is behind it.
        let certain = |mark: &Mark, is_compared: bool| (!is_compared).then(|| mark.clone());
        let is_compared = stored.is_some();
        let (at, file) = (mark.clone(), path.to_owned());
        let opened = blocking(move || Unread::open(&file, at, stored)).await;
        let mut unread = opened.map_err(|error| (certain(&mark, is_compared), cannot_read(path, &error)))?;
        let mut mark = mark;
        loop {
            let (back, read) = blocking(move || {
                let block = unread.next_block();
                (unread, block)
            })
            .await;
            unread = back;
            let block = read.map_err(|error| (certain(&mark, is_compared), cannot_read(path, &error)))?;
            let is_full = block.is_full;
            let appended = self.block(path, block).await;
            mark = appended.map_err(|wait| match wait {
                Wait::Run => (None, wait),
                wait => (certain(&mark, is_compared), wait),
            })?;
            if !is_full {
                self.tell_of_odd(unread.odd);
                return Ok(mark);
            }
        }
    }

    /// Appends a block, unless a run has the file.
    async fn block(&mut self, path: &Path, block: Block) -> Result<Mark, Wait> {
        self.look.go_on()?;
        if !block.lines.is_empty() {
            self.check_runs(path)?;
            self.append(&block.lines).await?;
        }
        Ok(block.mark)
    }

    /// Behind reading: whatever run wrote what was read has its trail by now.
    fn check_runs(&self, path: &Path) -> Result<(), Wait> {
        let bytes = Stamp::of(path).map_or(0, |stamp| stamp.bytes);
        let within = path.strip_prefix(self.look.projects).unwrap_or(path).to_string_lossy();
        let (folder, session) = (self.key.project_key(), self.key.session_id());
        let has = self.look.runs.have(folder, session, &within, bytes);
        let is_told = self.look.records.words.are_left(folder, session);
        match has.map_err(|error| Wait::Failed(format!("cannot see what runs mirror: {error}")))? || is_told {
            true => Err(Wait::Run),
            false => Ok(()),
        }
    }

    /// A sidecar is told of by an entry of its own, which is in no file.
    async fn sidecar(&mut self, path: &Path, last: Option<Vec<u8>>) -> Result<(), Wait> {
        let bytes = read_sidecar(path).map_err(|error| cannot_read(path, &error))?;
        let entry = match metadata::from_sidecar(&bytes) {
            Ok(entry) => entry,
            Err(error) => {
                self.look.tell(WatchEvent::NoSidecar {
                    key: self.key.clone(),
                    reason: error.to_string(),
                });
                return Ok(());
            }
        };
        if last.is_some_and(|last| metadata::same(&last, &entry)) {
            return Ok(());
        }
        self.look.go_on()?;
        self.check_runs(path)?;
        self.append(&[entry]).await
    }

    async fn append(&mut self, lines: &[Vec<u8>]) -> Result<(), Wait> {
        let transcript = self.look.host.transcript(self.key.clone());
        if !self.has_begun {
            let base = match self.base.take() {
                Some(base) => base,
                None => {
                    self.look
                        .unless_stopped(meeting::base(self.look.host, &self.look.spools, self.key))
                        .await?
                }
            };
            // Without a base, it begins with its first entry.
            if let Some(base) = base {
                match transcript.begin(base).await {
                    Ok(()) | Err(AppendError::Begun { .. }) => {}
                    Err(error) => return Err(Wait::Failed(error.to_string())),
                }
            }
            self.has_begun = true;
        }
        match transcript.append(lines).await {
            Ok(()) | Err(AppendFailed::NotDelivered) => {}
            Err(error) => return Err(Wait::Failed(error.to_string())),
        }
        self.entries += lines.len() as u64;
        Ok(())
    }

    fn tell_of_odd(&self, odd: Odd) {
        if let Some(reason) = odd.first {
            self.look.tell(WatchEvent::NoEntries {
                key: self.key.clone(),
                lines: odd.lines,
                reason,
            });
        }
    }
}

fn read_sidecar(path: &Path) -> io::Result<Vec<u8>> {
    match fs::metadata(path)?.len() {
        bytes if bytes > MAX_LINE as u64 - 64 => Err(io::ErrorKind::FileTooLarge.into()),
        _ => fs::read(path),
    }
}

fn cannot_read(path: &Path, error: &dyn std::fmt::Display) -> Wait {
    Wait::Failed(format!("cannot read {}: {error}", path.display()))
}

fn cannot_keep(error: io::Error) -> Wait {
    Wait::Failed(format!("what was taken of it cannot be written down: {error}"))
}
