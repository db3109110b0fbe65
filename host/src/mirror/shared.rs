use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::{Notify, broadcast, watch};
use tokio::task::JoinHandle;

use super::adoption::AdoptionState;
use super::chance::Chance;
use super::cursor::Cursors;
use super::destination::{DestinationOptions, MirrorDestination};
use super::event::Event;
use super::lane::{Copied, Lane};
use super::ledger::{Ledger, Streams, Wanted};
use super::on_disk;
use super::runner::Runner;
use super::trouble::{Trouble, records};
use super::worker;
use crate::key::SessionKey;
use crate::spool::{Spool, Stream};
use crate::store::Store;

/// What a delete is to reach.
#[derive(Debug)]
pub(super) enum Reach {
    /// The stream. Lines that are here now are not delivered any more.
    Stream,
    /// The stream likewise, and everything that the destination holds of the session but these subpaths.
    Session(BTreeSet<String>),
    /// What the destination holds of the stream. Whatever is here of it began after the delete was asked for, and
    /// stays.
    Others,
}

/// What all of a mirror's tasks share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) cursors: Cursors,
    pub(super) ledger: Ledger,
    pub(super) adoption: AdoptionState,
    pub(super) chance: Arc<Chance>,
    pub(super) listeners: broadcast::Sender<Event>,
    pub(super) closing: watch::Sender<bool>,
    /// Processes died, or may have: what they left is looked for now.
    pub(super) died: Notify,
    runner: Runner,
    destinations: Mutex<BTreeMap<String, Arc<MirrorDestination>>>,
    /// By key: each writer's.
    copies: Mutex<BTreeMap<SessionKey, Vec<Copied>>>,
    /// Dead writers of whose spools every stream could be read, and is among the copies.
    adopted: Mutex<HashSet<String>>,
    /// Held while the spool's changes are taken in.
    catching_up: Mutex<()>,
    spool: Mutex<Option<Arc<Spool>>>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

impl Shared {
    pub(super) fn new(cursors: Cursors, ledger: Ledger, chance: Chance, runner: Runner) -> Arc<Self> {
        Arc::new(Self {
            cursors,
            ledger,
            adoption: AdoptionState::new(),
            chance: Arc::new(chance),
            listeners: super::event::channel(),
            closing: watch::Sender::new(false),
            died: Notify::new(),
            runner,
            destinations: Mutex::default(),
            copies: Mutex::default(),
            adopted: Mutex::default(),
            catching_up: Mutex::default(),
            spool: Mutex::default(),
            tasks: Mutex::default(),
        })
    }

    /// Adds a destination, and brings it every copy that there is.
    pub(super) fn add_destination(self: &Arc<Self>, destination: Arc<MirrorDestination>) {
        let copies = self.copies();
        self.destinations()
            .insert(destination.name.clone(), destination.clone());
        for copied in copies.values().flatten() {
            self.bring(copied, &destination);
        }
        drop(copies);
        self.add_workers(&destination);
    }

    /// A destination is served otherwise from now on: streams that it takes newly are on their way, those that it takes
    /// no more are left as they are there. A delete that a caller wants is done all the same.
    pub(super) fn set_options(self: &Arc<Self>, destination: &Arc<MirrorDestination>, options: DestinationOptions) {
        let copies = self.copies();
        destination.set_options(options);
        destination.retire_what_is_not_taken();
        for copied in copies.values().flatten() {
            self.bring(copied, destination);
        }
        drop(copies);
        self.add_workers(destination);
    }

    /// As many as its calls need. Fewer calls leave workers that wait: the gate lets no more through than there may be.
    fn add_workers(self: &Arc<Self>, destination: &Arc<MirrorDestination>) {
        let wanted = worker::workers(destination.options().calls);
        for _ in 0..destination.more_workers(wanted) {
            self.spawn(worker::work(self.clone(), destination.clone()));
        }
    }

