use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::alarm::{Alarm, Trouble};
use super::error::SpoolError;
use super::files::Files;
use super::layout::DOOR;
use super::recover;
use super::stream::Stream;
use super::writer::{Writer, is_writer};
use crate::disk::{self, Disk};
use tokio::sync::broadcast;

/// What dead processes left.
#[derive(Debug, Default)]
pub struct Adoption {
    /// Their spools, locked from now on, in the order in which their processes began.
    pub spools: Vec<Adopted>,
    /// Spools that cannot be adopted, and why; they are kept as they are.
    pub refused: Vec<SpoolError>,
}

/// The spool of a dead process, to be read and delivered under its own writer's identity. Nothing is ever added to it.
#[derive(Debug)]
pub struct Adopted {
    writer: Arc<Writer>,
    streams: Vec<Arc<Stream>>,
    alarms: Vec<Alarm>,
}

impl Adopted {
    /// The dead writer's identity.
    pub fn writer(&self) -> &str {
        &self.writer.id
    }

    /// Its streams, by key. One that cannot be read is not among them: see [`Adopted::alarms`].
    pub fn streams(&self) -> &[Arc<Stream>] {
        &self.streams
    }

    /// What had to be said when it was opened.
    pub fn alarms(&self) -> &[Alarm] {
        &self.alarms
    }

    /// Whether every stream that it holds could be opened.
    pub fn is_readable(&self) -> bool {
        let unreadable = |alarm: &Alarm| matches!(alarm.trouble, Trouble::Unreadable(_));
        !self.alarms.iter().any(unreadable)
    }

    /// Since when it is known that everything in it is delivered, by the wall clock: `now` where this is the first time
    /// that it is asked.
    pub fn delivered_since(&self, now: SystemTime) -> Result<SystemTime, SpoolError> {
        let since = self.read_or_write_stamp(now);
        since.map_err(|source| self.writer.failed(source))
    }

    fn read_or_write_stamp(&self, now: SystemTime) -> io::Result<SystemTime> {
        let (disk, path) = (&*self.writer.disk, self.writer.names.delivered());
        let read = disk.open(&path).and_then(|file| disk::read_small(&*file));
        let written = read.ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        if let Some(seconds) = written {
            return Ok(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
        }
        let since_epoch = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        disk::replace_hint(disk, &path, &serde_json::to_vec(&since_epoch.as_secs())?)?;
        Ok(now)
    }

    /// Removes the spool with everything in it, delivered or not. That is the caller's to know.
    pub fn remove(self) -> Result<(), SpoolError> {
        let disk = &*self.writer.disk;
        let removed = disk
            .lock(Path::new(DOOR))
            .and_then(|_door| disk.remove_tree(self.writer.names.dir()))
            // Else a power failure brings it back, and nobody knows any more that it was delivered.
            .and_then(|()| disk.sync_dir(Path::new("")));
        self.writer.files.forget(self.writer.names.dir());
        removed.map_err(|source| self.writer.failed(source))
    }

    fn open(writer: Arc<Writer>) -> Result<Self, SpoolError> {
        let mut adopted = Self {
            streams: Vec::new(),
            alarms: Vec::new(),
            writer: writer.clone(),
        };
        let mut names = writer
            .disk
            .list(&writer.names.streams())
            .map_err(|source| writer.failed(source))?;
        names.sort();
        for name in names {
            adopted.open_stream(&name);
        }
        adopted.streams.sort_by(|one, other| one.key().cmp(other.key()));
        Ok(adopted)
    }

    fn open_stream(&mut self, name: &str) {
        let names = self.writer.names.stream_of_hash(name);
        let dir = names.dir().to_owned();
        match recover::open(&self.writer, &names, &mut self.alarms) {
            Ok(stream) => self.streams.push(Arc::new(stream)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                let alarm = self.writer.raise(None, &dir, Trouble::Unreadable(Arc::new(error)));
                self.alarms.push(alarm);
            }
        }
    }
}

/// Adopts every spool whose process is gone. One that holds no stream is removed.
pub(super) fn adopt(
    disk: &Arc<dyn Disk>,
    files: &Arc<Files>,
    alarms: &broadcast::Sender<Alarm>,
) -> Result<Adoption, SpoolError> {
    let mut adoption = Adoption::default();
    for writer in lock_dead(disk, files, alarms, &mut adoption.refused)? {
        match Adopted::open(writer) {
            Ok(adopted) => adoption.spools.push(adopted),
            Err(error) => adoption.refused.push(error),
        }
    }
    Ok(adoption)
}

/// Looking at the streams takes longer, and nobody need wait for that.
fn lock_dead(
    disk: &Arc<dyn Disk>,
    files: &Arc<Files>,
    alarms: &broadcast::Sender<Alarm>,
    refused: &mut Vec<SpoolError>,
) -> Result<Vec<Arc<Writer>>, SpoolError> {
    let failed = |source| SpoolError::Io {
        path: disk.name_of(Path::new("")),
        source,
    };
    let _door = disk.lock(Path::new(DOOR)).map_err(failed)?;
    let mut names = disk.list(Path::new("")).map_err(failed)?;
    names.sort();
    let mut writers = Vec::new();
    for name in names.iter().filter(|name| is_writer(name)) {
        match Writer::adopt(disk, files, name, alarms) {
            Ok(writer) => writers.extend(writer),
            Err(error) => refused.push(error),
        }
    }
    // Names are random, and what was appended first comes first.
    writers.sort_by_key(|(turn, _)| *turn);
    Ok(writers.into_iter().map(|(_, writer)| writer).collect())
}
