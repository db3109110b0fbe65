//! What everybody may see of one stream's way to one destination, and how its worker learns what to do. When lines are
//! due is decided in `delivery`.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::roster::{Roster, Turn};
use super::trouble::Trouble;
use crate::key::SessionKey;
use crate::spool::{Place, Stream};
use crate::store::Position;

/// One stream on its way to one destination. Its worker knows the rest ([`super::delivery`]).
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) key: SessionKey,
    roster: Weak<Roster<Self>>,
    progress: Mutex<LaneProgress>,
    moved: Notify,
    /// None for a lane that sleeps.
    inbox: Mutex<Option<Box<LaneNews>>>,
    turn: Mutex<Turn>,
    /// Since when lines wait that do not fill a batch.
    waiting_since: Mutex<Option<Instant>>,
    is_retired: AtomicBool,
}

/// How far the stream is.
#[derive(Clone, Debug, Default)]
pub(super) struct LaneProgress {
    pub(super) copies: Copies,
    pub(super) state: State,
    /// How many deletes were asked for,
    pub(super) wishes: u64,
    /// and up to which of them all are done.
    pub(super) granted: u64,
}

/// How far each writer's copy is. There are few, mostly one.
#[derive(Clone, Debug, Default)]
pub(super) struct Copies(Vec<Delivered>);

/// How far one writer's copy is.
#[derive(Clone, Debug)]
pub(super) struct Delivered {
    pub(super) stream: Arc<Stream>,
    /// This process's own: it grows.
    pub(super) is_live: bool,
    /// Everything before is there, or is not to be delivered.
    pub(super) place: Place,
    /// What comes before its first line is there.
    pub(super) is_grounded: bool,
    /// The end of the log when it had got there; none before the first batch.
    pub(super) position: Option<Position>,
    /// No line of others is there that could stand for a later one of this copy's.
    pub(super) is_even: bool,
}

/// How it goes. Of most nothing failed, and a lane is kept for every stream: a cause has a place of its own.
#[derive(Clone, Debug, Default)]
pub(super) enum State {
    /// Well, as far as is known.
    #[default]
    Following,
    /// It failed, and is tried again.
    Retrying { cause: Box<Trouble> },
    /// It is tried again rarely.
    Parked { cause: Box<Trouble> },
    /// Nothing more goes there.
    Stopped { cause: Box<Trouble> },
}

/// What was not looked at yet. Whatever is said twice is said once.
#[derive(Debug, Default)]
pub(super) struct LaneNews {
    /// Copies to deliver.
    pub(super) copies: Vec<Copied>,
    /// Writers whose spool is gone.
    pub(super) gone: Vec<String>,
    /// Everything that is there now is due at once.
    pub(super) hurry: bool,
    /// Waiting for better times is over.
    pub(super) retry: bool,
    /// A delete stands in the ledger.
    pub(super) delete: bool,
}

/// A writer's copy of the stream.
#[derive(Clone, Debug)]
pub(super) struct Copied {
    pub(super) stream: Arc<Stream>,
    /// This process's own: it grows.
    pub(super) is_live: bool,
}

impl Lane {
    pub(super) fn new(key: SessionKey, roster: &Arc<Roster<Self>>) -> Arc<Self> {
        Arc::new(Self {
            key,
            roster: Arc::downgrade(roster),
            progress: Mutex::default(),
            moved: Notify::new(),
            inbox: Mutex::default(),
            turn: Mutex::default(),
            waiting_since: Mutex::default(),
            is_retired: AtomicBool::new(false),
        })
    }

    /// The destination does not take the stream any more: nobody works at it, and nobody waits for it.
    pub(super) fn retire(&self) {
        self.is_retired.store(true, Ordering::Release);
        self.update(|progress| progress.copies.0.clear());
    }

    /// Waits until the lane is retired.
    pub(super) async fn retired(&self) {
        self.until(|_| self.is_retired.load(Ordering::Acquire)).await;
    }

    /// Adds a copy. From now on it counts as something that is not delivered.
    pub(super) fn add(self: &Arc<Self>, copied: Copied) {
        let delivered = Delivered {
            place: copied.stream.start(),
            is_grounded: copied.stream.base().stored.is_none(),
            stream: copied.stream.clone(),
            is_live: copied.is_live,
            position: None,
            is_even: false,
        };
        self.update(|progress| progress.copies.add(delivered));
        self.tell(|news| news.copies.push(copied));
    }

    pub(super) fn want_deleted(self: &Arc<Self>) {
        self.update(|progress| progress.wishes += 1);
        self.tell(|news| news.delete = true);
    }

