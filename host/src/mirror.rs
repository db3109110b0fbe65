//! The remote half: what the spool holds is brought to every destination, once, in order, whatever fails.
//!
//! ```text
//! spool ──changes──► lane (one a stream and destination) ──roster──► worker ──gate──► destination
//!   cut a batch · number it behind the end of the log · chain it · store it · move the cursor
//! ```
//!
//! * **Whose a batch is, its origin says**, never its bytes: where a number is taken, the log is looked at from the
//!   last batch that we know, and what is ours there moves us on. A reply that was lost, a call that lands late, a
//!   process that was killed between a store and its cursor: all the same.
//! * **A cursor is a hint.** After every opening and every failure the destination must confirm its end before anything
//!   is added. Losing every cursor costs reads.
//! * **Nothing is given up.** What may pass is tried again for ever, with pauses that double to half a minute; a
//!   destination that fails for everybody is tried by one stream at a time. What cannot pass by itself is parked: an
//!   alarm, and a try every five minutes.
//! * **What waits, waits on disk.** A batch is read once it is the stream's turn to be stored.
//!
//! | file | what |
//! | --- | --- |
//! | `shared`, `runner`, `lane`, `destination`, `gate` | who takes part, where tasks run, who may call |
//! | `roster`, `worker` | which lanes have something to do; who does it |
//! | `delivery` | a lane's turn: whether lines are due (`due`); confirm, deliver a batch, delete, endure |
//! | `survey`, `content`, `history`, `summaries` | reading a destination's log; filling one from another; the summary along it |
//! | `cursor`, `ledger` | what is kept on disk: hints, and what must not be forgotten |
//! | `adopter`, `adoption` | opens spools of dead processes; which streams may have more copies there |
//! | `trouble`, `chance` | why something is not delivered; random numbers from a seed |
//! | `flush`, `status`, `event`, `keep` | what a host reports; what becomes of a spool that was delivered |
//! | `trails` | which spools are needed by runs that were killed |
//! | `notes` | what other ways than the mirror's did at a destination |
//! | `look`, `tally` | how things stand, from disk alone; the counts of events that are kept there for it |
//!
//! `delivery`, `worker`, `destination` and `shared` import one another: to delete a session, a delivery lists its
//! subpaths and starts their deliveries.

mod adopter;
mod adoption;
mod chance;
mod content;
mod cursor;
mod delivery;
mod destination;
mod event;
mod flush;
mod gate;
mod history;
mod keep;
mod lane;
mod ledger;
mod look;
mod notes;
mod roster;
mod runner;
mod shared;
mod status;
mod summaries;
mod survey;
mod tally;
#[cfg(test)]
pub(crate) mod tests;
mod trails;
mod trouble;
mod worker;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::{broadcast, watch};
use tokio::time::Instant;

pub use destination::DestinationOptions;
pub use event::{DeliveryCounts, Event, What};
pub use flush::{Left, Undelivered};
pub(crate) use history::{FillError, Moved, copy_log};
pub(crate) use look::WantedDeleted;
pub use look::{
    DeliveryRecords, DestinationLook, Standing, StateLook, StreamWaiting, WriterLook, look, look_at_others,
};
pub use notes::Notes;
pub use status::{DestinationStatus, StreamStatus};
pub(crate) use survey::Log;
pub use trouble::Trouble;

use crate::config::Keep;
use crate::disk::Folder;
use crate::key::SessionKey;
use crate::spool::{Adopted, DeliveredNote, Place, Spool, SpoolError, Stream};
use crate::store::Store;
use adopter::Adopter;
use chance::Chance;
use cursor::Cursors;
use destination::MirrorDestination;
use event::Announcer;
use gate::Gate;
use keep::{Keeper, Keeping};
use lane::Copied;
use ledger::Ledger;
use runner::Runner;
use shared::{Reach, Shared};

/// A destination's store, or why it is not open.
pub(crate) type StoreOrWhy = Result<Arc<dyn Store>, String>;

/// Brings streams to destinations. Lives on the tokio runtime that it was started on, which needs its clock.
#[derive(Debug)]
pub struct Mirror {
    shared: Arc<Shared>,
    keeper: Arc<Keeper>,
}

