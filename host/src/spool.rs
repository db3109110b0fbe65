//! The local half of the mirror: a writer's own copy of each stream, on disk before a caller gets an answer.
//!
//! A [`Spool`] is one process's. [`Spool::append`] takes entries and returns once they are synced; [`Stream`] gives
//! them back, synced lines only. What a process leaves when it dies, the next one adopts ([`Spool::adopt`]) and
//! delivers under the dead writer's identity, without ever adding to it.
//!
//! ```
//! use mirrorbox::key::SessionKey;
//! use mirrorbox::spool::Spool;
//!
//! # let state = tempfile::tempdir()?;
//! let spool = Spool::open(state.path())?;
//! let key = SessionKey::main("-srv-app", "session")?;
//! let end = spool.append_blocking(&key, &[br#"{"type":"user"}"#])?;
//! let stream = spool.stream(&key).ok_or("just begun")?;
//! let chunk = stream.read(stream.start())?.ok_or("one line")?;
//! assert_eq!((&*chunk.payload, chunk.next), (&b"{\"type\":\"user\"}\n"[..], end));
//! spool.close_blocking();
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # On disk
//!
//! `<state>/spool/<writer>/projects/` looks like the agent's `projects/` directory. Beside it lie `others/`, for
//! streams whose key cannot be a file's name or meets another's, and `streams/`, with a record for each stream that
//! says which key it has and where its file is. A `lock` is held as long as anybody uses the directory; a free one
//! means that the process is dead. Another, `<state>/spool/lock`, is held to make, adopt or remove a directory.
//!
//! # What is synced
//!
//! A sync (`fdatasync`) takes a whole file, so the lines that were ever acknowledged are always a prefix of it, and
//! what a crash leaves behind them is lines that nobody was told of, perhaps torn. Opening a dead spool thus takes
//! every whole entry from the start on, syncs, and cuts the rest off. That alone loses nothing, but it could not tell a
//! torn end from lines that the disk lost. So after each sync the place that it reached is written to a *mark* of two
//! checked slots. The mark is not synced itself, but for every 4 MiB: it costs one small write into memory, where a
//! second sync would double the price of an append. It is exact after a kill, may lag after a power failure, and is
//! never ahead, for it is written after the sync that it tells of. A file that does not reach its mark is damaged: an
//! alarm, and it is read as far as it goes, never cut.
//!
//! # When a sync fails
//!
//! Linux reports a failed write-back once, marks the pages clean and may drop them; a second sync of the same file
//! would succeed without having written anything. So the file is never synced again. Its synced part (which the page
//! cache still holds right, even where the block that was being appended to is now broken on disk) and the lines in
//! hand go to a fresh file, which takes its place once it is synced. If that works, the callers never notice but for
//! the alarm; if not, they get the error, and the next call tries again. What was acknowledged can always be read.
//!
//! # Bounds
//!
//! Up to 2 MiB per stream and 16 MiB in all wait for a sync, or a single larger call; further callers wait until there
//! is room, and nothing of theirs is copied before that. Streams take turns on at most 32 threads; 64 files stay open.

mod adopt;
mod alarm;
mod append_end;
mod append_queue;
mod changed_streams;
mod dead;
mod error;
mod layout;
mod look;
mod mark;
mod open_files;
mod open_lines;
mod place;
mod pool;
mod prune;
mod record;
mod recover;
mod stream;
#[cfg(test)]
mod tests;
mod whole_lines;
mod writer;

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::{OwnedSemaphorePermit, broadcast, oneshot, watch};
use uuid::Uuid;

use crate::block_on::block_on;
use crate::disk::{Disk, Folder};
use append_end::EntryBlock;
use append_queue::{AppendQueue, Call, Room};
use changed_streams::ChangedStreams;
use open_files::OpenFiles;
use pool::Pool;
use writer::Writer;

pub use adopt::Adoption;
pub use alarm::{Alarm, FileTrouble};
pub use dead::Adopted;
pub(crate) use dead::{Dead, DeadSpools, DeliveredNote, OpenedStreams, UnreadStream};
pub use error::{AppendError, Damage, ReadError, SpoolError};
pub(crate) use look::Other;
pub use look::{SpoolLook, StreamLook};
pub use open_lines::{CHUNK_BYTES, CHUNK_LINES};
pub use place::{Base, Chunk, Doubt, Doubtful, Place, Stored};
pub use stream::Stream;

use crate::key::SessionKey;
use crate::transcript::{EntryError, MAX_LINE, check_entry};

/// The most that may wait for syncs in all, in bytes.
const ROOM: usize = 16 << 20;

/// So many lanes are kept whether or not they are written to. A machine has very many streams, and nearly all are quiet.
const LANES: usize = 1024;

