//! How far a stream's file is synced, in `synced`: a lower bound, never more.
//!
//! Two slots, written in turn after each sync of the stream's file and not synced themselves, so they cost one write
//! into memory. A slot that was torn fails its check, and the other one counts.

use std::io;
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::place::Place;
use crate::disk::{Disk, DiskFile};

/// In different sectors, so that a torn write spoils one.
const SLOTS: [u64; 2] = [0, 4096];
const NUMBERS: usize = 16;
const SIZE: usize = 24;

/// How many bytes of a stream may be synced before the mark is synced, too.
const SYNC_EVERY: u64 = 4 << 20;

/// Where the next place is written. The file is its caller's to open: an idle stream has none.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct SyncMark {
    second: bool,
    synced: u64,
}

impl SyncMark {
    /// The mark as a process before this one left it, and the farthest place that it marks; none where none was, or
    /// where nothing whole is left.
    pub(super) fn read(file: &dyn DiskFile) -> io::Result<(Self, Option<Place>)> {
        let [first, second] = read_slots(file)?;
        let mark = Self {
            // What is known now must outlast the next write.
            second: first >= second,
            synced: 0,
        };
        Ok((mark, first.max(second)))
    }

    /// Marks a place that is synced. A failure may be passed over: the mark stays behind, which it may.
    pub(super) fn write(&mut self, file: io::Result<impl AsRef<dyn DiskFile>>, place: Place) -> io::Result<()> {
        let due = place.offset >= self.synced.saturating_add(SYNC_EVERY);
        if due {
            self.synced = place.offset;
        }
        file.and_then(|file| self.put(file.as_ref(), place, due))
    }

    /// Has a place outlast a power failure, too. Without that the mark may be an older one then, and lines behind it
    /// are taken for whole only as far as they are entries.
    pub(super) fn write_durably(&mut self, file: &dyn DiskFile, place: Place) -> io::Result<()> {
        // What a sync was to write may be gone when it fails: once more.
        self.put(file, place, true).or_else(|_| self.put(file, place, true))
    }

    fn put(&mut self, file: &dyn DiskFile, place: Place, is_synced: bool) -> io::Result<()> {
        let [first, second] = SLOTS;
        let slot = if self.second { second } else { first };
        file.write_at(&encode(place), slot)?;
        if is_synced {
            file.sync()?;
        }
        self.second = !self.second;
        Ok(())
    }
}

/// The farthest place that is marked, without touching anything; none where no mark was ever written. Of a living
/// process, no mark and one that cannot be made out are errors: there is one from the beginning of each stream on.
pub(super) fn look(disk: &dyn Disk, path: &Path, is_alive: bool) -> io::Result<Option<Place>> {
    let file = match disk.open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && !is_alive => return Ok(None),
        // As another kind: what was not found is the mark, not the stream.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(io::Error::other("its mark is gone")),
        opened => opened?,
    };
    let [first, second] = read_slots(&*file)?;
    let place = first.max(second);
    if is_alive && place.is_none() && file.size()? > 0 {
        return Err(io::Error::other("its mark cannot be made out"));
    }
    Ok(place)
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

fn read_slots(file: &dyn DiskFile) -> io::Result<[Option<Place>; 2]> {
    let [first, second] = SLOTS;
    Ok([read_slot(file, first)?, read_slot(file, second)?])
}

/// None where nothing whole is there.
fn read_slot(file: &dyn DiskFile, slot: u64) -> io::Result<Option<Place>> {
    let mut bytes = [0; SIZE];
    if file.read_at(&mut bytes, slot)? != SIZE {
        return Ok(None);
    }
    let (numbers, check) = bytes.split_at(NUMBERS);
    if check != check_of(numbers) {
        return Ok(None);
    }
    let (line, offset) = numbers.split_at(8);
    let number = |bytes: &[u8]| {
        bytes
            .iter()
            .rev()
            .fold(0, |number, byte| number << 8 | u64::from(*byte))
    };
    Ok(Some(Place {
        line: number(line),
        offset: number(offset),
    }))
}

fn check_of(numbers: &[u8]) -> [u8; SIZE - NUMBERS] {
    let mut check = [0; SIZE - NUMBERS];
    check
        .iter_mut()
        .zip(Sha256::digest(numbers))
        .for_each(|(to, from)| *to = from);
    check
}