impl Mirror {
    /// Starts a mirror that keeps its records under `state` (`cursors`, `ledger`), and what was delivered as long as
    /// `keep` says. Within a tokio runtime.
    pub fn start(state: &Path, keep: Keep) -> Result<Self, SpoolError> {
        let folder = |name: &str| {
            let path = state.join(name);
            Folder::open(&path).map_err(|source| SpoolError::Io { path, source })
        };
        let (cursors, ledger) = (Arc::new(folder("cursors")?), Arc::new(folder("ledger")?));
        let runner = Runner::Tokio(Handle::current());
        let shared = Shared::new(Cursors::new(cursors), Ledger::new(ledger), Chance::new(), runner);
        let keeper = Keeper::new(shared.clone(), Keeping::from(keep), Some(state.to_owned()));
        Ok(Self::of(shared, keeper))
    }

    #[cfg(test)]
    fn on(shared: Arc<Shared>, keeping: Keeping) -> Self {
        let keeper = Keeper::new(shared.clone(), keeping, None);
        Self::of(shared, keeper)
    }

    fn of(shared: Arc<Shared>, keeper: Arc<Keeper>) -> Self {
        shared.spawn(keeper.clone().run());
        shared.spawn(tally::run(shared.clone()));
        Self { shared, keeper }
    }

    /// Adds a destination, without a store yet. Every stream that it takes is on its way from now on; deletes that
    /// a caller wanted and that are not done are, too. Blocks for the disk.
    pub fn add_destination(&self, name: &str, options: DestinationOptions) -> Result<(), Trouble> {
        let announcer = Announcer::new(name, self.shared.listeners.clone());
        let gate = Gate::new(options.calls, self.shared.chance.clone());
        let destination = MirrorDestination::new(name, options, announcer, gate);
        self.shared.add_destination(destination.clone());
        self.wake_resting();
        for key in self.shared.ledger.wanted(name).map_err(trouble::records)? {
            self.shared.have_deleted(&destination, &key);
        }
        Ok(())
    }

    /// A destination is served otherwise from now on.
    pub fn set_options(&self, destination: &str, options: DestinationOptions) {
        if let Some(destination) = self.shared.destination(destination) {
            self.shared.set_options(&destination, options);
            self.wake_resting();
        }
    }

    /// A destination's store was opened, for the first time or anew: what it holds is confirmed before anything is
    /// added. Calls under way finish on the one before.
    pub fn opened(&self, destination: &str, store: Arc<dyn Store>) {
        if let Some(destination) = self.shared.destination(destination) {
            destination.set_store(store);
            destination.announcer.announce(None, What::Opened);
        }
    }

    /// A destination's store could not be opened, or is gone; and whether that may pass by itself.
    pub fn not_opened(&self, destination: &str, cause: String, can_retry: bool) {
        if let Some(destination) = self.shared.destination(destination) {
            destination.set_trouble(cause.clone(), can_retry);
            destination.announcer.announce(None, What::NotOpened { cause });
        }
    }

    /// Follows this process's spool: whatever is appended there is delivered.
    pub fn follow(&self, spool: &Arc<Spool>) {
        self.shared.set_spool(spool.clone());
        self.shared.spawn(follow(self.shared.clone(), spool.follow()));
    }

    /// Delivers what a dead process left, under its own writer's name.
    pub fn adopt(&self, adopted: Adopted) {
        for stream in adopted.streams() {
            self.shared.add_copy(Copied {
                stream: stream.clone(),
                is_live: false,
            });
        }
        if adopted.is_readable() {
            self.shared.adopted_whole(adopted.writer());
        }
        self.keeper.add(adopted);
    }

    /// Dead processes' streams are unknown until [`Mirror::keep_adopting`] has listed them: lanes wait for that.
    pub(crate) fn begin_adopting(&self) {
        self.shared.adoption.begin();
    }

    /// Adopts what dead processes left, and those that die from now on. Lists their spools before it returns, and opens
    /// them after that. Blocks for the disk.
    pub(crate) fn keep_adopting(&self, spool: &Arc<Spool>) -> Result<(), SpoolError> {
        let adopter = Adopter {
            shared: self.shared.clone(),
            keeper: self.keeper.clone(),
            spool: spool.clone(),
        };
        let dead = adopter.find()?;
        self.shared.spawn(adopter.run(dead));
        Ok(())
    }

    /// Whose lines this mirror delivers: its own process's, and those of dead processes whose spools it adopted.
    pub fn writers(&self) -> BTreeSet<String> {
        self.shared.writer().into_iter().chain(self.keeper.writers()).collect()
    }

    /// A process ended: what it left is looked for now, and not within a minute.
    pub fn adopt_again(&self) {
        self.shared.adopt_again();
    }

