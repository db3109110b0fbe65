//! What everybody may see of one stream's way to one destination, and how its task is told what to do.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, watch};

use super::trouble::Trouble;
use crate::key::SessionKey;
use crate::spool::{Place, Stream};
use crate::store::Position;

/// One stream on its way to one destination. Its task ([`super::delivery`]) owns the rest.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) key: SessionKey,
    progress: watch::Sender<Progress>,
    inbox: Mutex<News>,
    arrived: Notify,
    retired: watch::Sender<bool>,
}

/// How far the stream is.
#[derive(Clone, Debug, Default)]
pub(super) struct Progress {
    /// By writer.
    pub(super) copies: BTreeMap<String, Delivered>,
    pub(super) state: State,
    /// How many deletes were asked for,
    pub(super) wishes: u64,
    /// and up to which of them all are done.
    pub(super) granted: u64,
}

/// How far one writer's copy is.
#[derive(Clone, Debug)]
pub(super) struct Delivered {
    pub(super) stream: Arc<Stream>,
    /// Everything before is there, or is not to be delivered.
    pub(super) place: Place,
    /// What comes before its first line is there.
    pub(super) is_grounded: bool,
    /// The end of the log when it had got there; none before the first batch.
    pub(super) position: Option<Position>,
}

/// How it goes.
#[derive(Clone, Debug, Default)]
pub(super) enum State {
    /// Well, as far as is known.
    #[default]
    Following,
    /// It failed, and is tried again.
    Retrying { cause: Trouble },
    /// It is tried again rarely.
    Parked { cause: Trouble },
    /// Nothing more goes there.
    Stopped { cause: Trouble },
}

/// What the task has not looked at yet. Whatever is said twice is said once.
#[derive(Debug, Default)]
pub(super) struct News {
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
    pub(super) fn new(key: SessionKey) -> Arc<Self> {
        Arc::new(Self {
            key,
            progress: watch::Sender::default(),
            inbox: Mutex::default(),
            arrived: Notify::new(),
            retired: watch::Sender::new(false),
        })
    }

    /// The destination does not take the stream any more: its task ends, and nobody waits for it.
    pub(super) fn retire(&self) {
        self.retired.send_replace(true);
        self.progress.send_modify(|progress| progress.copies.clear());
    }

    /// Waits until the lane is retired.
    pub(super) async fn retired(&self) {
        drop(self.retired.subscribe().wait_for(|retired| *retired).await);
    }

    /// Adds a copy. From now on it counts as something that is not delivered.
    pub(super) fn add(&self, copied: Copied) {
        let delivered = Delivered {
            place: copied.stream.start(),
            is_grounded: copied.stream.base().stored.is_none(),
            stream: copied.stream.clone(),
            position: None,
        };
        self.progress.send_modify(|progress| {
            let writer = copied.stream.writer().to_owned();
            progress.copies.entry(writer).or_insert(delivered);
        });
        self.tell(|news| news.copies.push(copied));
    }

    pub(super) fn want_deleted(&self) {
        self.progress.send_modify(|progress| progress.wishes += 1);
        self.tell(|news| news.delete = true);
    }

    pub(super) fn tell(&self, news: impl FnOnce(&mut News)) {
        news(&mut self.inbox());
        self.arrived.notify_one();
    }

    pub(super) fn take_news(&self) -> News {
        std::mem::take(&mut self.inbox())
    }

    /// Wakes when there is news. Only the task waits here.
    pub(super) async fn news(&self) {
        self.arrived.notified().await;
    }

    pub(super) fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.subscribe()
    }

    pub(super) fn update(&self, change: impl FnOnce(&mut Progress)) {
        self.progress.send_modify(change);
    }

    fn inbox(&self) -> MutexGuard<'_, News> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Progress {
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
        let end = |(writer, delivered): (&String, &Delivered)| (writer.clone(), delivered.stream.end().line);
        self.copies.iter().map(end).collect()
    }
}

impl State {
    pub(super) fn cause(&self) -> Option<&Trouble> {
        match self {
            State::Following => None,
            State::Retrying { cause } | State::Parked { cause } | State::Stopped { cause } => Some(cause),
        }
    }
}

impl Delivered {
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
