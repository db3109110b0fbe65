//! What must not be forgotten of a stream at a destination, synced before it is acted upon: few lines, rarely written.
//! A delete stands here before it is tried, and so does the number that it is tried at (`Wanted`).
//!
//! A log whose newest batch we know is a tombstone hides what came before, our own batches too. Without a record of
//! our own we could not tell lines that were deleted from lines that were never delivered.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};
use serde::{Deserialize, Serialize};

use super::survey::Survey;
use crate::disk::{self, Disk};
use crate::key::SessionKey;
use crate::store::Position;

/// In the place of a destination's name: the deletes for destinations that are added later. No destination is called
/// that.
const LATER: &str = ".later";

/// Where it is noted which writers are to be forgotten. No destination is called that either.
const TO_FORGET: &str = ".forget";

/// What is known of one stream at one destination.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LedgerEntry {
    pub(super) key: SessionKey,
    /// The tombstones that were reckoned with. A destination that was emptied numbers anew, so a number alone says
    /// nothing.
    #[serde(default)]
    pub(super) tombstones: Vec<Position>,
    /// By writer.
    #[serde(default)]
    pub(super) writers: BTreeMap<String, Share>,
    /// A delete that a caller asked for and that is not done yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) wanted: Option<Wanted>,
}

/// One writer's share in a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Share {
    /// A batch of its may have been stored.
    pub(super) begun: bool,
    /// Lines before this one are not to be delivered: they were deleted.
    pub(super) from_line: u64,
    /// Where lines of a file were pruned: the last place at which no line of others was left over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) even: Option<Even>,
}

/// How far lines of a copy were set off against a log without a rest: no line of the log as it ended then can stand for
/// a later line of the copy, only what others store behind it can.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Even {
    /// All lines before this one were set off.
    pub(super) line: u64,
    /// The end of the log then; none where it was empty.
    pub(super) position: Option<Position>,
}

/// A delete that is to be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Wanted {
    /// Whose tombstone it will be,
    pub(super) writer: String,
    /// and before which line of that writer's.
    pub(super) line: u64,
    /// Everything else of the session is to be deleted, too, but for these subpaths: a wish of its own tells of each,
    /// and of the lines that it means.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) session: Option<BTreeSet<String>>,
    /// The number that the tombstone was first tried at. That number was free then: a tombstone there or later,
    /// whosever it is, hides all that this one was to hide.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) tried: Option<u64>,
}

/// Streams, and by writer the line behind the last of each copy.
pub(super) type Streams = BTreeMap<SessionKey, BTreeMap<String, u64>>;

/// Entries, one file each: `<destination>/<hash of the key>.json`, replaced whole and synced.
#[derive(Debug)]
pub(super) struct Ledger {
    disk: Arc<dyn Disk>,
    /// Directories whose names are on disk.
    made: Mutex<BTreeSet<PathBuf>>,
    /// Entries of which it is not known whether they are on disk: they can be read as they are to be, and writing them
    /// failed at the last step.
    doubtful: Mutex<BTreeSet<PathBuf>>,
}

impl Even {
    /// Whether a log still is the one that it is about.
    pub(super) fn is_part_of(&self, survey: &Survey) -> bool {
        self.position
            .is_some_and(|position| survey.contains.contains(&position.number))
    }
}

impl LedgerEntry {
    pub(super) fn new(key: SessionKey) -> Self {
        Self {
            key,
            tombstones: Vec::new(),
            writers: BTreeMap::new(),
            wanted: None,
        }
    }

    /// Notes that a tombstone was reckoned with.
    pub(super) fn meet(&mut self, tombstone: Position) {
        if !self.tombstones.contains(&tombstone) {
            self.tombstones.push(tombstone);
        }
    }

    /// Notes, by writer, before which lines nothing is to be delivered.
    pub(super) fn pass_over(&mut self, ends: &BTreeMap<String, u64>) {
        for (writer, end) in ends {
            let share = self.share_mut(writer);
            share.from_line = share.from_line.max(*end);
        }
    }

    /// Whether it says nothing. Tombstones stay when the last writer is forgotten: to a writer that comes later, and
    /// begins without having read the log from its start, one that nobody reckoned with would be news.
    fn is_empty(&self) -> bool {
        self.writers.is_empty() && self.wanted.is_none() && self.tombstones.is_empty()
    }

