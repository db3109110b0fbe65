//! Sessions of a killed run that its host never met.
//!
//! A host may be killed before it has seen one row of its agent, which goes on for a while. Only the agent's files say
//! then which sessions it began.

use std::collections::HashSet;
use std::io;
use std::path::Path;

use super::Recorder;
use super::rest::Rest;
use crate::agent::spooled::Spooled;
use crate::follow::{self, FileKind, Tail};
use crate::host::AppendFailed;
use crate::key::SessionKey;
use crate::session::blocking;
use crate::spool::Doubtful;

impl Recorder<'_> {
    /// Notes the sessions of the run's folder that the run may have written and did not note. Returns whether all of
    /// the folder could be looked at.
    pub(super) async fn find_sessions(&mut self) -> bool {
        let place = self.trail.place().clone();
        let dir = place.projects.join(&place.folder);
        let listing = blocking(move || follow::list(&dir)).await;
        let mut is_whole = listing.unreadable.is_empty();
        let noted: HashSet<_> = self.trail.sessions().into_iter().collect();
        let files = self.seen(listing).into_iter();
        let transcripts = files.filter(|file| file.kind == FileKind::Transcript);
        // Before any is noted: what is noted changes the answer.
        let new = transcripts.filter(|file| {
            let path = format!("{}/{}", place.folder, file.path);
            self.trail.may_have_written(&path, file.bytes)
        });
        for file in new.collect::<Vec<_>>() {
            let Some((path, key)) = self.named(&place.folder, &file) else {
                continue;
            };
            if noted.contains(&(place.folder.clone(), key.session_id().to_owned())) {
                continue;
            }
            // What is not marked is not noted either, so the next pick-up begins with it again.
            match self.trail.length(&path) > 0 || self.doubt(&key, &place.projects.join(path)).await {
                true => self.note(&key, true),
                false => is_whole = false,
            }
        }
        is_whole
    }

    /// Marks what a file holds as found: another run in the same folder may have mirrored it, so each destination gets
    /// the lines that it lacks. Returns whether that is on disk.
    async fn doubt(&mut self, key: &SessionKey, file: &Path) -> bool {
        let (path, transcript) = (file.to_owned(), self.host.transcript(key.clone()));
        let marked: io::Result<_> = blocking(move || {
            let lines = count(&path)?;
            let found = Doubtful {
                lines,
                taken: 0,
                goes_on: false,
            };
            let is_any = lines > 0;
            Ok(if is_any { transcript.found(found) } else { Ok(()) })
        })
        .await;
        match marked {
            Ok(Ok(())) => return true,
            Ok(Err(error)) => self.fell_behind(key, &AppendFailed::from(error)),
            Err(error) => self.unreadable(file, &error),
        }
        false
    }
}

/// How many lines of a file are spooled: those that [`Rest`] yields.
fn count(file: &Path) -> io::Result<u64> {
    let mut rest = Rest::new(Tail::open(file, 0)?, Spooled::default());
    let mut lines = 0;
    loop {
        match rest.next_block().len() {
            0 => return Ok(lines),
            more => lines += more as u64,
        }
    }
}
