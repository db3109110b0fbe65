//! What the agent's files hold beyond the spool.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::Path;

use super::Recorder;
use crate::agent::event::AgentEvent;
use crate::agent::spooled::Spooled;
use crate::agent_format::{self, FileKind, Listing, TranscriptFile, is_mirrored, metadata, transcript_of};
use crate::disk::may_fail;
use crate::follow::{Tail, complete_lines};
use crate::host::AppendFailed;
use crate::key::SessionKey;
use crate::session::blocking;
use crate::transcript::LineError;

/// How much is taken at a time.
const BLOCK: usize = 1 << 20;

/// The lines of a file from a place on that are not in the spool.
#[derive(Debug)]
pub(super) struct Rest {
    pub(super) tail: Tail,
    spooled: Spooled,
    /// Lines that are too long to be taken, for people.
    pub(super) too_long: Vec<String>,
    pub(super) failed: Option<LineError>,
    /// Lines from here on are not its own.
    end: u64,
}

impl Rest {
    pub(super) fn new(tail: Tail, spooled: Spooled) -> Self {
        Self {
            tail,
            spooled,
            too_long: Vec::new(),
            failed: None,
            end: u64::MAX,
        }
    }

    pub(super) fn up_to(self, end: u64) -> Self {
        Self { end, ..self }
    }

    /// [`Rest::next_block`] for async code.
    pub(super) async fn read_block(mut self) -> (Self, Vec<Vec<u8>>) {
        blocking(move || {
            let block = self.next_block();
            (self, block)
        })
        .await
    }

    /// The next of them, [`BLOCK`] bytes or a single larger one; none at the end, and none behind a line that cannot be
    /// read.
    fn next_block(&mut self) -> Vec<Vec<u8>> {
        let (mut block, mut bytes) = (Vec::new(), 0);
        while bytes < BLOCK && self.failed.is_none() && self.tail.place() < self.end {
            match self.tail.next_line() {
                Ok(None) => break,
                Ok(Some(line)) if self.spooled.take(&line) || !is_mirrored(&line) => {}
                Ok(Some(line)) => {
                    bytes += line.len();
                    block.push(line);
                }
                Err(error @ LineError::TooLong { .. }) => self.pass_over(error),
                Err(error) => self.failed = Some(error),
            }
        }
        block
    }
}

impl Rest {
    /// Goes on behind a line that is too long; where its end is not there, nothing can be read behind it.
    fn pass_over(&mut self, error: LineError) {
        match self.tail.pass_over() {
            Ok(Some(bytes)) => self
                .too_long
                .push(format!("{error}; its {bytes} bytes are passed over")),
            Ok(None) => self.failed = Some(error),
            Err(error) => self.failed = Some(error),
        }
    }
}