/// How many alarms a slow listener may fall behind.
const ALARMS: usize = 256;

/// This process's spool. Dropped without [`Spool::close`], it writes what it accepted in the background.
pub struct Spool {
    disk: Arc<dyn Disk>,
    inner: Arc<Inner>,
}

struct Inner {
    writer: Arc<Writer>,
    known: Mutex<KnownStreams>,
    pool: Arc<Pool>,
    room: Room,
    changes: Arc<ChangedStreams>,
}

/// The streams of this process.
#[derive(Default)]
struct KnownStreams {
    streams: HashMap<SessionKey, Arc<Stream>>,
    /// Of those that are written to, or were just now.
    lanes: HashMap<SessionKey, Arc<AppendQueue>>,
    closed: bool,
}

impl Spool {
    /// Opens a new writer's spool under `state`. Blocks while its identity is synced.
    pub fn open(state: &Path) -> Result<Self, SpoolError> {
        let path = state.join("spool");
        match Folder::open(&path) {
            Ok(folder) => Self::on(Arc::new(folder)),
            Err(source) => Err(SpoolError::Io { path, source }),
        }
    }

    pub(crate) fn on(disk: Arc<dyn Disk>) -> Result<Self, SpoolError> {
        Self::of_writer(disk, Uuid::new_v4())
    }

    /// Nobody else may have this identity, ever.
    pub(crate) fn of_writer(disk: Arc<dyn Disk>, id: Uuid) -> Result<Self, SpoolError> {
        let writer = Writer::create(
            disk.clone(),
            OpenFiles::new(disk.clone()),
            id,
            broadcast::Sender::new(ALARMS),
        )?;
        let pool = Pool::start().map_err(|source| writer.failed(source))?;
        let inner = Inner {
            writer,
            known: Mutex::default(),
            pool,
            room: Room::new(ROOM),
            changes: ChangedStreams::new(),
        };
        Ok(Self {
            disk,
            inner: Arc::new(inner),
        })
    }

    /// This writer's random identity.
    pub fn writer(&self) -> &str {
        &self.inner.writer.id
    }

    /// Adopts the spools of processes that are gone: at the start, and later for those that die meanwhile. Blocks.
    pub fn adopt(&self) -> Result<Adoption, SpoolError> {
        adopt::adopt(&self.disk, &self.inner.writer.files, &self.inner.writer.alarms)
    }

    /// Likewise, but opens no stream yet. Blocks.
    pub(crate) fn find_dead(&self) -> Result<DeadSpools, SpoolError> {
        adopt::find(&self.disk, &self.inner.writer.files, &self.inner.writer.alarms)
    }

    /// Whether there is a spool of this writer, dead or alive. Blocks.
    pub(crate) fn has(&self, writer: &str) -> std::io::Result<bool> {
        Ok(self.disk.list(Path::new(""))?.iter().any(|name| name == writer))
    }

    /// After [`Spool::close`]: writes down that every stream is in order, where that is so, and where everything is
    /// delivered, if it is. The next process is spared the work.
    pub(crate) fn note_end(&self, delivered: Option<&DeliveredNote>) {
        if !self.streams().iter().all(|stream| stream.is_in_order()) {
            return;
        }
        self.inner.writer.note_recovered();
        if let Some(Err(error)) = delivered.map(|note| self.inner.writer.note_delivered(note)) {
            tracing::debug!("that everything is delivered was not written down: {error}");
        }
    }

    /// Every writer's spool under `state` as it lies on disk, by writer; none where there is no such directory. Works
    /// whether or not their processes live, makes nothing and changes nothing; a lock is held for as long as it takes
    /// to see that it is free. Blocks.
    pub fn look(state: &Path) -> Result<Vec<SpoolLook>, SpoolError> {
        look::look(state, &BTreeSet::new())
    }

    /// Likewise, but passes over these writers' spools: a host knows its own ([`crate::host::Host::writers`]). Blocks.
    pub fn look_at_others(state: &Path, but: &BTreeSet<String>) -> Result<Vec<SpoolLook>, SpoolError> {
        look::look(state, but)
    }

    /// Every writer's copy of one stream, as [`Spool::look`] sees it, the oldest process's first. Fails if one of them
    /// cannot be read. Blocks.
    pub fn look_at_stream(state: &Path, key: &SessionKey) -> Result<Vec<(String, StreamLook)>, SpoolError> {
        look::look_at_one(state, key)
    }

    /// Every writer's spool on a disk that a test has made.
    #[cfg(all(test, feature = "agent"))]
    pub(crate) fn look_on(disk: Arc<dyn Disk>) -> std::io::Result<Vec<SpoolLook>> {
        look::look_on(&disk, &BTreeSet::new())
    }