    pub(super) fn share(&self, writer: &str) -> Share {
        self.writers.get(writer).copied().unwrap_or_default()
    }

    pub(super) fn share_mut(&mut self, writer: &str) -> &mut Share {
        self.writers.entry(writer.to_owned()).or_default()
    }
}

impl Ledger {
    pub(super) fn new(disk: Arc<dyn Disk>) -> Self {
        Self {
            disk,
            made: Mutex::default(),
            doubtful: Mutex::default(),
        }
    }

    /// An empty entry if nothing is known. One that cannot be read is an error: to go on without it
    /// could bring back what was deleted.
    pub(super) fn load(&self, destination: &str, key: &SessionKey) -> io::Result<LedgerEntry> {
        let entry = match self.read(&name(destination, key)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(LedgerEntry::new(key.clone())),
            read => read?,
        };
        match entry.key == *key {
            true => Ok(entry),
            false => Err(io::Error::other("a record of another stream has this stream's name")),
        }
    }

    /// Changes an entry; on disk when this returns, and gives it as it is then. Several processes may share a ledger.
    pub(super) fn update(
        &self,
        destination: &str,
        key: &SessionKey,
        change: impl FnOnce(&mut LedgerEntry),
    ) -> io::Result<LedgerEntry> {
        let _turn = self.disk.lock(&turn(key))?;
        let mut entry = self.load(destination, key)?;
        let before = entry.clone();
        change(&mut entry);
        let path = name(destination, key);
        if entry != before || self.doubtful().contains(&path) {
            self.doubtful().insert(path.clone());
            self.save(destination, &entry)?;
            self.doubtful().remove(&path);
        }
        Ok(entry)
    }

    /// Writes down that a stream is to be deleted at a destination, and before which lines of each writer.
    pub(super) fn want_deleted(
        &self,
        destination: &str,
        key: &SessionKey,
        ends: &BTreeMap<String, u64>,
        wanted: Wanted,
    ) -> io::Result<()> {
        self.update(destination, key, |entry| {
            entry.pass_over(ends);
            entry.wanted = Some(wanted);
        })?;
        Ok(())
    }

    /// Writes down for every destination that is named later that these streams of a session were deleted, by their
    /// keys, and before which lines of each writer. In whose name, says `writer`.
    pub(super) fn want_deleted_later(&self, streams: &Streams, writer: &str) -> io::Result<()> {
        let subpaths = streams.keys().filter_map(|key| key.subpath().map(str::to_owned));
        let known: BTreeSet<_> = subpaths.collect();
        for (key, ends) in streams {
            let wanted = Wanted {
                writer: writer.to_owned(),
                line: ends.get(writer).copied().unwrap_or(1),
                session: key.is_main().then(|| known.clone()),
                tried: None,
            };
            self.want_deleted(LATER, key, ends, wanted)?;
        }
        Ok(())
    }

    /// Likewise for one stream, whatever becomes of its session.
    pub(super) fn want_deleted_later_of(
        &self,
        key: &SessionKey,
        ends: &BTreeMap<String, u64>,
        wanted: Wanted,
    ) -> io::Result<()> {
        self.want_deleted(LATER, key, ends, wanted)
    }

    /// The deletes of a stream that a destination has to take over which is added after them.
    pub(super) fn later(&self, key: &SessionKey) -> io::Result<LedgerEntry> {
        self.load(LATER, key)
    }

    /// Writes down, synced, that a writer's spool is about to be removed, and which streams it held: nothing else could
    /// tell, once it is gone. [`Ledger::forget_noted`] does the rest, in whichever process.
    pub(super) fn note_to_forget(&self, writer: &str, keys: &[SessionKey]) -> io::Result<()> {
        self.disk.make_dir(Path::new(TO_FORGET))?;
        self.disk.sync_dir(Path::new(""))?;
        let path = Path::new(TO_FORGET).join(writer);
        disk::replace(&*self.disk, &path, &serde_json::to_vec(keys)?)
    }

