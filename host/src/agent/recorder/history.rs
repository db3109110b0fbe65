//! What a file held before the run began. Its rows are spooled before the run's own, marked as in doubt: a destination
//! that lacks them gets them first, in the file's order, and one that has them gets nothing.

use std::path::{Path, PathBuf};

use super::Recorder;
use super::rest::Rest;
use crate::agent::event::AgentEvent;
use crate::agent::spooled::Spooled;
use crate::agent_format::is_mirrored;
use crate::follow::{Tail, complete_lines};
use crate::host::AppendFailed;
use crate::key::SessionKey;
use crate::session::blocking;
use crate::spool::Doubtful;
use crate::transcript::LineError;

impl Recorder<'_> {
    /// Spools what a transcript's file held when the run began, once, before the run's first row of it. Where it cannot
    /// be read any more, the run says so, and its rows come all the same.
    pub(super) async fn bring_history(&mut self, key: &SessionKey) -> Result<(), AppendFailed> {
        if self.copies.entry(key.clone()).or_default().is_begun {
            return Ok(());
        }
        if let Some((whole, length)) = self.history_of(key) {
            let read = blocking({
                let whole = whole.clone();
                move || History::open(&whole, length)
            })
            .await;
            match read {
                Ok(history) if history.lines == 0 => {}
                Ok(history) => {
                    let mut rest = self.spool_history(key, history).await?;
                    if let Some(error) = rest.failed.take() {
                        self.lacks_history(&whole, &error);
                    }
                    self.tell_of_passed_over(&whole, &rest);
                }
                Err(error) => self.lacks_history(&whole, &error),
            }
        }
        self.copies.entry(key.clone()).or_default().is_begun = true;
        Ok(())
    }

    /// Tells it, and counts it for good: that the run's own rows can be read says nothing of those before them.
    fn lacks_history(&mut self, whole: &Path, error: &LineError) {
        self.passed_over += 1;
        self.tell(AgentEvent::Unreadable {
            file: whole.display().to_string(),
            cause: format!("what it held before this run is not taken: {error}"),
        });
    }

    /// A transcript's file, and how long it was when the run began; `None` if nobody need bring that: it was not there,
    /// lies where this run's own agent wrote it from what is stored, or is taken whole by a pick-up.
    fn history_of(&self, key: &SessionKey) -> Option<(PathBuf, u64)> {
        if self.is_picked_up || self.trail.is_private() {
            return None;
        }
        let folder = self.trail.place().folder_of(key);
        // A key that is no file's name was made of none: there is nothing to bring. Lengths are noted by texts.
        let path = key.in_project(folder).file().ok()?;
        let length = self.trail.length(path.to_str()?);
        let whole = self.trail.place().projects.join(path);
        (length > 0 && !self.trail.is_unread(&whole)).then_some((whole, length))
    }

    /// Returns what was read, which says what of it could not be.
    async fn spool_history(&mut self, key: &SessionKey, history: History) -> Result<Rest, AppendFailed> {
        let transcript = self.host.transcript(key.clone());
        let found = Doubtful {
            lines: history.lines,
            // No record says since when: after a delete, none of them comes back.
            taken: history.lines,
            goes_on: false,
        };
        let marking = transcript.clone();
        blocking(move || marking.found(found)).await?;
        let mut rest = history.rest;
        loop {
            let block;
            (rest, block) = rest.read_block().await;
            if block.is_empty() {
                return Ok(rest);
            }
            transcript.append_lines(&block).await?;
        }
    }
}

/// The complete lines of a file up to a place.
#[derive(Debug)]
struct History {
    lines: u64,
    rest: Rest,
}

impl History {
    /// Counts them, and stands before the first of them. Blocks.
    fn open(whole: &Path, length: u64) -> Result<Self, LineError> {
        let failed = |source| LineError::Io {
            line: 1,
            offset: 0,
            source,
        };
        // A line that was torn then is the run's.
        let end = complete_lines(whole, length).map_err(failed)?;
        let mut tail = Tail::open(whole, 0).map_err(failed)?;
        let mut lines = 0;
        while tail.place() < end {
            match tail.next_line() {
                Ok(Some(line)) => lines += u64::from(is_mirrored(&line)),
                Ok(None) => break,
                Err(LineError::TooLong { .. }) if tail.pass_over()?.is_some() => {}
                Err(error) => return Err(error),
            }
        }
        let tail = Tail::open(whole, 0).map_err(failed)?;
        let rest = Rest::new(tail, Spooled::default()).up_to(end);
        Ok(Self { lines, rest })
    }
}
