use std::fs;
use std::io;
use std::path::Path;

use tokio::time::Instant;

use super::event::{Change, Wait, WatchEvent};
use super::files::{Files, Stamps};
use super::look::Look;
use super::mark::{Inode, Mark, Stamp};
use super::records::Record;
use super::unread::{self, Block, Odd, Unread};
use crate::agent_format::metadata;
use crate::disk::may_fail;
use crate::key::SessionKey;
use crate::session::blocking;
use crate::spool::Doubtful;
use crate::transcript::MAX_LINE;

/// A transcript and its sidecar, as far as they were taken.
#[derive(Debug)]
pub(super) struct Stream {
    key: SessionKey,
    /// As its files were when they were looked at last, and everything in them was taken.
    seen: SeenStamps,
    /// As they are, where that is something else or they have to be looked at again. Of those that are quiet, which
    /// are nearly all, nothing more is kept.
    now: Option<Box<Stamps>>,
    /// How far the transcript was taken; `None` where nobody remembers.
    mark: Option<Mark>,
    /// From this line on, this host's copy holds the file's lines before the mark; `None` where it does not.
    begun: Option<u64>,
    /// Another process may have mirrored what comes behind the mark.
    is_doubtful: bool,
    /// It was never taken before.
    is_new: bool,
    /// What is remembered of it could not be read yet: how far it was taken is not known.
    is_unknown: bool,
    waits: Option<Box<(Wait, Instant)>>,
}

/// Stamps as every stream keeps them: few have a sidecar, and only those have room for its stamp.
#[derive(Debug, Default)]
struct SeenStamps {
    transcript: Option<Stamp>,
    sidecar: Option<Box<Stamp>>,
}

/// From where on a transcript is taken.
#[derive(Debug)]
enum Start {
    /// Behind the mark it was seen growing.
    Grown,
    /// How its lines came nobody saw: each destination gets those of them that it lacks.
    Found {
        from: Mark,
        /// Lines before this byte were taken before.
        known_to: u64,
        /// What is before it is in this host's copy.
        goes_on: bool,
    },
}

/// One look at a stream's files.
struct Taking<'a> {
    look: &'a Look<'a>,
    key: &'a SessionKey,
    files: &'a Files,
    mark: Option<Mark>,
    begun: Option<u64>,
    entries: u64,
}

/// A sidecar's entry, which is in no file.
struct Sidecar {
    entry: Vec<u8>,
    /// It says nothing new, as far as anybody remembers.
    is_known: bool,
}

impl Stream {
    /// A stream as the record of it says. Where that cannot be read, it is read again before anything is taken: without
    /// it, lines that came after a delete could not be told from those that were deleted.
    pub(super) fn new(key: SessionKey, record: io::Result<Option<Record>>) -> Self {
        let is_unknown = record.is_err();
        let record = record.unwrap_or_default();
        let is_new = record.is_none();
        let (seen, mark) = match record {
            Some(record) => (SeenStamps::from(record.stamps()), Some(record.mark)),
            None => (SeenStamps::default(), None),
        };
        Self {
            key,
            seen,
            now: None,
            mark,
            begun: None,
            is_doubtful: false,
            is_new,
            is_unknown,
            waits: None,
        }
    }

    /// Its files are as these stamps say.
    pub(super) fn found(&mut self, now: Stamps) {
        let is_quiet = now == self.seen.stamps() && self.waits.is_none();
        self.now = (!is_quiet).then(|| Box::new(now));
    }

    /// Another process may have mirrored what it holds by now.
    pub(super) fn doubt(&mut self) {
        self.is_doubtful = true;
    }

    pub(super) fn waits(&self) -> Option<&Wait> {
        self.waits.as_ref().map(|waits| &waits.0)
    }

    pub(super) fn key(&self) -> &SessionKey {
        &self.key
    }

    /// Which file it was.
    pub(super) fn file(&self) -> Option<Inode> {
        self.seen.transcript.map(|stamp| stamp.file)
    }

