//! Room on the spool's disk that guests cannot fill.
//!
//! What an agent writes is in the spool before any destination gets it. A granted directory on the same file system
//! would let a guest take the last byte, and no entry would be kept any more.

use std::fmt;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::config::network::Refusal;

/// What is kept for the spool: a twentieth of the file system's bytes and names, but no more than this. A day of an
/// agent's transcripts is some megabytes.
const PART: u64 = 20;
const MOST_BYTES: u64 = 1 << 30;
const MOST_NAMES: u64 = 10_000;

/// The most that an adapter writes between two looks at the disk, and the part of the reserve that it is at most.
const STEP: u64 = 1 << 20;
const STEP_PART: u64 = 8;

/// What a new name takes of the disk: a block.
const OF_A_NAME: u64 = 4_096;

/// How much room a file system has: in all, and for who is not its administrator.
#[derive(Clone, Copy, Debug)]
struct DiskRoom {
    bytes: u64,
    free_bytes: u64,
    /// Names (inodes); 0 of both where a file system has no such bound.
    names: u64,
    free_names: u64,
}

type LookAtDisk = dyn Fn() -> io::Result<DiskRoom> + Send + Sync;

/// What an adapter must leave free on the file system of the spool. Clones share what may be written until the next
/// look.
#[derive(Clone)]
pub(super) struct Reserve(Option<Arc<SpoolDisk>>);

struct SpoolDisk {
    device: u64,
    look: Box<LookAtDisk>,
    /// Bytes that may be written before the disk is looked at again.
    admitted: Mutex<u64>,
}

impl fmt::Debug for Reserve {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let device = self.0.as_ref().map(|disk| disk.device);
        f.debug_tuple("Reserve").field(&device).finish()
    }
}

impl Reserve {
    /// On the disk of this state directory; nowhere without one. Blocks for the disk.
    #[cfg(unix)]
    pub(super) fn on_disk_of(state: Option<&Path>) -> io::Result<Self> {
        let Some(state) = state else {
            return Ok(Self(None));
        };
        // It is made later, perhaps, within what is there now.
        let there = state.ancestors().find(|path| path.is_dir()).unwrap_or(Path::new("/"));
        let device = device(&File::open(there)?)?;
        let place = there.to_owned();
        Ok(Self::looking(device, move || look(&place)))
    }

    /// Which file system a file is on cannot be asked for here.
    #[cfg(not(unix))]
    pub(super) fn on_disk_of(_: Option<&Path>) -> io::Result<Self> {
        Ok(Self(None))
    }

    fn looking(device: u64, look: impl Fn() -> io::Result<DiskRoom> + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(SpoolDisk {
            device,
            look: Box::new(look),
            admitted: Mutex::new(0),
        })))
    }

    /// The same for a file or a directory that is open: no reserve where it lies on another file system.
    pub(super) fn of(&self, file: &File) -> Self {
        // What cannot be looked at cannot be written to either, and that says why.
        let is_there = |disk: &&Arc<SpoolDisk>| device(file).is_ok_and(|device| device == disk.device);
        Self(self.0.as_ref().filter(is_there).cloned())
    }

    /// Whether so many bytes more may be written.
    pub(super) fn admit(&self, bytes: u64) -> Result<(), Refusal> {
        match &self.0 {
            Some(disk) => disk.admit(bytes),
            None => Ok(()),
        }
    }

    /// Whether a directory may get another name. The disk is looked at for each: making one takes longer than that.
    pub(super) fn admit_name(&self) -> Result<(), Refusal> {
        match &self.0 {
            Some(disk) => disk.admit_name(),
            None => Ok(()),
        }
    }
}

impl SpoolDisk {
    fn admit(&self, bytes: u64) -> Result<(), Refusal> {
        let mut admitted = self.admitted.lock();
        if let Some(rest) = admitted.checked_sub(bytes) {
            *admitted = rest;
            return Ok(());
        }
        *admitted = 0;
        let Some(room) = self.room() else {
            return Ok(());
        };
        room.admits(bytes)?;
        *admitted = STEP.min(room.kept() / STEP_PART);
        Ok(())
    }

    fn admit_name(&self) -> Result<(), Refusal> {
        let Some(room) = self.room() else {
            return Ok(());
        };
        room.admits(OF_A_NAME)?;
        // A file system without such a bound says 0 of both.
        let kept = (room.names / PART).min(MOST_NAMES);
        match room.free_names < kept {
            true => Err(refusal()),
            false => Ok(()),
        }
    }

