//! How far a stream's file is synced, in `synced`: a lower bound, never more.
//!
//! Two slots, written in turn after each sync of the stream's file and not synced themselves, so they cost one write
//! into memory. A slot that was torn fails its check, and the other one counts.

use std::io;
use std::path::Path;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::place::Place;
use crate::disk::{Disk, DiskFile};

/// In different sectors, so that a torn write spoils one.
const SLOTS: [u64; 2] = [0, 4096];
const NUMBERS: usize = 16;
const SIZE: usize = 24;

/// How many bytes of a stream may be synced before the mark is synced, too.
const SYNC_EVERY: u64 = 4 << 20;

#[derive(Debug)]
pub(super) struct Mark {
    file: Arc<dyn DiskFile>,
    second: bool,
    synced: u64,
}

impl Mark {
    /// Opens it; makes it where it is not there.
    pub(super) fn open(disk: &dyn Disk, path: &Path) -> io::Result<Self> {
        let file = match disk.open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => disk.create(path)?,
            opened => opened?,
        };
        Ok(Self {
            file,
            second: false,
            synced: 0,
        })
    }

    /// The farthest place that is marked; none where none was, or where nothing whole is left.
    pub(super) fn read(&mut self) -> Option<Place> {
        let [first, second] = SLOTS.map(|slot| read_slot(&*self.file, slot));
        // What is known now must outlast the next write.
        self.second = first >= second;
        first.max(second)
    }

    /// Marks a place that is synced. A failure is passed over: the mark stays behind, which it may.
    pub(super) fn write(&mut self, place: Place) {
        let [first, second] = SLOTS;
        let slot = if self.second { second } else { first };
        let written = self.file.write_at(&encode(place), slot);
        let due = place.offset >= self.synced.saturating_add(SYNC_EVERY);
        let done = written.and_then(|()| if due { self.file.sync() } else { Ok(()) });
        match done {
            Ok(()) => self.second = !self.second,
            Err(error) => tracing::debug!(%error, "a mark of what is synced was not written"),
        }
        if due {
            self.synced = place.offset;
        }
    }
}

/// The farthest place that is marked, without touching anything.
pub(super) fn look(disk: &dyn Disk, path: &Path) -> Option<Place> {
    let file = disk.open(path).ok()?;
    let [first, second] = SLOTS.map(|slot| read_slot(&*file, slot));
    first.max(second)
}

fn encode(place: Place) -> [u8; SIZE] {
    let mut bytes = [0; SIZE];
    let (numbers, check) = bytes.split_at_mut(NUMBERS);
    let (line, offset) = numbers.split_at_mut(8);
    line.copy_from_slice(&place.line.to_le_bytes());
    offset.copy_from_slice(&place.offset.to_le_bytes());
    check.copy_from_slice(&check_of(numbers));
    bytes
}

fn read_slot(file: &dyn DiskFile, slot: u64) -> Option<Place> {
    let mut bytes = [0; SIZE];
    if file.read_at(&mut bytes, slot).ok()? != SIZE {
        return None;
    }
    let (numbers, check) = bytes.split_at(NUMBERS);
    let (line, offset) = numbers.split_at(8);
    let place = Place {
        line: u64::from_le_bytes(line.try_into().ok()?),
        offset: u64::from_le_bytes(offset.try_into().ok()?),
    };
    (check == check_of(numbers)).then_some(place)
}

fn check_of(numbers: &[u8]) -> [u8; SIZE - NUMBERS] {
    let mut check = [0; SIZE - NUMBERS];
    check
        .iter_mut()
        .zip(Sha256::digest(numbers))
        .for_each(|(to, from)| *to = from);
    check
}
