//! Takes over the spools of processes that died: locks each, and gives their streams to be read, never added to.

use std::path::Path;
use std::sync::Arc;

use super::alarm::Alarm;
use super::dead::{Dead, DeadSpools, DeliveredNote, OpenedStreams, UnreadStream, read_note};
use super::error::SpoolError;
use super::layout::DOOR;
use super::open_files::OpenFiles;
use super::stream::Stream;
use super::writer::{Writer, is_writer};
use crate::disk::Disk;
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
    unread: Vec<UnreadStream>,
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
        self.unread.is_empty()
    }

    /// Those that could not be.
    pub(crate) fn unread(&self) -> Vec<UnreadStream> {
        self.unread.clone()
    }

    /// One of them was opened after all; `None` if it never began.
    pub(crate) fn take_in(&mut self, unread: &UnreadStream, stream: Option<Arc<Stream>>, alarms: Vec<Alarm>) {
        self.unread.retain(|other| other.name() != unread.name());
        self.streams.extend(stream);
        self.streams.sort_by(|one, other| one.key().cmp(other.key()));
        self.alarms.extend(alarms);
        if self.is_readable() {
            self.note_recovered();
        }
    }

    /// The note of its delivery. Returns `None` if it is missing, or none that can be read.
    pub(crate) fn delivered(&self) -> Option<DeliveredNote> {
        read_note(&self.writer)
    }

    /// Everything in it is delivered: the next process need not look at its streams.
    pub(crate) fn note_delivered(&self, note: &DeliveredNote) -> Result<(), SpoolError> {
        self.writer.note_delivered(note)
    }

    pub(super) fn note_recovered(&self) {
        self.writer.note_recovered();
    }

    pub(super) fn new(
        writer: Arc<Writer>,
        mut streams: Vec<Arc<Stream>>,
        alarms: Vec<Alarm>,
        unread: Vec<UnreadStream>,
    ) -> Self {
        streams.sort_by(|one, other| one.key().cmp(other.key()));
        Self {
            writer,
            streams,
            alarms,
            unread,
        }
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
}

impl Dead {
    /// Opens every stream, one after the other.
    pub(crate) fn adopt(self) -> Adopted {
        let mut opened = OpenedStreams::default();
        for name in self.names() {
            match self.open(name, &mut opened.alarms) {
                Ok(stream) => opened.streams.extend(stream),
                // It raised an alarm.
                Err(_) => opened.unread.push(name.clone()),
            }
        }
        self.opened(opened)
    }
}

/// Adopts every spool whose process is gone. One that holds no stream is removed.
pub(super) fn adopt(
    disk: &Arc<dyn Disk>,
    files: &Arc<OpenFiles>,
    alarms: &broadcast::Sender<Alarm>,
) -> Result<Adoption, SpoolError> {
    let DeadSpools { spools, refused } = find(disk, files, alarms)?;
    Ok(Adoption {
        spools: spools.into_iter().map(Dead::adopt).collect(),
        refused,
    })
}

/// Locks every spool whose process is gone, and lists its streams. One that holds none is removed.
pub(super) fn find(
    disk: &Arc<dyn Disk>,
    files: &Arc<OpenFiles>,
    alarms: &broadcast::Sender<Alarm>,
) -> Result<DeadSpools, SpoolError> {
    let mut found = DeadSpools::default();
    for writer in lock_dead(disk, files, alarms, &mut found.refused)? {
        match Dead::list(writer) {
            Ok(dead) => found.spools.push(dead),
            Err(error) => found.refused.push(error),
        }
    }
    Ok(found)
}

/// Looking at the streams takes longer, and nobody need wait for that.
fn lock_dead(
    disk: &Arc<dyn Disk>,
    files: &Arc<OpenFiles>,
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