impl Recorder<'_> {
    /// Takes what is new in the files of one session. Whether all of it is in the spool now.
    pub(super) async fn catch_up(&mut self, folder: &str, session: &str) -> bool {
        let (files, mut is_whole) = self.files_of(folder, session);
        for file in &files {
            is_whole &= self.catch_up_file(folder, file).await;
        }
        // Where there is no file, frames are all that there is.
        let with_file: HashSet<_> = files.iter().filter_map(|file| self.named(folder, file)).collect();
        for (key, copy) in self.copies.iter_mut().filter(|(key, _)| key.session_id() == session) {
            copy.is_behind &= with_file.iter().any(|(_, of_file)| of_file == key);
        }
        is_whole
    }

    /// A session's files, and whether all of them could be looked at.
    pub(super) fn files_of(&mut self, folder: &str, session: &str) -> (Vec<TranscriptFile>, bool) {
        let dir = self.trail.place().projects.join(folder);
        let listing = agent_format::list_session(&dir, session);
        let is_whole = listing.unreadable.is_empty();
        (self.seen(listing), is_whole)
    }

    /// Takes what is new in a folder's files since the last look.
    pub(in crate::agent) async fn follow(&mut self) {
        let place = self.trail.place().clone();
        let listing = agent_format::list(&place.projects.join(&place.folder));
        let files = self.seen(listing).into_iter();
        for file in files.filter(|file| file.kind == FileKind::Transcript) {
            let Some((path, key)) = self.named(&place.folder, &file) else {
                continue;
            };
            let read_to = self.copies.get(&key).and_then(|copy| copy.read_to);
            if file.bytes > read_to.unwrap_or_else(|| self.trail.length(&path)) {
                self.note(&key, true);
                self.catch_up_file(&place.folder, &file).await;
            }
        }
    }

    /// The files of a listing; the rest of what it met is reported.
    pub(super) fn seen(&mut self, listing: Listing) -> Vec<TranscriptFile> {
        for (path, error) in &listing.unreadable {
            self.unreadable(path, error);
        }
        for path in listing.links {
            if self.unread.insert(path.clone(), String::new()).is_none() {
                let path = path.display().to_string();
                self.tell(AgentEvent::Linked { path });
            }
        }
        listing.files
    }

    async fn catch_up_file(&mut self, folder: &str, file: &TranscriptFile) -> bool {
        let Some((path, key)) = self.named(folder, file) else {
            return true;
        };
        let whole = self.trail.place().projects.join(&path);
        if self.trail.is_unread(&whole) {
            // Told when the run began; which of its rows are the run's cannot be said.
            return true;
        }
        match file.kind {
            FileKind::Transcript => self.transcript(&key, &path, &whole, file.bytes).await,
            FileKind::Sidecar => self.sidecar(&key, &path, &whole, file.bytes).await,
        }
    }

    /// A file's path under the projects directory, and which transcript it belongs to; none where its name cannot be a
    /// key's: no agent writes such a file.
    pub(super) fn named(&self, folder: &str, file: &TranscriptFile) -> Option<(String, SessionKey)> {
        let path = format!("{folder}/{}", file.path);
        let place = self.trail.place();
        let key = place.key_of(&transcript_of(&place.projects.join(&path))).ok()?;
        Some((path, key))
    }

    async fn transcript(&mut self, key: &SessionKey, path: &str, whole: &Path, bytes: u64) -> bool {
        let copy = self.copies.entry(key.clone()).or_default();
        let from = copy.read_to.unwrap_or_else(|| self.trail.length(path));
        if bytes < from {
            self.unreadable(whole, &io::Error::other("it is shorter than it was"));
            return true;
        }
        // Where the file was torn when the run began, the agent wrote the rest of the line.
        let opened = complete_lines(whole, from).and_then(|begin| Tail::open(whole, begin));
        let rest = match opened {
            Ok(tail) => Rest::new(tail, std::mem::take(&mut copy.spooled)),
            Err(error) => {
                self.unreadable(whole, &error);
                return false;
            }
        };
        let before = self.tally.entries;
        let (rest, appended) = self.take_rest(key, rest).await;
        let copy = self.copies.entry(key.clone()).or_default();
        copy.torn = rest.tail.torn();
        if let Err(error) = &appended {
            self.fell_behind(key, error);
        }
        self.tell_of_passed_over(whole, &rest);
        let is_whole = appended.is_ok() && rest.failed.is_none();
        if is_whole {
            self.unread.remove(whole);
        }
        let copy = self.copies.entry(key.clone()).or_default();
        (copy.spooled, copy.is_behind) = (rest.spooled, !is_whole);
        self.caught_up(key, self.tally.entries - before);
        is_whole
    }

    pub(super) fn tell_of_passed_over(&mut self, whole: &Path, rest: &Rest) {
        for cause in &rest.too_long {
            self.passed_over += 1;
            self.tell(AgentEvent::Unreadable {
                file: whole.display().to_string(),
                cause: cause.clone(),
            });
        }
        if let Some(error) = &rest.failed {
            self.unreadable(whole, error);
        }
    }

    /// Appends block after block. What was read and could not be appended waits for the next time.
    async fn take_rest(&mut self, key: &SessionKey, mut rest: Rest) -> (Rest, Result<(), AppendFailed>) {
        loop {
            let block = std::mem::take(&mut self.copies.entry(key.clone()).or_default().waiting);
            let appended = self.append(key, &block).await;
            let copy = self.copies.entry(key.clone()).or_default();
            if appended.is_err() {
                copy.waiting = block;
                return (rest, appended);
            }
            if !self.follows {
                block.iter().for_each(|line| copy.ahead.add(line));
            }
            let read;
            (rest, read) = rest.read_block().await;
            copy.read_to = Some(rest.tail.place());
            if read.is_empty() {
                return (rest, Ok(()));
            }
            copy.waiting = read;
        }
    }

    /// A sidecar has an entry of its own, which is in no file.
    pub(super) async fn sidecar(&mut self, key: &SessionKey, path: &str, whole: &Path, bytes: u64) -> bool {
        let read = may_fail(whole)
            .and_then(|()| fs::read(whole))
            .map_err(|error| error.to_string());
        let entry = read.and_then(|bytes| metadata::from_sidecar(&bytes).map_err(|error| error.to_string()));
        let entry = match entry {
            Ok(entry) => entry,
            Err(cause) => {
                self.unreadable(whole, &format!("it is no sidecar: {cause}"));
                return true;
            }
        };
        self.unread.remove(whole);
        let last = self.copies.get(key).and_then(|copy| copy.spooled.metadata.as_deref());
        let is_known = match last {
            Some(last) => metadata::same(last, &entry),
            None => bytes == self.trail.length(path),
        };
        if is_known {
            return true;
        }
        match self.append(key, &[&entry]).await {
            Ok(()) => {
                self.copies.entry(key.clone()).or_default().spooled.metadata = Some(entry);
                self.caught_up(key, 1);
                true
            }
            Err(error) => {
                self.fell_behind(key, &error);
                false
            }
        }
    }

    pub(super) fn caught_up(&mut self, key: &SessionKey, entries: u64) {
        if entries == 0 || self.follows {
            return;
        }
        self.tally.caught_up += entries;
        self.tell(AgentEvent::CaughtUp {
            key: key.clone(),
            entries,
        });
    }
}
