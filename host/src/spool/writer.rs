use std::collections::HashSet;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;
use uuid::Uuid;

use super::alarm::{Alarm, FileTrouble};
use super::error::SpoolError;
use super::layout::{DOOR, WriterNames};
use super::open_files::OpenFiles;
use super::place::Base;
use crate::disk::{self, Disk, Lock};
use crate::key::SessionKey;

/// The layout of a writer's directory.
const VERSION: u32 = 1;

/// A writer's directory, locked as long as anybody holds this.
pub(super) struct Writer {
    pub(super) id: String,
    pub(super) names: WriterNames,
    pub(super) disk: Arc<dyn Disk>,
    pub(super) files: Arc<OpenFiles>,
    pub(super) alarms: broadcast::Sender<Alarm>,
    /// What most streams begin behind.
    pub(super) no_base: Arc<Base>,
    /// Directories whose names are on disk.
    durable: Mutex<HashSet<PathBuf>>,
    _lock: Lock,
}

#[derive(Serialize, Deserialize)]
struct WriterIdentity {
    version: u32,
    writer: String,
    /// Above those of all writers that were there when this one began: their lines come first. A clock may be set back.
    #[serde(default)]
    turn: u64,
}

impl Writer {
    /// A new writer, its identity on disk.
    pub(super) fn create(
        disk: Arc<dyn Disk>,
        files: Arc<OpenFiles>,
        id: Uuid,
        alarms: broadcast::Sender<Alarm>,
    ) -> Result<Arc<Self>, SpoolError> {
        let id = id.simple().to_string();
        let names = WriterNames::new(&id);
        let failed = |source| failed(&*disk, names.dir(), source);
        // A process that adopts looks for free locks: between the making and the locking it finds none.
        let _door = disk.lock(Path::new(DOOR)).map_err(failed)?;
        disk.make_dir(names.dir()).map_err(failed)?;
        let lock = disk.try_lock(&names.lock()).and_then(taken).map_err(failed)?;
        let identity = WriterIdentity {
            version: VERSION,
            writer: id.clone(),
            turn: last_turn(&*disk).map_err(failed)? + 1,
        };
        let written = serde_json::to_vec(&identity).map_err(io::Error::from);
        let synced = written
            .and_then(|bytes| disk::replace(&*disk, &names.identity(), &bytes))
            .and_then(|()| disk.sync_dir(Path::new("")));
        synced.map_err(failed)?;
        Ok(Arc::new(Self::locked(files, disk.clone(), id, lock, alarms)))
    }

    /// A dead process's writer, and its turn among all; none if it lives, or if its directory holds nothing.
    pub(super) fn adopt(
        disk: &Arc<dyn Disk>,
        files: &Arc<OpenFiles>,
        id: &str,
        alarms: &broadcast::Sender<Alarm>,
    ) -> Result<Option<(u64, Arc<Self>)>, SpoolError> {
        let names = WriterNames::new(id);
        let failed = |source| failed(&**disk, names.dir(), source);
        let Some(lock) = disk.try_lock(&names.lock()).map_err(failed)? else {
            return Ok(None);
        };
        let writer = Arc::new(Self::locked(
            files.clone(),
            disk.clone(),
            id.to_owned(),
            lock,
            alarms.clone(),
        ));
        if !writer.has_streams().map_err(failed)? {
            disk.remove_tree(names.dir()).map_err(failed)?;
            return Ok(None);
        }
        let turn = writer.check_identity()?;
        Ok(Some((turn, writer)))
    }

    fn locked(
        files: Arc<OpenFiles>,
        disk: Arc<dyn Disk>,
        id: String,
        lock: Lock,
        alarms: broadcast::Sender<Alarm>,
    ) -> Self {
        let names = WriterNames::new(&id);
        let durable = [PathBuf::new(), names.dir().to_owned()];
        Self {
            id,
            names,
            disk,
            files,
            alarms,
            no_base: Arc::default(),
            durable: Mutex::new(durable.into()),
            _lock: lock,
        }
    }