    /// Brings a copy to every destination that takes it.
    pub(super) fn add_copy(self: &Arc<Self>, copied: Copied) {
        let mut copies = self.copies();
        let of_key = copies.entry(copied.stream.key().clone()).or_default();
        if of_key
            .iter()
            .any(|known| known.stream.writer() == copied.stream.writer())
        {
            return;
        }
        for destination in self.all_destinations() {
            self.bring(&copied, &destination);
        }
        of_key.push(copied);
        of_key.shrink_to_fit();
    }

    /// All that a dead writer left is among the copies now.
    pub(super) fn adopted_whole(&self, writer: &str) {
        self.adopted().insert(writer.to_owned());
    }

    pub(super) fn is_adopted_whole(&self, writer: &str) -> bool {
        self.adopted().contains(writer)
    }

    /// Has dead processes' spools looked for now, and not within a minute.
    pub(super) fn adopt_again(&self) {
        self.died.notify_one();
    }

    pub(super) fn set_spool(&self, spool: Arc<Spool>) {
        *self.spool() = Some(spool);
    }

    /// This process's spool; none where it has none.
    pub(super) fn own_spool(&self) -> Option<Arc<Spool>> {
        self.spool().clone()
    }

    /// This process's writer; none where it has no spool.
    pub(super) fn writer(&self) -> Option<String> {
        self.spool().as_ref().map(|spool| spool.writer().to_owned())
    }

    /// Takes in every stream that began or grew in this process's spool since the last time, and no other. What had
    /// changed before this was called is taken in when it returns, by whomever.
    pub(super) fn catch_up(self: &Arc<Self>) {
        let _turn = self.catching_up.lock();
        let changed = self.spool().as_ref().map(|spool| spool.take_changed());
        for stream in changed.into_iter().flatten() {
            if self.is_known(&stream) {
                self.grown(stream.key());
            } else {
                self.add_copy(Copied { stream, is_live: true });
            }
        }
    }

    fn is_known(&self, stream: &Stream) -> bool {
        let copies = self.copies();
        let mut of_key = copies.get(stream.key()).into_iter().flatten();
        of_key.any(|known| known.stream.writer() == stream.writer())
    }

    /// There is more of a stream, or more is known of it.
    pub(super) fn grown(&self, key: &SessionKey) {
        for destination in self.all_destinations() {
            let lane = destination.lanes().get(key).cloned();
            if let Some(lane) = lane {
                destination.unsettle(&lane);
                lane.tell(|_| {});
            }
        }
    }

    /// Every lane is looked at again: which of them waited cannot be told.
    pub(super) fn ring_all(&self) {
        for destination in self.all_destinations() {
            destination.all_lanes().iter().for_each(|lane| lane.tell(|_| {}));
        }
    }

    pub(super) fn all_copies(&self) -> Vec<Copied> {
        self.copies().values().flatten().cloned().collect()
    }

    /// A writer's spool is gone, with these streams: nobody reads it any more.
    pub(super) fn forget(&self, writer: &str, streams: &[SessionKey]) {
        let mut copies = self.copies();
        for key in streams {
            if let Some(of_key) = copies.get_mut(key) {
                of_key.retain(|copied| copied.stream.writer() != writer);
                if of_key.is_empty() {
                    copies.remove(key);
                }
            }
        }
        drop(copies);
        for destination in self.all_destinations() {
            for key in streams {
                let lane = destination.lanes().get(key).cloned();
                if let Some(lane) = lane {
                    lane.tell(|news| news.gone.push(writer.to_owned()));
                }
            }
            self.cursors.forget(&destination.name, writer);
        }
    }

    fn bring(self: &Arc<Self>, copied: &Copied, destination: &Arc<MirrorDestination>) {
        if destination.takes(copied.stream.key()) {
            let lane = self.lane(destination, copied.stream.key());
            lane.add(copied.clone());
            destination.unsettle(&lane);
        }
    }

