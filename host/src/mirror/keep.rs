use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;
use tokio::time::Instant;

use super::destination::MirrorDestination;
use super::lane::{Copied, Delivered};
use super::ledger::Even;
use super::on_disk;
use super::shared::Shared;
use super::trails;
use crate::config::Keep;
use crate::key::SessionKey;
use crate::spool::{Adopted, Alarm, Base, Dead, DeliveredNote, SpoolError, Stored, Stream, UnreadStream};

/// How often it is looked for what need not be kept any longer.
const EVERY: Duration = Duration::from_secs(30);

/// A stream is pruned once so many bytes can go, and they are half of it: what is left is written anew.
const WORTH_PRUNING: u64 = 4 << 20;

/// So many streams are opened fast enough at the end of a process to see what is to be forgotten of a spool.
const FEW: usize = 1000;

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
    /// The state directory, where trails of runs may need what is delivered; none where there are no runs.
    state: Option<PathBuf>,
    clock: Clock,
    adopted: Mutex<Vec<Adopted>>,
    resting: Mutex<Vec<Resting>>,
}

/// A dead process's spool that is delivered wherever it is to go: its streams are not opened.
#[derive(Debug)]
struct Resting {
    dead: Dead,
    note: DeliveredNote,
}

impl Keeper {
    pub(super) fn new(shared: Arc<Shared>, keeping: Keeping, state: Option<PathBuf>) -> Arc<Self> {
        Arc::new(Self {
            shared,
            keeping,
            state,
            clock: Clock::start(),
            adopted: Mutex::default(),
            resting: Mutex::default(),
        })
    }

    pub(super) fn add(&self, adopted: Adopted) {
        self.lock().push(adopted);
    }

    /// Streams of spools that are here that could not be opened.
    pub(super) fn unread(&self) -> Vec<UnreadStream> {
        self.lock().iter().flat_map(Adopted::unread).collect()
    }

    /// One of them was opened now; `None` if it never began.
    pub(super) fn was_read(&self, unread: &UnreadStream, stream: Option<Arc<Stream>>, alarms: Vec<Alarm>) {
        let mut adopted = self.lock();
        let of_writer = adopted.iter_mut().find(|adopted| adopted.writer() == unread.writer());
        if let Some(adopted) = of_writer {
            adopted.take_in(unread, stream, alarms);
        }
    }

    /// Whose spools are here.
    pub(super) fn writers(&self) -> Vec<String> {
        let adopted: Vec<_> = self.lock().iter().map(|adopted| adopted.writer().to_owned()).collect();
        let resting = self.lock_resting();
        let resting = resting.iter().map(|resting| resting.dead.writer().to_owned());
        adopted.into_iter().chain(resting).collect()
    }

    /// Lets a spool rest, if it is delivered wherever it is to go; else gives it back.
    pub(super) fn rest(&self, dead: Dead) -> Option<Dead> {
        match dead.delivered().filter(|note| self.covers(note)) {
            Some(note) => {
                self.lock_resting().push(Resting { dead, note });
                None
            }
            None => Some(dead),
        }
    }

    /// Those that rested, and are to be delivered to a destination that came since.
    pub(super) fn take_those_that_wake(&self) -> Vec<Dead> {
        let mut resting = self.lock_resting();
        let (stay, wake): (Vec<_>, _) = std::mem::take(&mut *resting)
            .into_iter()
            .partition(|resting| self.covers(&resting.note));
        *resting = stay;
        wake.into_iter().map(|resting| resting.dead).collect()
    }

    /// Whether one that rests is to wake.
    pub(super) fn has_those_that_wake(&self) -> bool {
        self.lock_resting().iter().any(|resting| !self.covers(&resting.note))
    }

    /// Takes in the session's streams of resting spools: the caller is about to delete the session.
    pub(super) fn wake_session(&self, main: &SessionKey) -> Result<(), SpoolError> {
        for Resting { dead, .. } in self.lock_resting().iter() {
            for name in dead.names() {
                if dead.key_of(name)?.is_none_or(|key| !key.is_part_of(main)) {
                    continue;
                }
                let opened = dead.open(name, &mut Vec::new());
                let failed = |source: Arc<std::io::Error>| SpoolError::Io {
                    path: dead.path(),
                    source: std::io::Error::new(source.kind(), source.to_string()),
                };
                if let Some(stream) = opened.map_err(failed)? {
                    let is_live = false;
                    self.shared.add_copy(Copied { stream, is_live });
                }
            }
        }
        Ok(())
    }