    /// Appends entries, given without their LF, and returns the place behind them once they are on disk.
    ///
    /// All of them or none. Each is checked before this returns its future, and copied once there is room for all; a
    /// future that is dropped may still have been accepted. Calls for one stream are written in the order in which
    /// their futures are first polled. Works under any executor. A stream that is not there yet begins with line 1.
    pub fn append<'a, E: AsRef<[u8]> + Sync>(
        &self,
        key: &SessionKey,
        entries: &'a [E],
    ) -> impl Future<Output = Result<Place, AppendError>> + Send + use<'a, E> {
        let checked = CheckedEntries::each(entries, |index, entry| match check_entry(entry) {
            Ok(()) => Ok(false),
            Err(source) => Err(AppendError::Entry { index, source }),
        });
        let (inner, key) = (self.inner.clone(), key.clone());
        async move { inner.append(key, checked?).await }
    }

    /// Appends lines of a file as they are, each given without its LF: a line that is no entry, too. For such a line
    /// the mark is synced with it, for nothing else tells it from a torn one after a crash.
    pub fn append_lines<'a, E: AsRef<[u8]> + Sync>(
        &self,
        key: &SessionKey,
        lines: &'a [E],
    ) -> impl Future<Output = Result<Place, AppendError>> + Send + use<'a, E> {
        let checked = CheckedEntries::each(lines, |index, line| match check_entry(line) {
            Err(source @ EntryError::LineFeed { .. }) => Err(AppendError::Entry { index, source }),
            checked => Ok(checked.is_err()),
        });
        let (inner, key) = (self.inner.clone(), key.clone());
        async move { inner.append(key, checked?).await }
    }

    /// [`Spool::append`] for callers without async.
    pub fn append_blocking<E: AsRef<[u8]> + Sync>(
        &self,
        key: &SessionKey,
        entries: &[E],
    ) -> Result<Place, AppendError> {
        block_on(self.append(key, entries))
    }

    /// Begins a stream after what others hold of it, and returns once that is on disk. Fine if it has begun there
    /// already and was not pruned since.
    pub fn begin(&self, key: &SessionKey, base: Base) -> impl Future<Output = Result<(), AppendError>> + Send + use<> {
        let (inner, key) = (self.inner.clone(), key.clone());
        async move { inner.begin(key, base).await }
    }

    /// [`Spool::begin`] for callers without async.
    pub fn begin_blocking(&self, key: &SessionKey, base: Base) -> Result<(), AppendError> {
        block_on(self.begin(key, base))
    }

    /// Has a stream begin behind a base with whatever is appended first, unless it has begun. Writes nothing.
    pub(crate) fn prepare(&self, key: &SessionKey, base: Base) {
        self.inner.lane(key, base);
    }

    /// Notes that the lines which are appended next to a stream are a file's as it was found, and may be at
    /// destinations already: on disk when this returns. A stream that is not there yet begins with it. Blocks.
    pub fn found_blocking(&self, key: &SessionKey, found: Doubtful) -> Result<(), AppendError> {
        self.inner.lane(key, Base::default()).doubt(found)
    }

    /// The streams that have begun, by key.
    pub fn streams(&self) -> Vec<Arc<Stream>> {
        let mut streams: Vec<_> = self
            .inner
            .known()
            .streams
            .values()
            .filter(|stream| stream.is_begun())
            .cloned()
            .collect();
        streams.sort_by(|one, other| one.key().cmp(other.key()));
        streams
    }

    /// One stream, if it has begun.
    pub fn stream(&self, key: &SessionKey) -> Option<Arc<Stream>> {
        self.inner
            .known()
            .streams
            .get(key)
            .filter(|stream| stream.is_begun())
            .cloned()
    }

    /// Wakes whenever a stream begins or has more lines; holds how often that was. Works under any executor.
    pub fn follow(&self) -> watch::Receiver<u64> {
        self.inner.changes.follow()
    }

    /// The streams that began or have more lines since this was last called, each once. For one caller: the mirror.
    pub(crate) fn take_changed(&self) -> Vec<Arc<Stream>> {
        self.inner.changes.take()
    }

    /// What must not pass in silence, from now on. A slow listener gets the number of those that it missed.
    pub fn alarms(&self) -> broadcast::Receiver<Alarm> {
        self.inner.writer.alarms.subscribe()
    }

    /// Accepts nothing more and returns once everything that was accepted is written. Goes on if it is dropped.
    ///
    /// The lock is free once the spool and its last [`Stream`] are dropped, too.
    pub fn close(&self) -> impl Future<Output = ()> + Send + use<> {
        self.inner.close();
        let inner = self.inner.clone();
        async move { inner.pool.closed().await }
    }

    /// [`Spool::close`] for callers without async.
    pub fn close_blocking(&self) {
        block_on(self.close());
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        self.inner.close();
    }
}