    /// A stream's way to a destination.
    pub(super) fn lane(&self, destination: &Arc<MirrorDestination>, key: &SessionKey) -> Arc<Lane> {
        let mut lanes = destination.lanes();
        let lane = lanes
            .entry(key.clone())
            .or_insert_with(|| Lane::new(key.clone(), &destination.roster));
        lane.clone()
    }

    /// A delete stands in the ledger: it is done as soon as may be.
    pub(super) fn have_deleted(&self, destination: &Arc<MirrorDestination>, key: &SessionKey) {
        let lane = self.lane(destination, key);
        lane.want_deleted();
        destination.unsettle(&lane);
    }

    /// Writes down that a stream is to be deleted at a destination, and has it done.
    pub(super) fn want_deleted(
        self: &Arc<Self>,
        destination: &Arc<MirrorDestination>,
        key: &SessionKey,
        writer: &str,
        reach: Reach,
    ) -> Result<(), Trouble> {
        let ends = match reach {
            Reach::Others => BTreeMap::new(),
            Reach::Stream | Reach::Session(_) => self.lane(destination, key).progress().ends(),
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
        self.have_deleted(destination, key);
        Ok(())
    }

    /// Writes down, for the destinations that are named later, that what is here of a session was deleted.
    pub(super) fn want_deleted_later(&self, main: &SessionKey, writer: &str) -> Result<(), Trouble> {
        let mut streams = Streams::new();
        let copies = self.copies();
        let of_session = copies.range(main..).take_while(|(key, _)| key.is_part_of(main));
        for Copied { stream, .. } in of_session.flat_map(|(_, copies)| copies) {
            let ends = streams.entry(stream.key().clone()).or_default();
            ends.insert(stream.writer().to_owned(), stream.end().line);
        }
        drop(copies);
        on_disk(|| self.ledger.want_deleted_later(&streams, writer)).map_err(records)
    }

    /// Likewise for one stream of a session.
    pub(super) fn want_stream_deleted_later(&self, key: &SessionKey, writer: &str) -> Result<(), Trouble> {
        let ends = |copied: &Copied| (copied.stream.writer().to_owned(), copied.stream.end().line);
        let ends: BTreeMap<_, _> = self.copies().get(key).into_iter().flatten().map(ends).collect();
        if ends.is_empty() {
            return Ok(());
        }
        let wanted = Wanted {
            writer: writer.to_owned(),
            line: ends.get(writer).copied().unwrap_or(1),
            session: None,
            tried: None,
        };
        on_disk(|| self.ledger.want_deleted_later_of(key, &ends, wanted)).map_err(records)
    }

    /// The other destinations that are open, this one first.
    pub(super) fn sources(&self, first: &str, but: &str) -> Vec<(String, Arc<dyn Store>)> {
        let open = |destination: &Arc<MirrorDestination>| {
            let store = destination.opened().borrow().store.clone()?;
            Some((destination.name.clone(), store))
        };
        let mut sources: Vec<_> = self.destinations().values().filter_map(open).collect();
        sources.retain(|(name, _)| name != but);
        sources.sort_by_key(|(name, _)| name != first);
        sources
    }

    pub(super) fn destination(&self, name: &str) -> Option<Arc<MirrorDestination>> {
        self.destinations().get(name).cloned()
    }

    pub(super) fn all_destinations(&self) -> Vec<Arc<MirrorDestination>> {
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

    fn destinations(&self) -> MutexGuard<'_, BTreeMap<String, Arc<MirrorDestination>>> {
        self.destinations.lock()
    }

    fn copies(&self) -> MutexGuard<'_, BTreeMap<SessionKey, Vec<Copied>>> {
        self.copies.lock()
    }

    fn adopted(&self) -> MutexGuard<'_, HashSet<String>> {
        self.adopted.lock()
    }

    fn spool(&self) -> MutexGuard<'_, Option<Arc<Spool>>> {
        self.spool.lock()
    }

    fn tasks(&self) -> MutexGuard<'_, Vec<JoinHandle<()>>> {
        self.tasks.lock()
    }
}