    /// The note to write once this process's spool is closed: that everything in it is delivered. Returns `None` if it
    /// is not, or is not known to be.
    pub(crate) fn end_note(&self, spool: &Spool) -> Option<DeliveredNote> {
        let destinations = self.shared.all_destinations();
        let has_all = |destination: &Arc<MirrorDestination>| destination.unsettled_lanes(None).is_empty();
        let is_taken = |stream: &Arc<Stream>| destinations.iter().any(|destination| destination.takes(stream.key()));
        let is_delivered = destinations.iter().all(has_all) && spool.streams().iter().all(is_taken);
        is_delivered.then(|| self.keeper.note()).flatten()
    }

    /// Delivers everything that is there now, or all of one session, as far as it goes until the deadline; none: for as
    /// long as it takes. What remains is named, and goes on being delivered.
    pub fn flush(
        &self,
        session: Option<&SessionKey>,
        deadline: Option<Duration>,
    ) -> impl Future<Output = Undelivered> + Send + use<> {
        flush::flush(self.shared.clone(), session.cloned(), deadline)
    }

    /// Waits until every destination that takes a stream has a writer's lines before a place; false if the mirror ends
    /// before. Under any executor.
    pub fn delivered(&self, key: &SessionKey, writer: &str, place: Place) -> impl Future<Output = bool> + Send + use<> {
        flush::delivered(&self.shared, key, writer, place)
    }

    /// The end of a turn: what waits for more is delivered now. Does not wait.
    pub fn hurry(&self, session: &SessionKey) {
        flush::hurry(&self.shared, session);
    }

    /// A destination may lack what resting spools hold: they are opened before anything else goes there.
    fn wake_resting(&self) {
        if self.keeper.has_those_that_wake() {
            self.shared.adoption.begin();
            self.shared.adopt_again();
        }
    }

    /// Destinations that wait before a retry are tried now: a password was changed, a server is back.
    pub fn retry(&self) {
        for destination in self.shared.all_destinations() {
            destination.retry();
        }
    }

    /// Returns once what dead processes left is known, as far as it can be read; or once the mirror ends.
    pub(crate) async fn adopted(&self) {
        let (mut done, mut closing) = (self.shared.adoption.is_done(), self.shared.closing.subscribe());
        tokio::select! {
            // Either sender lives as long as the mirror does.
            _ = done.wait_for(|done| *done) => {}
            _ = closing.wait_for(|closing| *closing) => {}
        }
    }

    /// Deletes a session at every destination that takes it, now or as soon as it can be reached: the wish is on disk
    /// when this returns. So it is at a destination that is added later, as long as a spool here holds what was
    /// deleted. Lines that are here and not delivered yet are not delivered any more; what is appended from now on
    /// begins the session anew. Blocks for the disk.
    ///
    /// What dead processes left and is not known yet is not deleted. Where some of it cannot be read, the rest is
    /// deleted and the error says so ([`Trouble::NotAllDeleted`]): it may be of this session.
    pub fn delete(&self, session: &SessionKey, writer: &str) -> Result<(), Trouble> {
        let main = session.to_main();
        // Before the copies are looked at: one that is opened meanwhile is not among them.
        let unreadable = self.shared.adoption.unreadable();
        self.shared.catch_up();
        let woken = on_disk(|| self.keeper.wake_session(&main));
        woken.map_err(|error| trouble::records(std::io::Error::other(error)))?;
        // First: a destination that is added meanwhile either reads it or is among those that are told.
        self.shared.want_deleted_later(&main, writer)?;
        for destination in self.shared.all_destinations() {
            if !destination.takes(&main) {
                continue;
            }
            let lanes = destination.lanes_of(&main).into_iter();
            let parts: Vec<_> = lanes
                .map(|lane| lane.key.clone())
                .filter(|key| !key.is_main())
                .collect();
            for key in &parts {
                self.shared.want_deleted(&destination, key, writer, Reach::Stream)?;
            }
            let known = parts.iter().filter_map(|key| key.subpath().map(str::to_owned));
            let session = Reach::Session(known.collect());
            self.shared.want_deleted(&destination, &main, writer, session)?;
        }
        match unreadable.or_else(|| self.shared.adoption.unreadable()) {
            Some(why) => Err(Trouble::NotAllDeleted(why)),
            None => Ok(()),
        }
    }

