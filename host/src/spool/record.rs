//! What is known of a stream beside its lines, in `stream.json`: replaced whole and synced, which happens rarely.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::layout::{StreamNames, WriterNames};
use super::place::{Base, Doubt, Place, Stored};
use crate::disk::{self, Disk};
use crate::key::SessionKey;
use crate::store::Position;

/// What is known of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StreamRecord {
    pub(super) key: SessionKey,
    pub(super) file: FileName,
    /// The place at which the file begins.
    pub(super) start: Place,
    /// Mostly nothing, and shared then.
    pub(super) base: Arc<Base>,
    /// Lines that may be at destinations already; those that came first, first.
    pub(super) doubts: Arc<[Doubt]>,
    /// If a pruned copy is still under its temporary name, it is to replace the file.
    pub(super) pruning: bool,
}

/// Where the lines are. A writer has very many streams, and the names of nearly all follow from their keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum FileName {
    /// As [`WriterNames::usual_file`] says.
    Usual,
    /// That was taken.
    Other(Arc<PathBuf>),
}

#[derive(Serialize, Deserialize)]
struct Written {
    project: String,
    session: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    subpath: Option<String>,
    file: PathBuf,
    start: Place,
    base_lines: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stored: Option<WrittenStored>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    doubts: Vec<Doubt>,
    #[serde(default)]
    pruning: bool,
}

#[derive(Serialize, Deserialize)]
struct WrittenStored {
    destination: String,
    number: u64,
    digest: String,
}

impl FileName {
    pub(super) fn new(path: PathBuf, names: &WriterNames, key: &SessionKey) -> Self {
        match path == names.usual_file(key) {
            true => Self::Usual,
            false => Self::Other(Arc::new(path)),
        }
    }

    pub(super) fn path(&self, names: &WriterNames, key: &SessionKey) -> PathBuf {
        match self {
            Self::Usual => names.usual_file(key),
            Self::Other(path) => path.to_path_buf(),
        }
    }
}

impl StreamRecord {
    /// The file with the lines.
    pub(super) fn path(&self, names: &WriterNames) -> PathBuf {
        self.file.path(names, &self.key)
    }

    pub(super) fn write(&self, disk: &dyn Disk, names: &StreamNames) -> io::Result<()> {
        let stored = self.base.stored.as_ref().map(|stored| WrittenStored {
            destination: stored.destination.clone(),
            number: stored.position.number,
            digest: stored.position.digest.to_string(),
        });
        let written = Written {
            project: self.key.project_key().to_owned(),
            session: self.key.session_id().to_owned(),
            subpath: self.key.subpath().map(str::to_owned),
            file: self.path(names.writer()),
            start: self.start,
            base_lines: self.base.lines,
            stored,
            doubts: self.doubts.to_vec(),
            pruning: self.pruning,
        };
        disk::replace(disk, &names.record(), &serde_json::to_vec_pretty(&written)?)
    }

    /// Fails with `NotFound` where no stream was begun.
    pub(super) fn read(disk: &dyn Disk, names: &StreamNames) -> io::Result<Self> {
        let bytes = disk::read_small(&*disk.open(&names.record())?)?;
        let written: Written = serde_json::from_slice(&bytes)?;
        written.into_record(names.writer())
    }
}

impl Written {
    fn into_record(self, names: &WriterNames) -> io::Result<StreamRecord> {
        let main = SessionKey::main(self.project, self.session).map_err(io::Error::other)?;
        let key = match self.subpath {
            Some(subpath) => main.with_subpath(subpath).map_err(io::Error::other)?,
            None => main,
        };
        Ok(StreamRecord {
            file: FileName::new(self.file, names, &key),
            key,
            start: self.start,
            base: Arc::new(Base {
                lines: self.base_lines,
                stored: self.stored.map(WrittenStored::into_stored).transpose()?,
            }),
            doubts: self.doubts.into(),
            pruning: self.pruning,
        })
    }
}

impl WrittenStored {
    fn into_stored(self) -> io::Result<Stored> {
        Ok(Stored {
            destination: self.destination,
            position: Position {
                number: self.number,
                digest: self.digest.parse().map_err(io::Error::other)?,
            },
        })
    }
}