    /// Returns `None` if the disk cannot be looked at. Nothing is refused then: the guest's own write, which follows,
    /// fails with what is wrong with the disk.
    fn room(&self) -> Option<DiskRoom> {
        (self.look)().ok()
    }
}

impl DiskRoom {
    /// The bytes that are the spool's.
    fn kept(&self) -> u64 {
        (self.bytes / PART).min(MOST_BYTES)
    }

    fn admits(&self, bytes: u64) -> Result<(), Refusal> {
        match self.free_bytes < self.kept().saturating_add(bytes) {
            true => Err(refusal()),
            false => Ok(()),
        }
    }
}

/// Without figures, which change: it is logged once.
fn refusal() -> Refusal {
    Refusal {
        what: "writing to the disk of the local spool, which is nearly full: the rest is kept for transcripts"
            .to_owned(),
        remedy: "free some of it, or grant a directory on another disk".to_owned(),
    }
}

#[cfg(unix)]
fn device(file: &File) -> io::Result<u64> {
    Ok(std::os::unix::fs::MetadataExt::dev(&file.metadata()?))
}

#[cfg(not(unix))]
fn device(_: &File) -> io::Result<u64> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(unix)]
fn look(place: &Path) -> io::Result<DiskRoom> {
    let disk = rustix::fs::statvfs(place)?;
    Ok(DiskRoom {
        bytes: disk.f_blocks.saturating_mul(disk.f_frsize),
        free_bytes: disk.f_bavail.saturating_mul(disk.f_frsize),
        names: disk.f_files,
        free_names: disk.f_favail,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

    use super::*;

    const MIB: u64 = 1 << 20;

    /// A disk of 100 MiB: what is free of it, and how often it was looked at.
    fn disk(free: u64) -> (Reserve, Arc<AtomicU64>, Arc<AtomicUsize>) {
        let (free, looks) = (Arc::new(AtomicU64::new(free)), Arc::new(AtomicUsize::new(0)));
        let (left, looked) = (free.clone(), looks.clone());
        let look = move || {
            looked.fetch_add(1, Relaxed);
            Ok(DiskRoom {
                bytes: 100 * MIB,
                free_bytes: left.load(Relaxed),
                names: 0,
                free_names: 0,
            })
        };
        (Reserve::looking(1, look), free, looks)
    }

    #[test]
    fn a_twentieth_is_left_however_small_the_pieces_are() {
        for piece in [100, 4_096, MIB, 7 * MIB] {
            let (reserve, free, looks) = disk(50 * MIB);
            let mut pieces = 0;
            while reserve.admit(piece).is_ok() {
                free.fetch_sub(piece, Relaxed);
                pieces += 1;
            }
            let left = free.load(Relaxed);
            assert!(left >= 4 * MIB && left < 5 * MIB + piece, "{piece}: {left}");
            assert!(
                piece >= MIB || looks.load(Relaxed) < pieces / 10,
                "{piece}: {pieces} pieces"
            );
            // And it stays so.
            assert!(reserve.admit(piece).is_err());
            free.store(90 * MIB, Relaxed);
            reserve.admit(piece).unwrap();
        }
    }

    #[test]
    fn names_are_left_too() {
        let disk = |free_bytes, names, free_names| {
            let look = move || {
                Ok(DiskRoom {
                    bytes: 100 * MIB,
                    free_bytes,
                    names,
                    free_names,
                })
            };
            Reserve::looking(1, look)
        };
        disk(50 * MIB, 1_000, 50).admit_name().unwrap();
        disk(50 * MIB, 0, 0).admit_name().unwrap();
        let without_names = disk(50 * MIB, 1_000, 49);
        without_names.admit_name().unwrap_err();
        // What is written to files that are there takes none.
        without_names.admit(MIB).unwrap();
        disk(5 * MIB, 1_000, 900).admit_name().unwrap_err();
    }

    #[cfg(unix)]
    #[test]
    fn only_the_spools_disk_has_a_reserve() {
        let dir = tempfile::tempdir().unwrap();
        let file = File::open(dir.path()).unwrap();
        let not_there = dir.path().join("state/of/a/host");
        let reserve = Reserve::on_disk_of(Some(&not_there)).unwrap();
        assert!(reserve.of(&file).0.is_some());
        assert!(reserve.of(&File::open("/proc/self").unwrap()).0.is_none());
        assert!(Reserve::on_disk_of(None).unwrap().of(&file).0.is_none());
    }
}