    pub(super) async fn run(self: Arc<Self>) {
        loop {
            tokio::time::sleep(EVERY).await;
            on_disk(|| self.sweep(None));
        }
    }

    /// Notes what is delivered, removes dead processes' spools, and prunes living streams, as far as that may be and as
    /// there is time for it. The rest is done at the next sweep, of any process.
    pub(super) fn sweep(&self, until: Option<Instant>) {
        let needed = match self.state.as_deref().map(trails::writers_needed).transpose() {
            Ok(needed) => needed.unwrap_or_default(),
            Err(error) => {
                return tracing::warn!(
                    "no spool is removed, for a run's trail may need it that cannot be read: {error}"
                );
            }
        };
        let mut done = self.take_done(&needed);
        done.append(&mut self.take_rested(until.map_or(usize::MAX, |_| FEW), &needed));
        while let Some(adopted) = done.pop() {
            if is_over(until) {
                // Where they were: locked by this process, and looked at again.
                self.lock().push(adopted);
                continue;
            }
            self.remove(adopted);
        }
        self.forget_removed(until);
        if self.keeping.keep == Keep::UntilDelivered {
            self.shared.live_copies().iter().for_each(|stream| self.prune(stream));
        }
    }

    /// Spools that were adopted, and may go.
    fn take_done(&self, needed: &BTreeSet<String>) -> Vec<Adopted> {
        let mut adopted = self.lock();
        let all = std::mem::take(&mut *adopted);
        let (done, waiting) = all
            .into_iter()
            .partition(|adopted| self.may_go(adopted) && !needed.contains(adopted.writer()));
        *adopted = waiting;
        done
    }

    /// Spools that rested, and may go, with their streams; those of so many streams at most.
    fn take_rested(&self, most: usize, needed: &BTreeSet<String>) -> Vec<Adopted> {
        let mut resting = self.lock_resting();
        let all = std::mem::take(&mut *resting);
        let may_go = |Resting { dead, note }: &Resting| {
            dead.names().len() <= most && self.is_over_for(note) && !needed.contains(dead.writer())
        };
        let (done, waiting): (Vec<_>, _) = all.into_iter().partition(may_go);
        *resting = waiting;
        done.into_iter().map(|resting| resting.dead.adopt()).collect()
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
        if let Some(known) = adopted.delivered().filter(|note| self.covers(note)) {
            return self.is_kept_long_enough(&known);
        }
        let Some(note) = self.note() else {
            return self.keeping.keep == Keep::UntilDelivered;
        };
        if let Err(error) = adopted.note_delivered(&note) {
            tracing::debug!("that a spool is delivered was not written down: {error}");
        }
        self.is_kept_long_enough(&note)
    }

    fn is_over_for(&self, note: &DeliveredNote) -> bool {
        self.covers(note) && self.is_kept_long_enough(note)
    }

    fn is_kept_long_enough(&self, note: &DeliveredNote) -> bool {
        match self.keeping.keep {
            Keep::Forever => false,
            Keep::UntilDelivered => true,
            Keep::For(time) => self
                .clock
                .now()
                .is_some_and(|now| now.saturating_sub(note.since) >= time.as_secs()),
        }
    }

    /// That everything is delivered to the destinations that there are, now; none where there are none, or where the
    /// clock cannot be right.
    pub(super) fn note(&self) -> Option<DeliveredNote> {
        let to: BTreeMap<_, _> = self.shared.all_destinations().iter().map(taken).collect();
        let since = self.clock.now()?;
        (!to.is_empty()).then_some(DeliveredNote { since, to })
    }

    /// Whether all destinations that there are have what they take.
    fn covers(&self, note: &DeliveredNote) -> bool {
        let destinations = self.shared.all_destinations();
        let is_there = |(name, projects): (String, Vec<String>)| note.to.get(&name) == Some(&projects);
        !destinations.is_empty() && destinations.iter().map(taken).all(is_there)
    }

    /// The list of streams to forget is on disk before the spool is gone: no other record has it.
    fn remove(&self, adopted: Adopted) {
        let writer = adopted.writer().to_owned();
        let keys: Vec<_> = adopted.streams().iter().map(|stream| stream.key().clone()).collect();
        let noted = self
            .shared
            .ledger
            .note_to_forget(&writer, &keys)
            .map_err(|error| error.to_string());
        let removed = noted.and_then(|()| adopted.remove().map_err(|error| error.to_string()));
        if let Err(error) = removed {
            tracing::warn!(writer, "a delivered spool cannot be removed: {error}");
            return;
        }
        self.shared.forget(&writer, &keys);
    }

