use std::collections::VecDeque;
use std::mem;
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::append_end::EntryBlock;
use super::changed_streams::ChangedStreams;
use super::error::AppendError;
use super::place::{Doubtful, Place};
use super::stream::Stream;

/// The most that one stream may have waiting for a sync, in bytes, but for a single larger call.
const ROOM: usize = 2 << 20;

/// What a permit stands for.
const UNIT: usize = 1 << 10;

/// The calls that wait for one stream's next sync.
#[derive(Debug)]
pub(super) struct AppendQueue {
    pub(super) stream: Arc<Stream>,
    pub(super) room: Room,
    queue: Mutex<Queue>,
    changes: Arc<ChangedStreams>,
}

#[derive(Debug, Default)]
struct Queue {
    calls: VecDeque<Call>,
    /// A thread works at the lane, or will.
    scheduled: bool,
}

/// A call that waits.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) block: EntryBlock,
    pub(super) answer: oneshot::Sender<Result<Place, AppendError>>,
    /// Given back once the call is answered.
    pub(super) _room: [OwnedSemaphorePermit; 2],
}

impl AppendQueue {
    pub(super) fn new(stream: Arc<Stream>, changes: Arc<ChangedStreams>) -> Self {
        Self {
            stream,
            room: Room::new(ROOM),
            queue: Mutex::default(),
            changes,
        }
    }

    /// Adds a call; true if the lane has to be scheduled for it.
    pub(super) fn push(&self, call: Call) -> bool {
        let mut queue = self.queue();
        queue.calls.push_back(call);
        !mem::replace(&mut queue.scheduled, true)
    }

    /// Drops what waits: it was not accepted.
    pub(super) fn clear(&self) {
        *self.queue() = Queue::default();
    }

    /// Writes all that waits with one sync and answers; true if more came meanwhile.
    pub(super) fn work(&self) -> bool {
        let calls = mem::take(&mut self.queue().calls);
        let mut end = self.stream.end();
        let done = self.commit(&calls);
        for call in calls {
            end = end.after(call.block.lines, call.block.bytes.len() as u64);
            // The caller may have gone.
            let _ = call.answer.send(done.clone().map(|()| end));
        }
        self.end_turn()
    }

    /// A thread's turn is over, be it by a panic: what it had in hand is answered or dropped by then. True if more
    /// waits.
    pub(super) fn end_turn(&self) -> bool {
        let mut queue = self.queue();
        queue.scheduled = !queue.calls.is_empty();
        queue.scheduled
    }

    /// Notes that what comes next may be at destinations already.
    pub(super) fn doubt(&self, found: Doubtful) -> Result<(), AppendError> {
        let before = (self.stream.is_begun(), self.stream.end());
        let done = self.stream.doubt(found);
        self.tell_changed(before);
        done
    }

    fn commit(&self, calls: &VecDeque<Call>) -> Result<(), AppendError> {
        let blocks: Vec<_> = calls.iter().map(|call| &call.block).collect();
        let before = (self.stream.is_begun(), self.stream.end());
        let done = self.stream.commit(&blocks);
        self.tell_changed(before);
        done
    }

    fn tell_changed(&self, before: (bool, Place)) {
        if (self.stream.is_begun(), self.stream.end()) != before {
            self.changes.note(&self.stream);
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock()
    }
}

/// How many bytes may wait at once. First come, first served; one call larger than all of it takes all of it.
#[derive(Clone, Debug)]
pub(super) struct Room {
    units: Arc<Semaphore>,
    all: usize,
}

impl Room {
    pub(super) fn new(bytes: usize) -> Self {
        let all = bytes / UNIT;
        Self {
            units: Arc::new(Semaphore::new(all)),
            all,
        }
    }

    pub(super) async fn take(&self, bytes: usize) -> Result<OwnedSemaphorePermit, AppendError> {
        let units = bytes.div_ceil(UNIT).clamp(1, self.all);
        let units = u32::try_from(units).unwrap_or(u32::MAX);
        let taken = self.units.clone().acquire_many_owned(units).await;
        taken.map_err(|_| AppendError::Closed)
    }

    /// Those who wait are refused.
    pub(super) fn close(&self) {
        self.units.close();
    }
}
