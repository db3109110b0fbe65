use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use super::destination::Destination;
use super::lane::{Copied, Delivered};
use super::on_disk;
use super::shared::Shared;
use crate::config::Keep;
use crate::spool::{Adopted, Base, Stored, Stream};

/// How often it is looked for what need not be kept any longer.
const EVERY: Duration = Duration::from_secs(30);

/// A stream is pruned once so many bytes can go, and they are half of it: what is left is written anew.
const WORTH_PRUNING: u64 = 4 << 20;

/// What becomes of a spool, and when that is worth the work.
#[derive(Clone, Copy, Debug)]
pub(super) struct Keeping {
    pub(super) keep: Keep,
    pub(super) worth_pruning: u64,
}

impl From<Keep> for Keeping {
    fn from(keep: Keep) -> Self {
        let worth_pruning = WORTH_PRUNING;
        Self { keep, worth_pruning }
    }
}

/// Removes what need not be kept.
#[derive(Debug)]
pub(super) struct Keeper {
    shared: Arc<Shared>,
    keeping: Keeping,
    adopted: Mutex<Vec<Adopted>>,
}

impl Keeper {
    pub(super) fn new(shared: Arc<Shared>, keeping: Keeping) -> Arc<Self> {
        Arc::new(Self {
            shared,
            keeping,
            adopted: Mutex::default(),
        })
    }

    pub(super) fn add(&self, adopted: Adopted) {
        self.lock().push(adopted);
    }

    pub(super) async fn run(self: Arc<Self>) {
        loop {
            tokio::time::sleep(EVERY).await;
            on_disk(|| self.sweep());
        }
    }

    /// Removes dead processes' spools, and prunes living streams, as far as that may be.
    pub(super) fn sweep(&self) {
        if self.keeping.keep == Keep::Forever {
            return;
        }
        let done: Vec<_> = {
            let mut adopted = self.lock();
            let all = std::mem::take(&mut *adopted);
            let (done, waiting) = all.into_iter().partition(|adopted| self.may_go(adopted));
            *adopted = waiting;
            done
        };
        for adopted in done {
            self.remove(adopted);
        }
        if self.keeping.keep == Keep::UntilDelivered {
            self.shared.live_copies().iter().for_each(|stream| self.prune(stream));
        }
    }

    fn may_go(&self, adopted: &Adopted) -> bool {
        let is_whole = |stream: &Arc<Stream>| {
            stream.damage().is_none()
                && self
                    .slowest(stream)
                    .is_some_and(|slowest| slowest.has_reached(stream.end().line))
        };
        if !adopted.is_readable() || !adopted.streams().iter().all(is_whole) {
            return false;
        }
        match self.keeping.keep {
            Keep::Forever => false,
            Keep::UntilDelivered => true,
            Keep::For(time) => adopted
                .delivered_since(SystemTime::now())
                .is_ok_and(|since| since.elapsed().is_ok_and(|elapsed| elapsed >= time)),
        }
    }

    fn remove(&self, adopted: Adopted) {
        let writer = adopted.writer().to_owned();
        let keys: Vec<_> = adopted.streams().iter().map(|stream| stream.key().clone()).collect();
        // First the spool: without it, what is known of it is of no use.
        if let Err(error) = adopted.remove() {
            tracing::warn!(writer, "a delivered spool cannot be removed: {error}");
            return;
        }
        self.shared.forget(&writer, &keys);
        for key in &keys {
            if let Err(error) = self.shared.ledger.forget_later(key, &writer) {
                tracing::warn!(writer, stream = %key, "cannot clean the ledger: {error}");
            }
        }
        for destination in self.shared.all_destinations() {
            for key in &keys {
                if let Err(error) = self.shared.ledger.forget(&destination.name, key, &writer) {
                    tracing::warn!(writer, stream = %key, "cannot clean the ledger: {error}");
                }
            }
        }
    }

    /// What the destination that is farthest behind has; none where no destination takes it, or not all are known.
    fn slowest(&self, stream: &Arc<Stream>) -> Option<Delivered> {
        let taking = self.shared.all_destinations().into_iter();
        let taking = taking.filter(|destination| destination.takes(stream.key()));
        let mut slowest: Option<Delivered> = None;
        for destination in taking {
            let lane = destination.lanes().get(stream.key()).cloned()?;
            if self.is_deleting(&destination, stream) {
                return None;
            }
            let delivered = lane.progress().copies.get(stream.writer()).cloned()?;
            let reach = |delivered: &Delivered| (delivered.is_grounded, delivered.place);
            if slowest
                .as_ref()
                .is_none_or(|slowest| reach(&delivered) < reach(slowest))
            {
                slowest = Some(delivered);
            }
        }
        slowest
    }

    /// Whether a delete is under way: lines that came after it may have to be delivered again.
    fn is_deleting(&self, destination: &Destination, stream: &Stream) -> bool {
        let lanes = destination.lanes();
        let mut of_session = [stream.key().clone(), stream.key().to_main()].into_iter();
        of_session.any(|key| lanes.get(&key).is_some_and(|lane| lane.progress().is_deleting()))
    }

    fn prune(&self, stream: &Arc<Stream>) {
        let Some(delivered) = self.slowest(stream).filter(|slowest| slowest.is_grounded) else {
            return;
        };
        let (start, end) = (stream.start(), stream.end());
        let can_go = delivered.place.offset.saturating_sub(start.offset);
        if can_go < self.keeping.worth_pruning || can_go * 2 < end.offset - start.offset {
            return;
        }
        let Some((destination, position)) = self.holder(stream, &delivered) else {
            return;
        };
        let base = Base {
            lines: delivered.place.line - 1,
            stored: Some(Stored { destination, position }),
        };
        if let Err(error) = stream.prune(base) {
            tracing::warn!(stream = %stream.key(), "cannot be pruned: {error}");
        }
    }

    /// A destination whose log ends just there.
    fn holder(&self, stream: &Arc<Stream>, delivered: &Delivered) -> Option<(String, crate::store::Position)> {
        let destinations = self.shared.all_destinations().into_iter();
        let mut holders: BTreeMap<_, _> = destinations
            .filter_map(|destination| {
                let lane = destination.lanes().get(stream.key()).cloned()?;
                let there = lane.progress().copies.get(stream.writer()).cloned()?;
                let position = there.position.filter(|_| there.place == delivered.place)?;
                Some((destination.name.clone(), position))
            })
            .collect();
        holders.pop_first()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Adopted>> {
        self.adopted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    /// The streams of this process.
    fn live_copies(&self) -> Vec<Arc<Stream>> {
        let is_live = |copied: Copied| copied.is_live.then_some(copied.stream);
        self.all_copies().into_iter().filter_map(is_live).collect()
    }
}
