//! A disk in memory that knows what was synced, for tests: it fails at chosen steps, fills up, and forgets in a crash
//! what a disk may forget.

mod state;

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

use super::{Disk, DiskFile, Lock};
use state::{Contents, DiskState, NameChange, UnsyncedWrite, apply};

/// What becomes of a step: a write, a sync, a change of names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It fails. Of a write, half is there; a sync forgets what it should have written, and the next one succeeds.
    Fail,
    /// It fails, and so does everything after it.
    Die,
    /// Of a sync: its caller panics. Of another step: nothing.
    Panic,
}

/// One process's view of the disk; dead once the disk has crashed or was passed on.
#[derive(Clone, Debug)]
pub(crate) struct Simulated {
    shared: Arc<SharedState>,
    epoch: u64,
}

#[derive(Default)]
struct SharedState {
    state: Mutex<DiskState>,
    changed: Condvar,
    meanwhile: Mutex<Option<(PathBuf, Meanwhile)>>,
}

/// What another process does just then.
type Meanwhile = Box<dyn FnOnce() + Send>;

impl std::fmt::Debug for SharedState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SharedState").finish_non_exhaustive()
    }
}

/// Good enough for tests, and the same everywhere.
#[derive(Clone, Debug)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// Less than `bound`, which is not 0.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % bound as u64) as usize
    }
}

impl Simulated {
    pub(crate) fn new() -> Self {
        let shared = Arc::new(SharedState::default());
        shared.state.lock().unwrap().names.dirs.insert(PathBuf::new());
        shared.state.lock().unwrap().durable.dirs.insert(PathBuf::new());
        Self { shared, epoch: 0 }
    }

    /// The step after so many more meets a fault.
    pub(crate) fn fault_after(&self, steps: u64, fault: Fault) {
        let mut state = self.any_state();
        let at = state.steps + steps + 1;
        state.faults.insert(at, fault);
    }

    /// Nothing at or below a path can be opened or listed.
    pub(crate) fn set_unreadable(&self, path: Option<&Path>) {
        self.any_state().unreadable = path.map(Path::to_owned);
    }