    /// Whether a look has something to do.
    pub(super) fn is_due(&self, is_last: bool) -> bool {
        match self.waits.as_deref() {
            Some((_, until)) => is_last || *until <= Instant::now(),
            None => self.is_doubtful || self.mark.is_none() || self.now.is_some(),
        }
    }

    /// Takes what is new. Dropped halfway, the next process takes it as it finds it.
    pub(super) async fn look(&mut self, look: &Look<'_>) {
        let now = self.now.as_deref().copied().unwrap_or_else(|| self.seen.stamps());
        let files = Files::of(look.projects, &self.key, now);
        match self.take(look, &files, now).await {
            Ok(()) => (self.waits, self.now) = (None, None),
            Err(wait) => {
                self.now = Some(Box::new(now));
                self.wait(look, wait);
            }
        }
    }

    async fn take(&mut self, look: &Look<'_>, files: &Files, now: Stamps) -> Result<(), Wait> {
        if self.remember(look)? {
            self.found(now);
            if !self.is_due(false) {
                return Ok(());
            }
        }
        if self.begun != look.host.transcript(self.key.clone()).last_found() {
            // What a run left was picked up: other lines came behind ours.
            self.begun = None;
        }
        let _room = look.room(self.unread_bytes(now)).await;
        let change = self.change(files).await?;
        let start = self.start(change);
        let is_found = matches!(start, Start::Found { goes_on: false, .. });
        let mut taking = Taking {
            look,
            key: &self.key,
            files,
            mark: self.mark.take(),
            begun: self.begun,
            entries: 0,
        };
        let taken = taking.all(start, self.seen.stamps(), self.is_new).await;
        let Taking {
            mark, begun, entries, ..
        } = taking;
        look.count(entries);
        (self.mark, self.begun) = (mark, begun);
        if let Err(wait) = taken {
            self.is_doubtful |= wait == Wait::Run;
            if begun.is_some() {
                // The mark is about this file.
                self.seen.transcript = now.transcript;
            }
            return Err(wait);
        }
        self.is_doubtful = false;
        if is_found {
            self.tell_of_found(look, change, entries);
        }
        self.seen = now.into();
        let record = Record::new(now, self.mark.get_or_insert_default().clone());
        look.records.save(&self.key, &record).map_err(cannot_keep)
    }

    /// Reads what is remembered of it, where that could not be done before. False where it was.
    fn remember(&mut self, look: &Look<'_>) -> Result<bool, Wait> {
        let is_unknown = self.is_unknown;
        if is_unknown {
            let record = look.records.load(&self.key);
            let record =
                record.map_err(|error| Wait::Failed(format!("what was taken of it before cannot be read: {error}")))?;
            *self = Self::new(self.key.clone(), Ok(record));
        }
        Ok(is_unknown)
    }

    fn start(&self, change: Option<Change>) -> Start {
        let is_as_it_was = matches!(change, None | Some(Change::Unseen));
        match (&self.mark, change) {
            (Some(_), None) if self.begun.is_some() && !self.is_doubtful => Start::Grown,
            (Some(mark), None) if self.begun.is_some() => Start::Found {
                from: mark.clone(),
                known_to: 0,
                goes_on: true,
            },
            (Some(mark), _) if is_as_it_was => Start::Found {
                from: Mark::at(mark.from),
                known_to: mark.offset,
                goes_on: false,
            },
            // Lines that are not wanted are told from others by their place, which they have lost.
            _ => Start::Found {
                from: Mark::default(),
                known_to: u64::MAX,
                goes_on: false,
            },
        }
    }