    pub(super) fn tell(self: &Arc<Self>, news: impl FnOnce(&mut LaneNews)) {
        news(self.inbox().get_or_insert_default());
        // Without a roster there is no destination any more.
        if let Some(roster) = self.roster.upgrade() {
            roster.ring(self);
        }
    }

    pub(super) fn take_news(&self) -> LaneNews {
        self.inbox().take().map_or_else(LaneNews::default, |news| *news)
    }

    pub(super) fn progress(&self) -> MutexGuard<'_, LaneProgress> {
        self.progress.lock()
    }

    pub(super) fn update(&self, change: impl FnOnce(&mut LaneProgress)) {
        change(&mut self.progress());
        self.moved.notify_waiters();
    }

    /// Waits until the progress is as wished.
    pub(super) async fn until(&self, is_so: impl Fn(&LaneProgress) -> bool) {
        loop {
            let mut moved = std::pin::pin!(self.moved.notified());
            // Before looking: what moves from here on wakes.
            moved.as_mut().enable();
            if is_so(&self.progress()) {
                return;
            }
            moved.await;
        }
    }

    /// Its place in the roster, which alone changes it.
    pub(super) fn turn(&self) -> MutexGuard<'_, Turn> {
        self.turn.lock()
    }

    /// Since when lines wait that do not fill a batch: now, if none waited before.
    pub(super) fn waits_since(&self, now: Instant) -> Instant {
        *self.waiting_since().get_or_insert(now)
    }

    /// No lines wait for more of them.
    pub(super) fn waits_no_more(&self) {
        *self.waiting_since() = None;
    }

    fn waiting_since(&self) -> MutexGuard<'_, Option<Instant>> {
        self.waiting_since.lock()
    }

    fn inbox(&self) -> MutexGuard<'_, Option<Box<LaneNews>>> {
        self.inbox.lock()
    }
}

impl Copies {
    pub(super) fn get(&self, writer: &str) -> Option<&Delivered> {
        self.0.iter().find(|delivered| delivered.stream.writer() == writer)
    }

    pub(super) fn get_mut(&mut self, writer: &str) -> Option<&mut Delivered> {
        self.0.iter_mut().find(|delivered| delivered.stream.writer() == writer)
    }

    /// Writers and how far their copies are.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Delivered)> {
        self.0.iter().map(|delivered| (delivered.stream.writer(), delivered))
    }

    pub(super) fn all(&self) -> Vec<Copied> {
        self.0.iter().map(Delivered::copied).collect()
    }

    pub(super) fn remove(&mut self, writer: &str) {
        self.0.retain(|delivered| delivered.stream.writer() != writer);
    }

    /// Does nothing where the writer's copy is here already.
    fn add(&mut self, delivered: Delivered) {
        if self.get(delivered.stream.writer()).is_none() {
            self.0.push(delivered);
            self.0.shrink_to_fit();
        }
    }
}

impl LaneProgress {
    /// Whether a delete is not done yet.
    pub(super) fn is_deleting(&self) -> bool {
        self.granted < self.wishes
    }

    /// Whether everything before these places, by writer, is done with.
    pub(super) fn has_reached(&self, targets: &BTreeMap<String, u64>) -> bool {
        let reached = |(writer, line): (&String, &u64)| {
            let delivered = self.copies.get(writer);
            delivered.is_none_or(|delivered| delivered.has_reached(*line))
        };
        !self.is_deleting() && targets.iter().all(reached)
    }

    /// Where every copy ends now.
    pub(super) fn ends(&self) -> BTreeMap<String, u64> {
        let end = |(writer, delivered): (&str, &Delivered)| (writer.to_owned(), delivered.stream.end().line);
        self.copies.iter().map(end).collect()
    }

    /// Whether nothing is left to do.
    pub(super) fn is_settled(&self) -> bool {
        let mut copies = self.copies.iter();
        let has_all = copies.all(|(_, delivered)| delivered.has_reached(delivered.stream.end().line));
        has_all && !self.is_deleting() && self.state.cause().is_none()
    }
}

impl State {
    pub(super) fn cause(&self) -> Option<&Trouble> {
        match self {
            State::Following => None,
            State::Retrying { cause } | State::Parked { cause } | State::Stopped { cause } => Some(&**cause),
        }
    }
}

impl Delivered {
    fn copied(&self) -> Copied {
        Copied {
            stream: self.stream.clone(),
            is_live: self.is_live,
        }
    }

    /// Whether everything before this line is done with.
    pub(super) fn has_reached(&self, line: u64) -> bool {
        self.is_grounded && self.place.line >= line
    }

    /// Entries and bytes that are not there yet.
    pub(super) fn behind(&self) -> (u64, u64) {
        let end = self.stream.end();
        (
            end.line.saturating_sub(self.place.line),
            end.offset.saturating_sub(self.place.offset),
        )
    }
}