    /// Of the calls that open, list, lock or read, so many fail behind some that do not, with the system's own number:
    /// descriptors are used up, a disk is broken.
    #[cfg_attr(
        not(feature = "agent"),
        allow(dead_code, reason = "the simulation of `watch` uses it")
    )]
    pub(crate) fn fail_looks(&self, after: u64, times: u64, error: i32) {
        self.any_state().failing_looks = Some((after, times, error));
    }

    /// Another process does something before a file is opened the next time.
    pub(crate) fn before_open(&self, path: &Path, meanwhile: impl FnOnce() + Send + 'static) {
        *self.shared.meanwhile.lock().unwrap() = Some((path.to_owned(), Box::new(meanwhile)));
    }

    pub(crate) fn clear_faults(&self) {
        let mut state = self.any_state();
        state.failing_looks = None;
        state.faults.clear();
    }

    pub(crate) fn steps(&self) -> u64 {
        self.any_state().steps
    }

    /// Whether a fault has ended this process.
    pub(crate) fn is_dead(&self) -> bool {
        self.any_state().dead
    }

    /// How many bytes more fit; none: any number.
    pub(crate) fn set_room(&self, room: Option<usize>) {
        self.any_state().room = room;
    }

    /// How often the file of this name was synced.
    pub(crate) fn syncs(&self, path: &Path) -> usize {
        let state = self.any_state();
        let file = state.names.files.get(path);
        file.and_then(|file| state.syncs.get(file)).copied().unwrap_or(0)
    }

    /// Lets every sync wait until [`Simulated::release`].
    pub(crate) fn hold_syncs(&self) {
        self.any_state().holding = true;
    }

    /// Returns once so many syncs wait. Code that never syncs fails here after a minute, where it would wait for ever.
    pub(crate) fn wait_held(&self, count: usize) {
        let state = self.any_state();
        let minute = Duration::from_secs(60);
        let waited = self
            .shared
            .changed
            .wait_timeout_while(state, minute, |state| state.held < count);
        assert!(!waited.unwrap().1.timed_out(), "{count} syncs were awaited");
    }

    pub(crate) fn release(&self) {
        self.any_state().holding = false;
        self.shared.changed.notify_all();
    }

    /// The files that end so, by name, with what programs see.
    pub(crate) fn files(&self, suffix: &str) -> Vec<(PathBuf, Vec<u8>)> {
        let state = self.any_state();
        let named = state
            .names
            .files
            .iter()
            .filter(|(path, _)| path.to_str().unwrap().ends_with(suffix));
        named
            .map(|(path, file)| (path.clone(), state.files[*file].cached.clone()))
            .collect()
    }

    /// Another disk that holds what this one does now.
    pub(crate) fn copy(&self) -> Self {
        let state = Mutex::new(self.any_state().clone());
        let changed = Condvar::new();
        Self {
            shared: Arc::new(SharedState {
                state,
                changed,
                ..SharedState::default()
            }),
            epoch: self.epoch,
        }
    }

    /// The process is gone, the system is not: everything that was written is there.
    pub(crate) fn kill(&self) -> Self {
        let mut state = self.any_state();
        state.epoch += 1;
        state.dead = false;
        state.faults.clear();
        state.failing_looks = None;
        state.locks.clear();
        state.room = None;
        let epoch = state.epoch;
        drop(state);
        self.shared.changed.notify_all();
        Self {
            shared: self.shared.clone(),
            epoch,
        }
    }

    /// The power is gone: of what was not synced, any first part is there.
    pub(crate) fn crash(&self, random: &mut Random) -> Self {
        let next = self.kill();
        let mut state = self.any_state();
        let state = &mut *state;
        for file in &mut state.files {
            file.crash(random);
        }
        let kept = random.below(state.pending.len() + 1);
        for change in state.pending.drain(..).take(kept) {
            state.durable.apply(&change);
        }
        state.durable.drop_unreachable();
        state.names = state.durable.clone();
        next
    }

    fn any_state(&self) -> MutexGuard<'_, DiskState> {
        self.shared.state.lock().unwrap()
    }

    /// The state, if this process lives.
    fn state(&self) -> io::Result<MutexGuard<'_, DiskState>> {
        let state = self.any_state();
        if state.dead || state.epoch != self.epoch {
            return Err(io::Error::other("the process is dead"));
        }
        Ok(state)
    }

    fn step(&self) -> io::Result<MutexGuard<'_, DiskState>> {
        let mut state = self.state()?;
        state.step()?;
        Ok(state)
    }

    fn file(&self, file: usize) -> Arc<dyn DiskFile> {
        let disk = self.clone();
        Arc::new(OpenFile { disk, file })
    }

    fn take_lock(&self, state: &mut DiskState, path: &Path) -> Option<Lock> {
        state.locks.insert(path.to_owned()).then(|| {
            let (disk, path) = (self.clone(), path.to_owned());
            Box::new(Held { disk, path }) as Lock
        })
    }
}

impl Disk for Simulated {
    fn name_of(&self, path: &Path) -> PathBuf {
        Path::new("/spool").join(path)
    }

    fn make_dir(&self, path: &Path) -> io::Result<()> {
        let mut state = self.step()?;
        state.names.check_parent(path)?;
        if state.names.files.contains_key(path) {
            return Err(ErrorKind::AlreadyExists.into());
        }
        if !state.names.dirs.contains(path) {
            state.change(NameChange::Dir(path.to_owned()));
        }
        Ok(())
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let mut state = self.step()?;
        state.names.check_parent(path)?;
        if state.names.has(path) {
            return Err(ErrorKind::AlreadyExists.into());
        }
        let file = state.files.len();
        state.files.push(Contents::default());
        state.change(NameChange::File(path.to_owned(), file));
        Ok(self.file(file))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let meanwhile = self
            .shared
            .meanwhile
            .lock()
            .unwrap()
            .take_if(|(named, _)| named == path);
        if let Some((_, meanwhile)) = meanwhile {
            meanwhile();
        }
        let mut state = self.state()?;
        state.check_readable(path)?;
        let file = state.names.files.get(path).copied().ok_or(ErrorKind::NotFound)?;
        Ok(self.file(file))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.step()?;
        let file = state.names.files.get(from).copied().ok_or(ErrorKind::NotFound)?;
        state.change(NameChange::Rename(from.to_owned(), to.to_owned(), file));
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.step()?;
        if !state.names.files.contains_key(path) {
            return Err(ErrorKind::NotFound.into());
        }
        state.change(NameChange::Remove(path.to_owned()));
        Ok(())
    }