    fn unread_bytes(&self, now: Stamps) -> u64 {
        let bytes = now.transcript.map_or(0, |stamp| stamp.bytes);
        let mark = self.mark.as_ref().filter(|_| self.begun.is_some());
        bytes.saturating_sub(mark.map_or(0, |mark| mark.offset))
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

    fn tell_of_found(&mut self, look: &Look<'_>, change: Option<Change>, entries: u64) {
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
        let before = self.waits.take().map(|waits| waits.0);
        if before.as_ref() != Some(&cause) && cause != Wait::Stopping {
            look.tell(WatchEvent::Waits {
                key: self.key.clone(),
                cause: cause.clone(),
            });
        }
        let again = look.again(&cause);
        self.waits = Some(Box::new((cause, again)));
    }
}

impl SeenStamps {
    fn stamps(&self) -> Stamps {
        Stamps {
            transcript: self.transcript,
            sidecar: self.sidecar.as_deref().copied(),
        }
    }
}

impl From<Stamps> for SeenStamps {
    fn from(Stamps { transcript, sidecar }: Stamps) -> Self {
        Self {
            transcript,
            sidecar: sidecar.map(Box::new),
        }
    }
}

impl Taking<'_> {
    /// Takes both files. One that cannot be read does not keep the other from it.
    async fn all(&mut self, start: Start, before: Stamps, is_new: bool) -> Result<(), Wait> {
        let mut sidecar = self.read_sidecar(before, is_new).await;
        let is_whole = matches!(start, Start::Found { goes_on: false, .. });
        // What is known comes first: it counts with what was taken before.
        let first = match &mut sidecar {
            Ok(sidecar) => sidecar.take_if(|sidecar| sidecar.is_known && is_whole),
            Err(_) => None,
        };
        self.transcript(start, first).await?;
        match sidecar? {
            Some(sidecar) if !sidecar.is_known => self.append_sidecar(sidecar).await,
            _ => Ok(()),
        }
    }

    async fn transcript(&mut self, start: Start, first: Option<Sidecar>) -> Result<(), Wait> {
        let transcript = self.files.transcript.as_ref().map(|local| local.path.clone());
        if let Start::Found {
            from,
            known_to,
            goes_on,
        } = start
        {
            // Here to spare the work; what counts is asked again behind it.
            self.check_any_run()?;
            let counted = self.count(transcript.as_deref(), &from, known_to).await?;
            let more = u64::from(first.is_some());
            let found = Doubtful {
                lines: counted.0 + more,
                taken: if goes_on { 0 } else { counted.1 + more },
                goes_on,
            };
            if found.lines == 0 {
                self.mark.get_or_insert(from);
                return Ok(());
            }
            self.found(found, from).await?;
        }
        if let Some(sidecar) = first {
            self.append_sidecar(sidecar).await?;
        }
        match transcript {
            Some(path) => self.blocks(&path).await,
            None => Ok(()),
        }
    }

    /// How many lines are to be taken, and how many of them were taken before.
    async fn count(&self, path: Option<&Path>, from: &Mark, known_to: u64) -> Result<(u64, u64), Wait> {
        let Some(path) = path else { return Ok((0, 0)) };
        let (file, from) = (path.to_owned(), from.clone());
        let counted = blocking(move || unread::count(&file, from, known_to)).await;
        counted.map_err(|error| cannot_read(path, &error))
    }

    /// On disk before the first of these lines is.
    async fn found(&mut self, found: Doubtful, from: Mark) -> Result<(), Wait> {
        self.look.go_on()?;
        self.check_any_run()?;
        let transcript = self.look.host.transcript(self.key.clone());
        let noted = blocking(move || transcript.found(found).map(|()| transcript.last_found())).await;
        let begun = noted.map_err(|error| Wait::Failed(error.to_string()))?;
        (self.mark, self.begun) = (Some(from), begun);
        Ok(())
    }

