use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{broadcast, watch};
use tokio::task::JoinHandle;

use super::adoption::Adoption;
use super::chance::Chance;
use super::cursor::Cursors;
use super::delivery::Delivery;
use super::destination::{Destination, DestinationOptions};
use super::event::Event;
use super::lane::{Copied, Lane};
use super::ledger::{Ledger, Streams, Wanted};
use super::on_disk;
use super::runner::Runner;
use super::trouble::{Trouble, records};
use crate::key::SessionKey;
use crate::spool::Spool;
use crate::store::Store;

/// What a delete is to reach.
#[derive(Debug)]
pub(super) enum Reach {
    /// The stream. Lines that are here now are not delivered any more.
    Stream,
    /// The stream likewise, and everything that the destination holds of the session but these subpaths.
    Session(BTreeSet<String>),
    /// What the destination holds of the stream. Whatever is here of it began after the delete was asked for, and stays.
    Others,
}

/// What all of a mirror's tasks share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) cursors: Cursors,
    pub(super) ledger: Ledger,
    pub(super) adoption: Adoption,
    pub(super) chance: Arc<Chance>,
    pub(super) listeners: broadcast::Sender<Event>,
    pub(super) closing: watch::Sender<bool>,
    runner: Runner,
    destinations: Mutex<BTreeMap<String, Arc<Destination>>>,
    copies: Mutex<Vec<Copied>>,
    spool: Mutex<Option<Arc<Spool>>>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

impl Shared {
    pub(super) fn new(cursors: Cursors, ledger: Ledger, chance: Chance, runner: Runner) -> Arc<Self> {
        Arc::new(Self {
            cursors,
            ledger,
            adoption: Adoption::new(),
            chance: Arc::new(chance),
            listeners: super::event::channel(),
            closing: watch::Sender::new(false),
            runner,
            destinations: Mutex::default(),
            copies: Mutex::default(),
            spool: Mutex::default(),
            tasks: Mutex::default(),
        })
    }

    /// Adds a destination, and brings it every copy that there is.
    pub(super) fn add_destination(self: &Arc<Self>, destination: Arc<Destination>) {
        let copies = self.copies();
        self.destinations()
            .insert(destination.name.clone(), destination.clone());
        for copied in copies.iter() {
            self.bring(copied, &destination);
        }
    }

    /// A destination is served otherwise from now on: streams that it takes newly are on their way, those that it takes
    /// no more are left as they are there. A delete that somebody wants is done all the same.
    pub(super) fn set_options(self: &Arc<Self>, destination: &Arc<Destination>, options: DestinationOptions) {
        let copies = self.copies();
        destination.set_options(options);
        destination.lanes().retain(|key, lane| {
            let stays = destination.takes(key) || lane.progress().borrow().is_deleting();
            if !stays {
                lane.retire();
            }
            stays
        });
        for copied in copies.iter() {
            self.bring(copied, destination);
        }
    }

    /// Brings a copy to every destination that takes it.
    pub(super) fn add_copy(self: &Arc<Self>, copied: Copied) {
        let mut copies = self.copies();
        let is_same = |known: &Copied| {
            known.stream.key() == copied.stream.key() && known.stream.writer() == copied.stream.writer()
        };
        if copies.iter().any(is_same) {
            return;
        }
        for destination in self.all_destinations() {
            self.bring(&copied, &destination);
        }
        copies.push(copied);
    }

    pub(super) fn set_spool(&self, spool: Arc<Spool>) {
        *self.spool() = Some(spool);
    }

    /// This process's writer; none where it has no spool.
    pub(super) fn writer(&self) -> Option<String> {
        self.spool().as_ref().map(|spool| spool.writer().to_owned())
    }

    /// Takes in every stream that has begun in this process's spool.
    pub(super) fn catch_up(self: &Arc<Self>) {
        let streams = self.spool().as_ref().map(|spool| spool.streams());
        for stream in streams.into_iter().flatten() {
            self.add_copy(Copied { stream, is_live: true });
        }
    }

    pub(super) fn all_copies(&self) -> Vec<Copied> {
        self.copies().clone()
    }

    /// A writer's spool is gone: nobody reads it any more.
    pub(super) fn forget(&self, writer: &str) {
        self.copies().retain(|copied| copied.stream.writer() != writer);
        for destination in self.all_destinations() {
            for lane in destination.lanes().values() {
                lane.tell(|news| news.gone.push(writer.to_owned()));
            }
            self.cursors.forget(&destination.name, writer);
        }
    }