    fn remove_tree(&self, path: &Path) -> io::Result<()> {
        self.step()?.change(NameChange::RemoveTree(path.to_owned()));
        Ok(())
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        let mut state = self.state()?;
        state.check_readable(path)?;
        if !state.names.dirs.contains(path) {
            return Err(ErrorKind::NotFound.into());
        }
        let all = state.names.dirs.iter().chain(state.names.files.keys());
        let within = all.filter(|name| name.parent() == Some(path));
        Ok(within
            .map(|name| name.file_name().unwrap().to_str().unwrap().to_owned())
            .collect())
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        let mut state = self.step()?;
        let state = &mut *state;
        let (synced, rest): (Vec<_>, Vec<_>) = state.pending.drain(..).partition(|change| change.touches(path));
        state.pending = rest;
        for change in synced {
            // What was renamed has no other name left, synced or not.
            if let NameChange::Rename(from, ..) = &change {
                state
                    .pending
                    .retain(|change| !matches!(change, NameChange::File(path, _) if path == from));
            }
            state.durable.apply(&change);
        }
        Ok(())
    }

    fn try_lock(&self, path: &Path) -> io::Result<Option<Lock>> {
        let mut state = self.state()?;
        state.look()?;
        state.names.check_parent(path)?;
        Ok(self.take_lock(&mut state, path))
    }

    fn lock(&self, path: &Path) -> io::Result<Lock> {
        loop {
            let mut state = self.state()?;
            if let Some(lock) = self.take_lock(&mut state, path) {
                return Ok(lock);
            }
            drop(self.shared.changed.wait(state).unwrap());
        }
    }
}

#[derive(Debug)]
struct OpenFile {
    disk: Simulated,
    file: usize,
}

impl DiskFile for OpenFile {
    fn size(&self) -> io::Result<u64> {
        Ok(self.disk.state()?.files[self.file].cached.len() as u64)
    }

    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut state = self.disk.state()?;
        state.look()?;
        let from = state.files[self.file].cached.get(offset as usize..).unwrap_or_default();
        let read = from.len().min(into.len());
        into[..read].copy_from_slice(&from[..read]);
        Ok(read)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut state = self.disk.state()?;
        let faulty = state.step();
        let fits = state.room.map_or(bytes.len(), |room| room.min(bytes.len()));
        let fits = if faulty.is_err() { bytes.len() / 2 } else { fits };
        state.room = state.room.map(|room| room.saturating_sub(fits));
        state.files[self.file].note(UnsyncedWrite::Write(offset as usize, bytes[..fits].to_vec()));
        faulty?;
        match fits == bytes.len() {
            true => Ok(()),
            false => Err(ErrorKind::StorageFull.into()),
        }
    }

    fn set_size(&self, size: u64) -> io::Result<()> {
        let mut state = self.disk.step()?;
        state.files[self.file].note(UnsyncedWrite::Size(size as usize));
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.disk.state()?;
        state.held += 1;
        self.disk.shared.changed.notify_all();
        state = self
            .disk
            .shared
            .changed
            .wait_while(state, |state| state.holding)
            .unwrap();
        state.held -= 1;
        drop(state);
        let mut state = self.disk.state()?;
        let faulty = state.step();
        if std::mem::take(&mut state.panics) {
            drop(state);
            panic!("as the test wants it");
        }
        *state.syncs.entry(self.file).or_default() += 1;
        let dead = state.dead;
        let file = &mut state.files[self.file];
        match &faulty {
            Ok(()) => file.dirty.drain(..).for_each(|dirty| apply(&mut file.durable, &dirty)),
            // What is in memory stays there, taken for written.
            Err(_) if !dead => file.dirty.clear(),
            Err(_) => {}
        }
        faulty
    }
}

/// A lock that goes with its process.
#[derive(Debug)]
struct Held {
    disk: Simulated,
    path: PathBuf,
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut state = self.disk.any_state();
        if state.epoch == self.disk.epoch {
            state.locks.remove(&self.path);
        }
        drop(state);
        self.disk.shared.changed.notify_all();
    }
}