    /// Takes the lines behind the mark, block after block.
    async fn blocks(&mut self, path: &Path) -> Result<(), Wait> {
        let (file, mark) = (path.to_owned(), self.mark.clone().unwrap_or_default());
        let opened = blocking(move || Unread::open(&file, mark)).await;
        let mut unread = opened.map_err(|error| cannot_read(path, &error))?;
        loop {
            let (back, read) = blocking(move || {
                let block = unread.next_block();
                (unread, block)
            })
            .await;
            unread = back;
            let block = read.map_err(|error| cannot_read(path, &error))?;
            let is_full = block.is_full;
            self.block(path, block).await?;
            if !is_full {
                self.tell_of_odd(path, unread.odd);
                return Ok(());
            }
        }
    }

    /// Appends a block, unless a run has the file.
    async fn block(&mut self, path: &Path, block: Block) -> Result<(), Wait> {
        self.look.go_on()?;
        if !block.lines.is_empty() {
            self.check_runs(path)?;
            self.append(&block.lines).await?;
        }
        self.mark = Some(block.mark);
        Ok(())
    }

    fn check_any_run(&self) -> Result<(), Wait> {
        let local = self.files.transcript.as_ref().or(self.files.sidecar.as_ref());
        local.map_or(Ok(()), |local| self.check_runs(&local.path))
    }

    /// Behind reading: whatever run wrote what was read has its trail by now.
    fn check_runs(&self, path: &Path) -> Result<(), Wait> {
        let stamp = Stamp::look(path).map_err(|error| cannot_read(path, &error))?;
        let bytes = stamp.map_or(0, |stamp| stamp.bytes);
        let within = path.strip_prefix(self.look.projects).unwrap_or(path).to_string_lossy();
        let (folder, session) = (self.key.project_key(), self.key.session_id());
        let has = self.look.runs.have(folder, session, &within, bytes);
        let has = has.and_then(|has| Ok(has || self.look.records.words.are_left(folder, session)?));
        match has.map_err(|error| Wait::Failed(format!("cannot see what runs mirror: {error}")))? {
            true => Err(Wait::Run),
            false => Ok(()),
        }
    }

    /// The sidecar's entry, if it may have to be appended.
    async fn read_sidecar(&self, before: Stamps, is_new: bool) -> Result<Option<Sidecar>, Wait> {
        let Some(local) = self.files.sidecar.clone() else {
            return Ok(None);
        };
        let path = local.path.clone();
        let bytes = blocking(move || read_sidecar(&path)).await;
        let bytes = bytes.map_err(|error| cannot_read(&local.path, &error))?;
        let is_known = is_new || Some(local.stamp) == before.sidecar;
        match metadata::from_sidecar(&bytes) {
            Ok(entry) => Ok(Some(Sidecar { entry, is_known })),
            Err(error) => {
                self.look.tell(WatchEvent::NoSidecar {
                    key: self.key.clone(),
                    reason: error.to_string(),
                });
                Ok(None)
            }
        }
    }

    async fn append_sidecar(&mut self, sidecar: Sidecar) -> Result<(), Wait> {
        self.look.go_on()?;
        let path = self.files.sidecar.as_ref().map(|local| local.path.clone());
        path.map_or(Ok(()), |path| self.check_runs(&path))?;
        self.append(&[sidecar.entry]).await
    }

    async fn append(&mut self, lines: &[Vec<u8>]) -> Result<(), Wait> {
        let transcript = self.look.host.transcript(self.key.clone());
        let appended = transcript.append_lines(lines).await;
        appended.map_err(|error| Wait::Failed(error.to_string()))?;
        self.entries += lines.len() as u64;
        Ok(())
    }

    fn tell_of_odd(&self, path: &Path, odd: Odd) {
        if let Some(reason) = odd.first {
            self.look.count_odd(self.key, odd.lines);
            self.look.tell(WatchEvent::Odd {
                key: self.key.clone(),
                lines: odd.lines,
                reason,
            });
        }
        for line in odd.too_long {
            self.look.not_taken(path, line);
        }
    }
}

fn read_sidecar(path: &Path) -> io::Result<Vec<u8>> {
    may_fail(path)?;
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