    /// Forgets writers of whom that was noted, and whose spools are gone, until the time is over. What was done is
    /// passed over fast the next time.
    pub(super) fn forget_noted(
        &self,
        is_gone: impl Fn(&str) -> io::Result<bool>,
        is_over: impl Fn() -> bool,
    ) -> io::Result<()> {
        let writers = self.names_in(Path::new(TO_FORGET))?;
        for writer in writers.iter().filter(|name| !name.contains('.')) {
            if !is_gone(writer)? {
                continue;
            }
            let path = Path::new(TO_FORGET).join(writer);
            let keys: Vec<SessionKey> = serde_json::from_slice(&disk::read_whole(&*self.disk.open(&path)?)?)?;
            let mut destinations = self.names_in(Path::new(""))?;
            destinations.retain(|name| !name.starts_with('.') && !name.starts_with("lock-"));
            for key in &keys {
                if is_over() {
                    return Ok(());
                }
                self.forget(writer, key, &destinations)?;
            }
            disk::remove_if_there(&*self.disk, &path)?;
        }
        Ok(())
    }

    /// Forgets a writer at each destination, and what later ones were to hear of it: nobody brings them its lines.
    fn forget(&self, writer: &str, key: &SessionKey, destinations: &[String]) -> io::Result<()> {
        self.update(LATER, key, |entry| {
            entry.writers.remove(writer);
            entry.wanted.take_if(|_| entry.writers.is_empty());
        })?;
        for destination in destinations {
            self.update(destination, key, |entry| {
                entry.writers.remove(writer);
            })?;
        }
        Ok(())
    }

    /// None where there is no such directory.
    fn names_in(&self, dir: &Path) -> io::Result<Vec<String>> {
        match self.disk.list(dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            listed => listed,
        }
    }

    /// Forgets a destination that was removed.
    pub(super) fn forget_destination(&self, destination: &str) -> io::Result<()> {
        disk::remove_tree_if_there(&*self.disk, Path::new(destination))?;
        self.disk.sync_dir(Path::new(""))
    }

    /// Writes an entry, synced; removes its file where the entry says nothing.
    fn save(&self, destination: &str, entry: &LedgerEntry) -> io::Result<()> {
        let path = name(destination, &entry.key);
        let dir = disk::parent(&path);
        if entry.is_empty() {
            disk::remove_if_there(&*self.disk, &path)?;
            return self.disk.sync_dir(dir);
        }
        if !self.made().contains(dir) {
            self.disk.make_dir(dir)?;
            self.disk.sync_dir(Path::new(""))?;
            self.made().insert(dir.to_owned());
        }
        let replaced = disk::replace(&*self.disk, &path, &serde_json::to_vec(entry)?);
        if matches!(&replaced, Err(error) if error.kind() == io::ErrorKind::NotFound) {
            // Another program removed it: the next try makes it anew.
            self.made().remove(dir);
        }
        replaced
    }

    fn doubtful(&self) -> MutexGuard<'_, BTreeSet<PathBuf>> {
        self.doubtful.lock()
    }

    fn made(&self) -> MutexGuard<'_, BTreeSet<PathBuf>> {
        self.made.lock()
    }

    /// The streams of a destination that a caller wants deleted.
    pub(super) fn wanted(&self, destination: &str) -> io::Result<Vec<SessionKey>> {
        let names = self.names_in(Path::new(destination))?;
        let mut wanted = Vec::new();
        for name in names.iter().filter(|name| name.ends_with(".json")) {
            let entry = self.read(&Path::new(destination).join(name))?;
            wanted.extend(entry.wanted.is_some().then_some(entry.key));
        }
        wanted.sort();
        Ok(wanted)
    }

    fn read(&self, path: &Path) -> io::Result<LedgerEntry> {
        let file = self.disk.open(path)?;
        Ok(serde_json::from_slice(&disk::read_small(&*file)?)?)
    }
}

/// Held while a stream's entry is changed. Streams that begin at once share few: their syncs are joined by the
/// file system, and done one after the other they would take as long as all of them together.
fn turn(key: &SessionKey) -> PathBuf {
    let stripe: String = key.fingerprint().chars().take(2).collect();
    format!("lock-{stripe}").into()
}

fn name(destination: &str, key: &SessionKey) -> PathBuf {
    Path::new(destination).join(format!("{}.json", key.fingerprint()))
}
