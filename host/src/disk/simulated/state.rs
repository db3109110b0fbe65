//! What the simulated disk knows: files and names as programs see them, as they are on disk, and what lies between.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::{Fault, Random};
use crate::disk::parent;

#[derive(Clone, Debug, Default)]
pub(super) struct DiskState {
    pub(super) files: Vec<Contents>,
    pub(super) names: Names,
    pub(super) durable: Names,
    pub(super) pending: Vec<NameChange>,
    pub(super) locks: BTreeSet<PathBuf>,
    pub(super) epoch: u64,
    pub(super) dead: bool,
    pub(super) panics: bool,
    pub(super) steps: u64,
    pub(super) faults: BTreeMap<u64, Fault>,
    pub(super) unreadable: Option<PathBuf>,
    /// After so many calls that only look, so many fail, with the system's own number.
    pub(super) failing_looks: Option<(u64, u64, i32)>,
    pub(super) room: Option<usize>,
    pub(super) syncs: BTreeMap<usize, usize>,
    pub(super) holding: bool,
    pub(super) held: usize,
}

/// A file: what programs see, what is on disk, and the steps between.
#[derive(Clone, Debug, Default)]
pub(super) struct Contents {
    pub(super) cached: Vec<u8>,
    pub(super) durable: Vec<u8>,
    pub(super) dirty: Vec<UnsyncedWrite>,
}

#[derive(Clone, Debug)]
pub(super) enum UnsyncedWrite {
    Write(usize, Vec<u8>),
    Size(usize),
}

#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    pub(super) dirs: BTreeSet<PathBuf>,
    pub(super) files: BTreeMap<PathBuf, usize>,
}

#[derive(Clone, Debug)]
pub(super) enum NameChange {
    Dir(PathBuf),
    File(PathBuf, usize),
    Rename(PathBuf, PathBuf, usize),
    Remove(PathBuf),
    RemoveTree(PathBuf),
}

impl DiskState {
    pub(super) fn check_readable(&mut self, path: &Path) -> io::Result<()> {
        self.look()?;
        match &self.unreadable {
            Some(unreadable) if path.starts_with(unreadable) => Err(ErrorKind::PermissionDenied.into()),
            _ => Ok(()),
        }
    }

    /// A call that changes nothing.
    pub(super) fn look(&mut self) -> io::Result<()> {
        match &mut self.failing_looks {
            Some((after, ..)) if *after > 0 => *after -= 1,
            Some((_, times, error)) if *times > 0 => {
                *times -= 1;
                return Err(io::Error::from_raw_os_error(*error));
            }
            _ => {}
        }
        Ok(())
    }

    pub(super) fn step(&mut self) -> io::Result<()> {
        self.steps += 1;
        match self.faults.remove(&self.steps) {
            None => Ok(()),
            Some(Fault::Panic) => {
                self.panics = true;
                Ok(())
            }
            Some(fault) => {
                self.dead = fault == Fault::Die;
                Err(io::Error::other("a fault"))
            }
        }
    }

    pub(super) fn change(&mut self, change: NameChange) {
        self.names.apply(&change);
        self.pending.push(change);
    }
}

impl Contents {
    pub(super) fn note(&mut self, dirty: UnsyncedWrite) {
        apply(&mut self.cached, &dirty);
        self.dirty.push(dirty);
    }

    pub(super) fn crash(&mut self, random: &mut Random) {
        let kept = random.below(self.dirty.len() + 1);
        let mut dirty = self.dirty.drain(..);
        dirty
            .by_ref()
            .take(kept)
            .for_each(|dirty| apply(&mut self.durable, &dirty));
        // The next one may be there in part, or as a length without bytes.
        if let Some(UnsyncedWrite::Write(at, mut bytes)) = dirty.next() {
            bytes.truncate(random.below(bytes.len() + 1));
            if random.below(3) == 0 {
                // Only where nothing was: what is written over is there, old or new.
                let known = self.durable.len().saturating_sub(at).min(bytes.len());
                bytes[known..].fill(0);
            }
            apply(&mut self.durable, &UnsyncedWrite::Write(at, bytes));
        }
        drop(dirty);
        self.cached = self.durable.clone();
    }
}

pub(super) fn apply(bytes: &mut Vec<u8>, dirty: &UnsyncedWrite) {
    match dirty {
        UnsyncedWrite::Size(size) => bytes.resize(*size, 0),
        UnsyncedWrite::Write(at, new) => {
            let end = at + new.len();
            bytes.resize(bytes.len().max(end), 0);
            bytes[*at..end].copy_from_slice(new);
        }
    }
}

impl Names {
    pub(super) fn apply(&mut self, change: &NameChange) {
        match change {
            NameChange::Dir(path) => drop(self.dirs.insert(path.clone())),
            NameChange::File(path, file) => drop(self.files.insert(path.clone(), *file)),
            NameChange::Rename(from, to, file) => {
                self.files.remove(from);
                self.files.insert(to.clone(), *file);
            }
            NameChange::Remove(path) => drop(self.files.remove(path)),
            NameChange::RemoveTree(path) => {
                self.files.retain(|file, _| !file.starts_with(path));
                self.dirs.retain(|dir| !dir.starts_with(path));
            }
        }
    }

    pub(super) fn drop_unreachable(&mut self) {
        let dirs = self.dirs.clone();
        let reachable = |path: &Path| path.ancestors().skip(1).all(|dir| dirs.contains(dir));
        self.dirs.retain(|dir| reachable(dir));
        self.files.retain(|file, _| reachable(file));
    }

    pub(super) fn has(&self, path: &Path) -> bool {
        self.dirs.contains(path) || self.files.contains_key(path)
    }

    /// As a file system says it where a name on the way is a file, or is not there.
    pub(super) fn check_parent(&self, path: &Path) -> io::Result<()> {
        if path.ancestors().skip(1).any(|above| self.files.contains_key(above)) {
            return Err(ErrorKind::NotADirectory.into());
        }
        match self.dirs.contains(parent(path)) {
            true => Ok(()),
            false => Err(ErrorKind::NotFound.into()),
        }
    }
}

impl NameChange {
    pub(super) fn touches(&self, dir: &Path) -> bool {
        match self {
            Self::Dir(path) | Self::File(path, _) | Self::Remove(path) | Self::RemoveTree(path) => parent(path) == dir,
            Self::Rename(from, to, _) => parent(from) == dir || parent(to) == dir,
        }
    }
}