    fn bring(self: &Arc<Self>, copied: &Copied, destination: &Arc<Destination>) {
        if destination.takes(copied.stream.key()) {
            self.lane(destination, copied.stream.key()).add(copied.clone());
        }
    }

    /// A stream's way to a destination; its task is started with it.
    pub(super) fn lane(self: &Arc<Self>, destination: &Arc<Destination>, key: &SessionKey) -> Arc<Lane> {
        let mut lanes = destination.lanes();
        if let Some(lane) = lanes.get(key) {
            return lane.clone();
        }
        let lane = Lane::new(key.clone());
        lanes.insert(key.clone(), lane.clone());
        drop(lanes);
        let delivery = Delivery::new(self.clone(), destination.clone(), lane.clone());
        let retired = lane.clone();
        self.spawn(async move {
            tokio::select! {
                biased;
                () = retired.retired() => {}
                () = delivery.run() => {}
            }
        });
        lane
    }

    /// Writes down that a stream is to be deleted at a destination, and has it done.
    pub(super) fn want_deleted(
        self: &Arc<Self>,
        destination: &Arc<Destination>,
        key: &SessionKey,
        writer: &str,
        reach: Reach,
    ) -> Result<(), Trouble> {
        let lane = self.lane(destination, key);
        let ends = match reach {
            Reach::Others => BTreeMap::new(),
            Reach::Stream | Reach::Session(_) => lane.progress().borrow().ends(),
        };
        let wanted = Wanted {
            writer: writer.to_owned(),
            line: ends.get(writer).copied().unwrap_or(1),
            session: match reach {
                Reach::Session(known) => Some(known),
                Reach::Stream | Reach::Others => None,
            },
            tried: None,
        };
        on_disk(|| self.ledger.want_deleted(&destination.name, key, &ends, wanted)).map_err(records)?;
        lane.want_deleted();
        Ok(())
    }

    /// Writes down, for the destinations that are named later, that what is here of a session was deleted.
    pub(super) fn want_deleted_later(&self, main: &SessionKey, writer: &str) -> Result<(), Trouble> {
        let mut streams = Streams::new();
        for Copied { stream, .. } in self.all_copies() {
            if stream.key().to_main() == *main {
                let ends = streams.entry(stream.key().clone()).or_default();
                ends.insert(stream.writer().to_owned(), stream.end().line);
            }
        }
        on_disk(|| self.ledger.want_deleted_later(&streams, writer)).map_err(records)
    }

    /// The other destinations that are open, this one first.
    pub(super) fn sources(&self, first: &str, but: &str) -> Vec<(String, Arc<dyn Store>)> {
        let open = |destination: &Arc<Destination>| {
            let store = destination.opened().borrow().store.clone()?;
            Some((destination.name.clone(), store))
        };
        let mut sources: Vec<_> = self.destinations().values().filter_map(open).collect();
        sources.retain(|(name, _)| name != but);
        sources.sort_by_key(|(name, _)| name != first);
        sources
    }

    pub(super) fn destination(&self, name: &str) -> Option<Arc<Destination>> {
        self.destinations().get(name).cloned()
    }

    pub(super) fn all_destinations(&self) -> Vec<Arc<Destination>> {
        self.destinations().values().cloned().collect()
    }

    /// Runs a task until it ends or the mirror is closed. It may be dropped at any await.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut closing = self.closing.subscribe();
        let task = self.runner.spawn(async move {
            tokio::select! {
                biased;
                () = async { drop(closing.wait_for(|closing| *closing).await) } => {}
                () = task => {}
            }
        });
        self.tasks().push(task);
    }

    /// Ends every task and waits for it.
    pub(super) async fn end(&self) {
        self.closing.send_replace(true);
        *self.spool() = None;
        loop {
            let tasks = std::mem::take(&mut *self.tasks());
            if tasks.is_empty() {
                return;
            }
            for task in tasks {
                if let Err(error) = task.await {
                    tracing::error!("a task of the mirror ended badly: {error}");
                }
            }
        }
    }

    fn destinations(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Destination>>> {
        self.destinations.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn copies(&self) -> MutexGuard<'_, Vec<Copied>> {
        self.copies.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn spool(&self) -> MutexGuard<'_, Option<Arc<Spool>>> {
        self.spool.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tasks(&self) -> MutexGuard<'_, Vec<JoinHandle<()>>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