    fn has_streams(&self) -> io::Result<bool> {
        match self.disk.list(&self.names.streams()) {
            Ok(names) => Ok(!names.is_empty()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Gives the turn.
    fn check_identity(&self) -> Result<u64, SpoolError> {
        let identity = read_identity(&*self.disk, &self.names).map_err(|source| self.failed(source))?;
        let path = self.disk.name_of(self.names.dir());
        if identity.version > VERSION {
            return Err(SpoolError::Newer {
                path,
                found: identity.version,
                known: VERSION,
            });
        }
        if identity.writer != self.id {
            return Err(SpoolError::Moved {
                path,
                writer: identity.writer,
            });
        }
        Ok(identity.turn)
    }

    pub(super) fn failed(&self, source: io::Error) -> SpoolError {
        failed(&*self.disk, self.names.dir(), source)
    }

    /// Makes a directory, and those above it, and returns once their names are on disk.
    pub(super) fn make_dirs(&self, dir: &Path) -> io::Result<()> {
        let mut above: Vec<_> = dir.ancestors().collect();
        above.reverse();
        for dir in above {
            if self.durable_dirs().contains(dir) {
                continue;
            }
            self.disk.make_dir(dir)?;
            // Even if it was there: an earlier try may have failed before this.
            self.disk.sync_dir(disk::parent(dir))?;
            self.durable_dirs().insert(dir.to_owned());
        }
        Ok(())
    }

    /// Likewise, of a directory that is one stream's: that it is there is not remembered, for nobody asks again.
    pub(super) fn make_dir_once(&self, dir: &Path) -> io::Result<()> {
        let above = disk::parent(dir);
        self.make_dirs(above)?;
        self.disk.make_dir(dir)?;
        self.disk.sync_dir(above)
    }

    fn durable_dirs(&self) -> parking_lot::MutexGuard<'_, HashSet<PathBuf>> {
        self.durable.lock()
    }

    /// Tells everybody who listens, and the log.
    pub(super) fn raise(&self, key: Option<&SessionKey>, file: &Path, trouble: FileTrouble) -> Alarm {
        let file = self.disk.name_of(file);
        tracing::warn!(writer = self.id, file = %file.display(), "{trouble}");
        let alarm = Alarm {
            writer: self.id.clone(),
            key: key.cloned(),
            file,
            trouble,
        };
        // Nobody may be listening.
        let _ = self.alarms.send(alarm.clone());
        alarm
    }
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Whether a name in the spool is a writer's.
pub(super) fn is_writer(name: &str) -> bool {
    name.len() == 32 && name.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn read_identity(disk: &dyn Disk, names: &WriterNames) -> io::Result<WriterIdentity> {
    let file = disk.open(&names.identity())?;
    Ok(serde_json::from_slice(&disk::read_small(&*file)?)?)
}

/// A writer's turn.
pub(super) fn turn(disk: &dyn Disk, writer: &str) -> io::Result<u64> {
    read_identity(disk, &WriterNames::new(writer)).map(|identity| identity.turn)
}

/// The last turn that anybody has. Who has no identity, or a damaged one, has no turn, and is not adopted either.
fn last_turn(disk: &dyn Disk) -> io::Result<u64> {
    use io::ErrorKind::{InvalidData, NotFound, UnexpectedEof};
    let mut last = 0;
    for name in disk.list(Path::new(""))?.iter().filter(|name| is_writer(name)) {
        match read_identity(disk, &WriterNames::new(name)) {
            Ok(identity) => last = last.max(identity.turn),
            Err(error) if matches!(error.kind(), NotFound | InvalidData | UnexpectedEof) => {}
            // It may be the last: a process that begins later would count as older.
            Err(error) => return Err(error),
        }
    }
    Ok(last)
}

fn taken(lock: Option<Lock>) -> io::Result<Lock> {
    lock.ok_or_else(|| io::Error::other("a new directory is locked already"))
}

fn failed(disk: &dyn Disk, path: &Path, source: io::Error) -> SpoolError {
    SpoolError::Io {
        path: disk.name_of(path),
        source,
    }
}
