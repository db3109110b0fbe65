//! Takes over the spools of processes that died: locks each, and gives their streams to be read, never added to.

use std::path::Path;
use std::sync::Arc;

use super::alarm::Alarm;
use super::dead::{Adopted, Dead, DeadSpools, OpenedStreams};
use super::error::SpoolError;
use super::layout::DOOR;
use super::open_files::OpenFiles;
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