    /// Cleans the ledger of writers whose spools are gone.
    fn forget_removed(&self, until: Option<Instant>) {
        // Without a spool of its own, a process cannot tell which others are there.
        let Some(spool) = self.shared.own_spool() else { return };
        let is_gone = |writer: &str| Ok(!spool.has(writer)?);
        if let Err(error) = self.shared.ledger.forget_noted(is_gone, || is_over(until)) {
            tracing::warn!("cannot clean the ledger, and try again: {error}");
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
    fn is_deleting(&self, destination: &MirrorDestination, stream: &Stream) -> bool {
        let lanes = destination.lanes();
        let mut of_session = [stream.key().clone(), stream.key().to_main()].into_iter();
        of_session.any(|key| lanes.get(&key).is_some_and(|lane| lane.progress().is_deleting()))
    }

    fn prune(&self, stream: &Arc<Stream>) {
        let Some(delivered) = self.slowest(stream).filter(|slowest| slowest.is_grounded) else {
            return;
        };
        // Lines of a file that was found as it is are compared together.
        let doubts = stream.doubts();
        if doubts.last().is_some_and(|doubt| delivered.place.line < doubt.to) {
            return;
        }
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
        let noted = if doubts.is_empty() {
            Ok(true)
        } else {
            self.note_even(stream)
        };
        let pruned = noted
            .map_err(|error| error.to_string())
            .and_then(|is_even| match is_even {
                true => stream.prune(base).map_err(|error| error.to_string()),
                false => Ok(()),
            });
        if let Err(error) = pruned {
            tracing::warn!(stream = %stream.key(), "cannot be pruned: {error}");
        }
    }

    /// Writes down how each log was when no line of it was left over: without the lines that are about to go, nobody
    /// could tell which of others' lines stood for them. False where lines are left over somewhere.
    fn note_even(&self, stream: &Arc<Stream>) -> io::Result<bool> {
        for destination in self.shared.all_destinations() {
            let Some(lane) = destination.lanes().get(stream.key()).cloned() else {
                continue;
            };
            let there = lane.progress().copies.get(stream.writer()).cloned();
            let Some(there) = there.filter(|there| there.is_even) else {
                return Ok(false);
            };
            let (line, position) = (there.place.line, there.position);
            self.shared.ledger.update(&destination.name, stream.key(), |entry| {
                entry.share_mut(stream.writer()).even = Some(Even { line, position });
            })?;
        }
        Ok(true)
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

    fn lock_resting(&self) -> parking_lot::MutexGuard<'_, Vec<Resting>> {
        self.resting.lock()
    }

    fn lock(&self) -> parking_lot::MutexGuard<'_, Vec<Adopted>> {
        self.adopted.lock()
    }
}

/// A time that only goes on: the wall clock's at the start, and what passed since. Clocks are set while processes run,
/// and what was delivered a moment ago must not look old because of that.
#[derive(Debug)]
struct Clock {
    wall: SystemTime,
    since: std::time::Instant,
}

/// No clock that is right says less, in Unix seconds: the end of 2025, before this was written. Machines without a
/// battery begin in 1970.
const PLAUSIBLE: u64 = 1_767_000_000;

impl Clock {
    fn start() -> Self {
        Self {
            wall: SystemTime::now(),
            since: std::time::Instant::now(),
        }
    }

    /// Unix seconds; none where the clock cannot have been right.
    fn now(&self) -> Option<u64> {
        let wall = self.wall + self.since.elapsed();
        // Before 1970 is not right either.
        let seconds = wall.duration_since(SystemTime::UNIX_EPOCH).ok()?.as_secs();
        Some(seconds).filter(|seconds| *seconds >= PLAUSIBLE)
    }
}

fn is_over(until: Option<Instant>) -> bool {
    until.is_some_and(|until| until <= Instant::now())
}

/// A destination, and which projects it takes.
fn taken(destination: &Arc<MirrorDestination>) -> (String, Vec<String>) {
    (destination.name.clone(), destination.options().mirror.projects.clone())
}

impl Shared {
    /// The streams of this process.
    fn live_copies(&self) -> Vec<Arc<Stream>> {
        let is_live = |copied: Copied| copied.is_live.then_some(copied.stream);
        self.all_copies().into_iter().filter_map(is_live).collect()
    }
}
