//! A dead process's spool before its streams are opened, and the note that says where all of it is delivered.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::alarm::{Alarm, FileTrouble};
use super::error::SpoolError;
use super::layout::DOOR;
use super::record::StreamRecord;
use super::recover;
use super::stream::Stream;
use super::writer::Writer;
use crate::disk;
use crate::key::SessionKey;

/// The spool of a dead process, locked, its streams listed and not opened yet.
#[derive(Debug)]
pub(crate) struct Dead {
    writer: Arc<Writer>,
    /// What streams are called here: the fingerprints of their keys.
    names: Vec<String>,
    is_recovered: bool,
}

/// What came of opening a dead process's streams.
#[derive(Debug, Default)]
pub(crate) struct OpenedStreams {
    pub(crate) streams: Vec<Arc<Stream>>,
    pub(crate) alarms: Vec<Alarm>,
    /// What those are called that cannot be read.
    pub(crate) unread: Vec<String>,
}

/// A stream of an adopted spool that could not be opened.
#[derive(Clone, Debug)]
pub(crate) struct UnreadStream {
    writer: Arc<Writer>,
    name: String,
    is_recovered: bool,
}

/// Dead processes' spools, in the order in which their processes began.
#[derive(Debug, Default)]
pub(crate) struct DeadSpools {
    pub(crate) spools: Vec<Dead>,
    /// Those that cannot be adopted, and why.
    pub(crate) refused: Vec<SpoolError>,
}

/// That everything in a spool is delivered. A hint: it is not synced, and without it the streams are looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DeliveredNote {
    /// Since when, in Unix seconds.
    pub(crate) since: u64,
    /// By destination: which projects it took.
    pub(crate) to: BTreeMap<String, Vec<String>>,
}

impl Dead {
    pub(super) fn list(writer: Arc<Writer>) -> Result<Self, SpoolError> {
        let failed = |source| writer.failed(source);
        let mut names = writer.disk.list(&writer.names.streams()).map_err(failed)?;
        names.sort();
        let is_recovered = match writer.disk.open(&writer.names.recovered()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => false,
            opened => opened.map(|_| true).map_err(failed)?,
        };
        Ok(Self {
            writer,
            names,
            is_recovered,
        })
    }

    /// What its streams are called: the fingerprints of their keys.
    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }

    pub(crate) fn writer(&self) -> &str {
        &self.writer.id
    }

    /// Its directory, for people.
    pub(crate) fn path(&self) -> PathBuf {
        self.writer.disk.name_of(self.writer.names.dir())
    }

    /// Opens a stream, brings it into order, and adds what has to be said about it; none where it never began.
    pub(crate) fn open(&self, name: &str, alarms: &mut Vec<Alarm>) -> Result<Option<Arc<Stream>>, Arc<io::Error>> {
        open(&self.writer, name, self.is_recovered, alarms).map_err(|error| {
            let error = Arc::new(error);
            let names = self.writer.names.stream_of_hash(name);
            alarms.push(
                self.writer
                    .raise(None, names.dir(), FileTrouble::Unreadable(error.clone())),
            );
            error
        })
    }

    /// The key of a stream; none where it never began.
    pub(crate) fn key_of(&self, name: &str) -> Result<Option<SessionKey>, SpoolError> {
        let names = self.writer.names.stream_of_hash(name);
        match StreamRecord::read(&*self.writer.disk, &names) {
            Ok(record) => Ok(Some(record.key)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.writer.failed(error)),
        }
    }

    /// All of its streams are open: each is in order, and on disk. That is written down, so that it need not be done
    /// again. A failure costs the next process the same work.
    pub(crate) fn opened(self, opened: OpenedStreams) -> Adopted {
        let OpenedStreams {
            streams,
            alarms,
            unread,
        } = opened;
        let unread = unread.into_iter().map(|name| UnreadStream {
            writer: self.writer.clone(),
            name,
            is_recovered: self.is_recovered,
        });
        let unread = unread.collect();
        let adopted = Adopted::new(self.writer, streams, alarms, unread);
        if !self.is_recovered && adopted.is_readable() {
            adopted.note_recovered();
        }
        adopted
    }

    /// The note of its delivery. Returns `None` without one, and if it cannot be read: then the streams are looked at.
    pub(crate) fn delivered(&self) -> Option<DeliveredNote> {
        read_note(&self.writer)
    }
}

impl UnreadStream {
    pub(crate) fn writer(&self) -> &str {
        &self.writer.id
    }

    /// What the stream is called: the fingerprint of its key.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Tries it again, as [`Dead::open`] did; that it fails has been told.
    pub(crate) fn open(&self, alarms: &mut Vec<Alarm>) -> io::Result<Option<Arc<Stream>>> {
        open(&self.writer, &self.name, self.is_recovered, alarms)
    }
}

fn open(
    writer: &Arc<Writer>,
    name: &str,
    is_recovered: bool,
    alarms: &mut Vec<Alarm>,
) -> io::Result<Option<Arc<Stream>>> {
    match recover::open(writer, &writer.names.stream_of_hash(name), is_recovered, alarms) {
        Ok(stream) => Ok(Some(Arc::new(stream))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

impl Writer {
    /// Notes that every stream is whole and on disk. For the holder of the writer's lock, once nothing is written any
    /// more.
    pub(super) fn note_recovered(&self) {
        let noted = disk::replace(&*self.disk, &self.names.recovered(), b"");
        if let Err(error) = noted {
            tracing::debug!(
                writer = self.id,
                "that its streams are in order was not written down: {error}"
            );
        }
    }

    pub(super) fn note_delivered(&self, note: &DeliveredNote) -> Result<(), SpoolError> {
        let written = serde_json::to_vec(note).map_err(io::Error::from);
        let noted = written.and_then(|bytes| disk::replace_hint(&*self.disk, &self.names.delivered(), &bytes));
        noted.map_err(|source| self.failed(source))
    }
}

pub(super) fn read_note(writer: &Writer) -> Option<DeliveredNote> {
    let path = writer.names.delivered();
    // A note that is not there, or cannot be made out, says nothing.
    let bytes = disk::read_small(&*writer.disk.open(&path).ok()?).ok()?;
    serde_json::from_slice(&bytes).ok()
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
