//! What the streams share while they are looked at: whom to ask, whom to report to, how much may be read at once.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::{Semaphore, SemaphorePermit, watch};
use tokio::time::Instant;

use super::event::{OnWatchEvent, Wait, WatchEvent};
use super::figures::{NAMED, NotTaken, OddLines};
use super::records::Records;
use super::runs::Runs;
use super::unread::TooLong;
use crate::host::Host;
use crate::key::SessionKey;

/// When a transcript that could not be taken is tried again.
const RETRY: Duration = Duration::from_secs(10);

/// How much may be unread of all transcripts that are worked on side by side, in MiB: one that has more goes alone.
pub(super) const ROOM: u32 = 32;

/// What was counted so far.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) entries: AtomicU64,
    odd: Mutex<(u64, Vec<OddLines>)>,
    not_taken: Mutex<(u64, Vec<NotTaken>)>,
}

/// What the streams share during one look at the directory.
pub(super) struct Look<'a> {
    pub(super) host: &'a Host,
    pub(super) projects: &'a Path,
    pub(super) records: &'a Records,
    pub(super) runs: &'a Runs,
    /// Whether to stop; `None` in the last look, which goes on.
    pub(super) stop: Option<watch::Receiver<bool>>,
    pub(super) on_event: &'a OnWatchEvent,
    pub(super) tally: &'a Tally,
    pub(super) room: &'a Semaphore,
}

impl Tally {
    pub(super) fn odd(&self) -> MutexGuard<'_, (u64, Vec<OddLines>)> {
        self.odd.lock()
    }

    pub(super) fn not_taken(&self) -> MutexGuard<'_, (u64, Vec<NotTaken>)> {
        self.not_taken.lock()
    }
}

impl Look<'_> {
    pub(super) fn tell(&self, event: WatchEvent) {
        tell(self.on_event, &event);
    }

    /// Entries were appended.
    pub(super) fn count(&self, entries: u64) {
        self.tally.entries.fetch_add(entries, Ordering::Relaxed);
    }

    /// Lines that are no entries were.
    pub(super) fn count_odd(&self, stream: &SessionKey, lines: u64) {
        let mut odd = self.tally.odd();
        let (all, named) = &mut *odd;
        *all += lines;
        if let Some(named) = named.iter_mut().find(|named| named.stream == *stream) {
            named.lines += lines;
        } else if named.len() < NAMED {
            let stream = stream.clone();
            named.push(OddLines { stream, lines });
        }
    }

    /// A line is passed over.
    pub(super) fn not_taken(&self, path: &Path, TooLong { at, bytes }: TooLong) {
        let path = path.to_owned();
        self.tell(WatchEvent::TooLong {
            path: path.clone(),
            at,
            bytes,
        });
        let mut not_taken = self.tally.not_taken();
        not_taken.0 += 1;
        if not_taken.1.len() < NAMED {
            not_taken.1.push(NotTaken { path, at, bytes });
        }
    }

    /// A place among those who read so many bytes; none where nobody is to read any more.
    pub(super) async fn room(&self, bytes: u64) -> Option<SemaphorePermit<'_>> {
        let mebibytes = u32::try_from(bytes >> 20).unwrap_or(u32::MAX);
        self.room.acquire_many(mebibytes.clamp(1, ROOM)).await.ok()
    }

    /// When a stream that waits is looked at again.
    pub(super) fn again(&self, cause: &Wait) -> Instant {
        match cause {
            Wait::Run | Wait::Stopping => Instant::now(),
            Wait::Failed(_) => Instant::now() + RETRY,
        }
    }

    /// Fails once it is to stop. Between two appends: one that is dropped halfway may still come to be.
    pub(super) fn go_on(&self) -> Result<(), Wait> {
        match self.stop.as_ref().is_some_and(|stop| *stop.borrow()) {
            true => Err(Wait::Stopping),
            false => Ok(()),
        }
    }
}

/// To the log and to the caller.
pub(super) fn tell(on_event: &OnWatchEvent, event: &WatchEvent) {
    match event.is_usual() {
        true => tracing::info!("{event}"),
        false => tracing::warn!("{event}"),
    }
    on_event(event);
}