impl fmt::Debug for Spool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spool")
            .field("writer", &self.writer())
            .finish_non_exhaustive()
    }
}

impl Inner {
    async fn append<E: AsRef<[u8]>>(
        &self,
        key: SessionKey,
        checked: CheckedEntries<'_, E>,
    ) -> Result<Place, AppendError> {
        let lane = self.lane(&key, Base::default());
        let room = self.room_for(&lane, checked.size).await?;
        // What waits for room is in its caller's memory only.
        self.hand_over(&lane, checked.block(), room).await
    }

    async fn begin(&self, key: SessionKey, base: Base) -> Result<(), AppendError> {
        let lane = self.lane(&key, base.clone());
        let there = lane.stream.base();
        if there != base {
            return Err(AppendError::Begun { base: there });
        }
        let nothing = EntryBlock {
            bytes: Vec::new(),
            lines: 0,
            is_odd: false,
        };
        let room = self.room_for(&lane, 0).await?;
        self.hand_over(&lane, nothing, room).await.map(drop)
    }

    /// In this order: one stream's callers never hold all that there is for others.
    async fn room_for(&self, lane: &AppendQueue, size: usize) -> Result<[OwnedSemaphorePermit; 2], AppendError> {
        Ok([lane.room.take(size).await?, self.room.take(size).await?])
    }

    /// Has a block written in its turn.
    async fn hand_over(
        &self,
        lane: &Arc<AppendQueue>,
        block: EntryBlock,
        room: [OwnedSemaphorePermit; 2],
    ) -> Result<Place, AppendError> {
        let (answer, answered) = oneshot::channel();
        let call = Call {
            block,
            answer,
            _room: room,
        };
        if lane.push(call) && self.pool.schedule(lane.clone()).is_err() {
            lane.clear();
        }
        match answered.await {
            Ok(answer) => answer,
            Err(_dropped) if self.pool.is_closing() => Err(AppendError::Closed),
            Err(_dropped) => Err(AppendError::Write {
                file: lane.stream.name(),
                source: Arc::new(std::io::Error::other(
                    "the thread that was to write it ended in a panic",
                )),
            }),
        }
    }

    fn lane(&self, key: &SessionKey, base: Base) -> Arc<AppendQueue> {
        let mut known = self.known();
        if let Some(lane) = known.lanes.get(key) {
            return lane.clone();
        }
        known.let_go_of_idle_lanes();
        let new = || Arc::new(Stream::new(self.writer.clone(), key.clone(), base));
        let stream = known.streams.entry(key.clone()).or_insert_with(new).clone();
        let lane = Arc::new(AppendQueue::new(stream, self.changes.clone()));
        if known.closed {
            lane.room.close();
        }
        known.lanes.insert(key.clone(), lane.clone());
        lane
    }

    fn close(&self) {
        self.pool.close();
        self.room.close();
        let mut known = self.known();
        known.closed = true;
        known.lanes.values().for_each(|lane| lane.room.close());
    }

    fn known(&self) -> MutexGuard<'_, KnownStreams> {
        self.known.lock()
    }
}

impl KnownStreams {
    /// A lane that only this map has is nobody's: the next append to its stream makes another one.
    fn let_go_of_idle_lanes(&mut self) {
        if self.lanes.len() >= LANES {
            self.lanes.retain(|_, lane| Arc::strong_count(lane) > 1);
        }
    }
}

/// Entries that may be appended together, still in their caller's memory.
struct CheckedEntries<'a, E> {
    entries: &'a [E],
    /// How long their lines are together.
    size: usize,
    is_odd: bool,
}

impl<'a, E: AsRef<[u8]>> CheckedEntries<'a, E> {
    /// The check says of each whether it is odd.
    fn each(entries: &'a [E], check: impl Fn(usize, &[u8]) -> Result<bool, AppendError>) -> Result<Self, AppendError> {
        let (mut size, mut is_odd) = (0, false);
        for (index, entry) in entries.iter().enumerate() {
            let entry = entry.as_ref();
            let len = entry.len() + 1;
            if len > MAX_LINE {
                return Err(AppendError::TooLong { index, len });
            }
            is_odd |= check(index, entry)?;
            size += len;
        }
        Ok(Self { entries, size, is_odd })
    }

    /// Joins them to lines.
    fn block(&self) -> EntryBlock {
        let mut bytes = Vec::with_capacity(self.size);
        for entry in self.entries {
            bytes.extend_from_slice(entry.as_ref());
            bytes.push(b'\n');
        }
        EntryBlock {
            bytes,
            lines: self.entries.len() as u64,
            is_odd: self.is_odd,
        }
    }
}
