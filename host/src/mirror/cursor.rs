//! How far a destination has a writer's copy of a stream: a hint that saves reads, never what is relied on.

use std::collections::{BTreeMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::disk::{self, Disk};
use crate::key::SessionKey;
use crate::spool::Place;
use crate::store::Position;

/// How far one destination has one writer's copy of one stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Cursor {
    /// Which stream: the file's name cannot tell.
    pub(super) key: SessionKey,
    /// The last batch of the log when this was written; none while nothing was delivered.
    pub(super) position: Option<Position>,
    /// Everything before is there.
    pub(super) place: Place,
    /// Why nothing more is delivered, if that is so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) trouble: Option<String>,
}

/// Cursors, one file each: `<destination>/<writer>/<hash of the key>.json`. Replaced whole, and not synced. Beside them
/// lies `events.json`: what the writer's process had to tell of the destination, counted.
#[derive(Debug)]
pub(super) struct Cursors {
    disk: Arc<dyn Disk>,
    made: Mutex<HashSet<PathBuf>>,
}

impl Cursors {
    pub(super) fn new(disk: Arc<dyn Disk>) -> Self {
        Self {
            disk,
            made: Mutex::default(),
        }
    }

    /// `None` if it is missing or cannot be read: a cursor is a hint, and the log is asked where it is lacking.
    pub(super) fn load(&self, destination: &str, writer: &str, key: &SessionKey) -> Option<Cursor> {
        let file = self.disk.open(&name(destination, writer, key)).ok()?;
        let cursor: Cursor = serde_json::from_slice(&disk::read_small(&*file).ok()?).ok()?;
        (cursor.key == *key).then_some(cursor)
    }

    /// A failure costs reads after the next start.
    pub(super) fn save(&self, destination: &str, writer: &str, cursor: &Cursor) {
        if let Err(error) = self.try_save(destination, writer, cursor) {
            tracing::warn!(destination, stream = %cursor.key, "cannot write a cursor: {error}");
        }
    }

    fn try_save(&self, destination: &str, writer: &str, cursor: &Cursor) -> io::Result<()> {
        self.put(&name(destination, writer, &cursor.key), &serde_json::to_vec(cursor)?)
    }

    /// Writes down what a writer's process counted. A failure costs a number in a report.
    pub(super) fn save_events(&self, destination: &str, writer: &str, events: &BTreeMap<&'static str, u64>) {
        let bytes = serde_json::to_vec(events).map_err(io::Error::from);
        if let Err(error) = bytes.and_then(|bytes| self.put(&events_of(destination, writer), &bytes)) {
            tracing::warn!(destination, "cannot write the counts of events: {error}");
        }
    }

    /// What all writers' processes counted, those whose spools are gone left out. A count that cannot be read is a
    /// number less in a report.
    pub(super) fn events(&self, destination: &str) -> BTreeMap<String, u64> {
        let mut sums = BTreeMap::new();
        for writer in self.disk.list(Path::new(destination)).unwrap_or_default() {
            let file = self.disk.open(&events_of(destination, &writer));
            let bytes = file.and_then(|file| disk::read_small(&*file)).unwrap_or_default();
            let counted: BTreeMap<String, u64> = serde_json::from_slice(&bytes).unwrap_or_default();
            for (event, count) in counted {
                *sums.entry(event).or_default() += count;
            }
        }
        sums
    }

    fn put(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.make_dirs(disk::parent(path))?;
        match disk::replace_hint(&*self.disk, path, bytes) {
            // Another program removed the directories.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.made().clear();
                self.make_dirs(disk::parent(path))?;
                disk::replace_hint(&*self.disk, path, bytes)
            }
            replaced => replaced,
        }
    }

    /// Forgets a writer whose spool is gone.
    pub(super) fn forget(&self, destination: &str, writer: &str) {
        let dir = Path::new(destination).join(writer);
        self.made().remove(&dir);
        match self.disk.remove_tree(&dir) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(destination, writer, "cannot remove cursors: {error}");
            }
            _ => {}
        }
    }

    /// Forgets a destination that was removed.
    pub(super) fn forget_destination(&self, destination: &str) -> io::Result<()> {
        disk::remove_tree_if_there(&*self.disk, Path::new(destination))
    }

    fn make_dirs(&self, dir: &Path) -> io::Result<()> {
        if self.made().contains(dir) {
            return Ok(());
        }
        self.disk.make_dir(disk::parent(dir))?;
        self.disk.make_dir(dir)?;
        self.made().insert(dir.to_owned());
        Ok(())
    }

    fn made(&self) -> parking_lot::MutexGuard<'_, HashSet<PathBuf>> {
        self.made.lock()
    }
}

fn name(destination: &str, writer: &str, key: &SessionKey) -> PathBuf {
    let file = format!("{}.json", key.fingerprint());
    [destination, writer, &file].iter().collect()
}

/// No key's hash is called that.
fn events_of(destination: &str, writer: &str) -> PathBuf {
    [destination, writer, "events.json"].iter().collect()
}