    /// [`Mirror::delete`] of one stream alone, and nothing else of its session. Blocks for the disk.
    pub(crate) fn delete_stream(&self, key: &SessionKey, writer: &str) -> Result<(), Trouble> {
        let unreadable = self.shared.adoption.unreadable();
        self.shared.catch_up();
        let woken = on_disk(|| self.keeper.wake_session(&key.to_main()));
        woken.map_err(|error| trouble::records(std::io::Error::other(error)))?;
        self.shared.want_stream_deleted_later(key, writer)?;
        for destination in self.shared.all_destinations() {
            if destination.takes(key) {
                self.shared.want_deleted(&destination, key, writer, Reach::Stream)?;
            }
        }
        match unreadable.or_else(|| self.shared.adoption.unreadable()) {
            Some(why) => Err(Trouble::NotAllDeleted(why)),
            None => Ok(()),
        }
    }

    /// The streams that this process is deleting at a destination.
    pub(crate) fn deleting(&self, destination: &str) -> Vec<SessionKey> {
        let lanes = self
            .shared
            .destination(destination)
            .map(|destination| destination.all_lanes());
        let deleting = lanes.into_iter().flatten().filter(|lane| lane.progress().is_deleting());
        deleting.map(|lane| lane.key.clone()).collect()
    }

    /// What happens from now on. A slow listener gets the number of events that it missed.
    pub fn events(&self) -> broadcast::Receiver<Event> {
        self.shared.listeners.subscribe()
    }

    /// How every stream is doing at every destination.
    pub fn status(&self) -> Vec<DestinationStatus> {
        status::status(&self.shared)
    }

    /// Waits until each destination is open, or it is known why it is not; or until the mirror ends.
    pub async fn settled(&self) {
        let mut closing = self.shared.closing.subscribe();
        let settled = async {
            for destination in self.shared.all_destinations() {
                let mut opened = destination.opened();
                drop(
                    opened
                        .wait_for(|opened| opened.store.is_some() || opened.trouble.is_some())
                        .await,
                );
            }
        };
        tokio::select! {
            () = settled => {}
            () = async { drop(closing.wait_for(|closing| *closing).await) } => {}
        }
    }

    /// The destinations that are open, by name.
    pub fn stores(&self) -> Vec<(String, Arc<dyn Store>)> {
        self.shared.sources("", "")
    }

    /// The destinations that take a project, by name; of one that is not open, why.
    pub(crate) fn taking(&self, project: &str) -> Vec<(String, StoreOrWhy)> {
        let taking = self.shared.all_destinations().into_iter();
        let taking = taking.filter(|destination| destination.options().mirror.takes(project));
        let store = |destination: Arc<MirrorDestination>| {
            let opened = destination.opened().borrow().clone();
            let why = opened.trouble.unwrap_or_else(|| "it is being opened".to_owned());
            (destination.name.clone(), opened.store.ok_or(why))
        };
        taking.map(store).collect()
    }

    /// The streams of a project that this process appended to or adopted.
    pub(crate) fn streams_in(&self, project: &str) -> BTreeSet<SessionKey> {
        self.shared.catch_up();
        let keys = self
            .shared
            .all_copies()
            .into_iter()
            .map(|copied| copied.stream.key().clone());
        keys.filter(|key| key.project_key() == project).collect()
    }

    /// Runs a task until it ends or the mirror is closed. It may be dropped at any await.
    #[cfg(feature = "wasm")]
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.shared.spawn(task);
    }

    /// What was counted so far, by destination.
    pub fn counts(&self) -> BTreeMap<String, DeliveryCounts> {
        let count = |destination: Arc<MirrorDestination>| (destination.name.clone(), destination.announcer.counts());
        self.shared.all_destinations().into_iter().map(count).collect()
    }

    /// Removes what was delivered everywhere and need not be kept any longer, then ends every task. A call under way is
    /// given up; it may still land, which the next process finds out.
    pub async fn close(&self) {
        self.close_by(None).await;
    }

    /// Likewise, but removes only what it can within a time. The rest is removed by a later process.
    pub(crate) async fn close_by(&self, until: Option<Instant>) {
        on_disk(|| self.keeper.sweep(until));
        tally::write(&self.shared);
        self.shared.end().await;
    }
}

async fn follow(shared: Arc<Shared>, mut begun: watch::Receiver<u64>) {
    loop {
        begun.mark_unchanged();
        shared.catch_up();
        if begun.changed().await.is_err() {
            return;
        }
    }
}

/// Does what may wait for the disk. Where other threads can go on with other tasks, they do.
fn on_disk<T>(work: impl FnOnce() -> T) -> T {
    let flavor = Handle::try_current().map(|runtime| runtime.runtime_flavor());
    match flavor {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
        _ => work(),
    }
}
