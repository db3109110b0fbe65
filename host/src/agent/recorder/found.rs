//! Files of a run that was killed, as they are found: who else wrote to them since, and who spooled that, is not known.
//!
//! The spools of the run say what of its rows they hold. Where a file holds these rows, and no others behind what it
//! held when the run began, nothing is missing. Else it is spooled whole and marked as in doubt
//! ([`crate::spool::Doubt`]): the mirror compares it with what each destination holds. That decides right whatever
//! came between: other runs that were killed, rows of an agent that nobody ran, a file that was written anew, a spool
//! that is gone.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use super::Recorder;
use super::rest::Rest;
use crate::agent::event::Tally;
use crate::agent::spooled::Spooled;
use crate::agent_format::{self, FileKind, TranscriptFile, is_mirrored};
use crate::follow::Tail;
use crate::key::SessionKey;
use crate::session::blocking;
use crate::spool::Doubtful;
use crate::transcript::LineError;

/// What is in a file that was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counted {
    /// Lines that the agent mirrors.
    lines: u64,
    /// So many of them the file held before the run began.
    before: u64,
    /// Lines behind those that the run's spools do not hold.
    new: u64,
    /// The lines behind those are the ones that the run's spools hold, and no others.
    is_spooled: bool,
}

impl Recorder<'_> {
    /// Takes up what a killed run left, given what its spools hold, if they are still there. `held` are the trails that
    /// this process holds.
    pub(in crate::agent) async fn take_up(
        mut self,
        spooled: Option<HashMap<SessionKey, Spooled>>,
        held: &BTreeSet<String>,
    ) -> Tally {
        let is_known = spooled.is_some();
        self.is_picked_up = true;
        self.know(spooled.unwrap_or_default());
        // Into a directory of its own nobody else wrote, and its history came from a destination.
        let is_whole = match self.trail.is_private() && is_known {
            true => self.take_exactly().await,
            false => self.take_as_found(is_known, held).await,
        };
        self.end(is_whole).await
    }

    async fn take_exactly(&mut self) -> bool {
        match self.trail.add_writer(self.host.writer()) {
            Ok(()) => self.catch_up_all().await,
            Err(error) => self.holds_up(error.to_string()),
        }
    }

    async fn take_as_found(&mut self, is_known: bool, held: &BTreeSet<String>) -> bool {
        let mut is_whole = self.find_sessions();
        for (folder, session) in self.trail.sessions() {
            let (files, is_seen) = self.files_of(&folder, &session);
            is_whole &= is_seen;
            for file in files {
                is_whole &= self.found_file((&folder, &session), &file, is_known, held).await;
            }
        }
        is_whole
    }

    /// Notes the sessions of the run's folder that the run may have written to and did not note. Whether all of the
    /// folder could be looked at.
    fn find_sessions(&mut self) -> bool {
        let place = self.trail.place().clone();
        let listing = agent_format::list(&place.projects.join(&place.folder));
        let is_seen = listing.unreadable.is_empty();
        let named = self.seen(listing).into_iter().filter_map(|file| {
            let (path, key) = self.named(&place.folder, &file)?;
            // What could not be looked at when the run began may be anybody's.
            let is_unread = self.trail.is_unread(&place.projects.join(&path));
            (!is_unread && self.trail.may_have_written(&path, file.bytes)).then_some(key)
        });
        // Together: what is noted changes the answer.
        let found: BTreeSet<_> = named.collect();
        found.iter().for_each(|key| self.note(key, true));
        is_seen
    }

    async fn found_file(
        &mut self,
        (folder, session): (&str, &str),
        file: &TranscriptFile,
        is_known: bool,
        held: &BTreeSet<String>,
    ) -> bool {
        let Some((path, key)) = self.named(folder, file) else {
            return true;
        };
        let whole = self.trail.place().projects.join(&path);
        if self.trail.is_unread(&whole) {
            // Told when the run began; which of its rows are the run's cannot be said.
            return true;
        }
        match file.kind {
            FileKind::Transcript => {}
            FileKind::Sidecar => return self.sidecar(&key, &path, &whole, file.bytes).await,
        }
        let counted = match self.count(&key, &path, &whole).await {
            Ok(counted) if counted.is_spooled && is_known => return true,
            Ok(counted) => counted,
            Err(error) => {
                self.unreadable(&whole, &error);
                return false;
            }
        };
        let is_free = |this: &Self| {
            let is_taken = this.trail.is_of_living(held, (folder, session, &path), file.bytes);
            match is_taken {
                Ok(false) => Ok(()),
                Ok(true) => Err(format!("another run mirrors {key}: this is done once it has ended")),
                Err(error) => Err(format!("cannot see what other runs mirror: {error}")),
            }
        };
        let found = Doubtful {
            lines: counted.lines,
            taken: if is_known { counted.before } else { counted.lines },
            goes_on: false,
        };
        match self.spool_whole(&key, &whole, found, is_free).await {
            Ok(()) => {
                self.tally.entries += counted.new;
                self.caught_up(&key, counted.new);
                true
            }
            Err(cause) => self.holds_up(cause),
        }
    }

    async fn count(&mut self, key: &SessionKey, path: &str, whole: &Path) -> Result<Counted, LineError> {
        let before = self.trail.length(path);
        let spooled = self.copies.entry(key.clone()).or_default().spooled.clone();
        let whole = whole.to_owned();
        blocking(move || count(&whole, before, spooled)).await
    }

    /// Spools a file from its beginning to its end. Before anything of it is spooled it is asked whether that may be:
    /// of lines that were read before, the answer is certain.
    async fn spool_whole(
        &mut self,
        key: &SessionKey,
        whole: &Path,
        found: Doubtful,
        may: impl Fn(&Self) -> Result<(), String>,
    ) -> Result<(), String> {
        let tail = Tail::open(whole, 0).map_err(|error| error.to_string())?;
        let mut rest = Rest::new(tail, Spooled::default());
        let transcript = self.host.transcript(key.clone());
        let mut is_marked = false;
        loop {
            let block;
            (rest, block) = rest.read_block().await;
            if block.is_empty() {
                break;
            }
            may(self)?;
            if !std::mem::replace(&mut is_marked, true) {
                let transcript = transcript.clone();
                let marked = blocking(move || transcript.found(found)).await;
                marked.map_err(|error| error.to_string())?;
            }
            let appended = transcript.append_lines(&block).await;
            appended.map_err(|error| error.to_string())?;
        }
        self.tell_of_passed_over(whole, &rest);
        self.copies.entry(key.clone()).or_default().torn = rest.tail.torn();
        match rest.failed {
            None => Ok(()),
            Some(error) => Err(error.to_string()),
        }
    }

    /// Not everything can be spooled now, and why. False.
    fn holds_up(&mut self, cause: String) -> bool {
        self.trouble = Some(cause);
        false
    }
}

/// Reads a file that had so many bytes when the run began, and tells its lines from those that are spooled. Blocks.
fn count(whole: &Path, before: u64, mut spooled: Spooled) -> Result<Counted, LineError> {
    let opened = Tail::open(whole, 0);
    let mut tail = opened.map_err(|source| LineError::Io {
        line: 1,
        offset: 0,
        source,
    })?;
    let mut counted = Counted::default();
    loop {
        match tail.next_line() {
            Ok(Some(line)) if !is_mirrored(&line) => {}
            Ok(Some(line)) => {
                counted.lines += 1;
                // What was there before it the run may have spooled first.
                let is_spooled = spooled.take(&line);
                match tail.place() <= before {
                    true => counted.before += 1,
                    false => counted.new += u64::from(!is_spooled),
                }
            }
            // Its end is not there yet.
            Err(LineError::TooLong { .. }) if tail.pass_over()?.is_none() => break,
            Err(LineError::TooLong { .. }) => {}
            Ok(None) => break,
            Err(error) => return Err(error),
        }
    }
    if tail.place() + tail.torn() < before {
        // It was written anew: what stood before its end is not known.
        (counted.before, counted.new) = (counted.lines, counted.lines);
    }
    counted.is_spooled = counted.new == 0 && spooled.is_empty();
    Ok(counted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_told_from_what_is_spooled() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s.jsonl");
        let counted = |text: &str, before: u64, lines: &str| {
            std::fs::write(&path, text).unwrap();
            let mut spooled = Spooled::default();
            spooled.add_payload(lines.as_bytes());
            count(&path, before, spooled).unwrap()
        };
        let own = "{\"type\":\"api-request\"}\n";
        let is_spooled = |counted: Counted| counted.is_spooled;
        assert!(is_spooled(counted("1\n2\n3\n", 2, "2\n3\n")));
        assert!(is_spooled(counted(&format!("1\n{own}2\n3"), 2, "2\n")));
        // The rest of a line that was torn when the run began is the run's.
        assert_eq!(counted("1\n22\n", 3, "").new, 1);
        let some = counted("1\n2\n3\n3\n", 2, "3\n2\n");
        assert_eq!((some.lines, some.before, some.new, some.is_spooled), (4, 1, 1, false));
        // With what was there before it.
        assert!(is_spooled(counted("1\n2\n3\n", 2, "1\n2\n3\n")));
        assert!(!is_spooled(counted("2\n", 2, "2\n3\n")));
        assert!(!is_spooled(counted("2\n", 6, "")));
    }
}
