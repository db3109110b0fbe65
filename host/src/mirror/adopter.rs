//! Adopts dead processes' spools: at the start, and for as long as the mirror lives, for others die meanwhile.
//!
//! Spools are listed first, which is fast, and their streams opened side by side after that. Until a stream's copies
//! are all open, its lanes wait: what was appended first is delivered first.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use parking_lot::Mutex;

use super::keep::Keeper;
use super::lane::Copied;
use super::on_disk;
use super::shared::Shared;
use crate::backoff::Backoff;
use crate::key::SessionKey;
use crate::spool::{Dead, DeadSpools, OpenedStreams, Spool, SpoolError};

/// How often it is looked for processes that died. It costs a system call or two for each spool that is there.
const EVERY: Duration = Duration::from_secs(60);

/// Opening a stream waits for the disk most of the time.
const THREADS: usize = 8;

/// Fewer streams are not worth threads.
const WORTH_THREADS: usize = 32;

/// Adopts spools of this process's state directory.
#[derive(Debug)]
pub(super) struct Adopter {
    pub(super) shared: Arc<Shared>,
    pub(super) keeper: Arc<Keeper>,
    pub(super) spool: Arc<Spool>,
}

/// Whose copies of a stream there are, by the stream's name: as many of them as there are processes that had it.
type Work = BTreeMap<String, Vec<usize>>;

impl Adopter {
    /// Never ends: the task's owner drops it.
    pub(super) async fn run(self, mut dead: Vec<Dead>) {
        let mut backoff = Backoff::default();
        loop {
            on_disk(|| self.adopt(std::mem::take(&mut dead)));
            // What cannot be read may be readable soon: its lines wait, and so do those that must not come twice.
            let pause = match self.keeper.unread().is_empty() {
                true => EVERY,
                false => backoff.fail_jittered(self.shared.chance.fraction()),
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.shared.died.notified() => {}
            }
            if on_disk(|| self.open_unread()) {
                backoff.succeed();
            }
            match on_disk(|| self.find()) {
                Ok(found) => dead = found,
                Err(error) => tracing::warn!("cannot look for spools of dead processes, and try again: {error}"),
            }
        }
    }

    /// Locks dead processes' spools, and gives those that are to be opened. One that is delivered wherever it is to go
    /// rests: nothing of it is opened, and nobody is asked for it.
    pub(super) fn find(&self) -> Result<Vec<Dead>, SpoolError> {
        let found = self.spool.find_dead();
        let DeadSpools { spools, refused } = match found {
            Ok(found) => found,
            Err(error) => {
                self.shared.adoption.refused(Some(error.to_string().into()));
                if self.shared.adoption.listed([]) {
                    self.shared.ring_all();
                }
                return Err(error);
            }
        };
        for refused in &refused {
            tracing::warn!("a spool is left alone: {refused}");
        }
        let refused = refused.first().map(|error| error.to_string().into());
        self.shared.adoption.refused(refused);
        let mut dead = self.keeper.take_those_that_wake();
        dead.extend(spools.into_iter().filter_map(|dead| self.keeper.rest(dead)));
        let names = dead.iter().flat_map(Dead::names).cloned();
        if self.shared.adoption.listed(names) {
            self.shared.ring_all();
        }
        Ok(dead)
    }

    fn adopt(&self, dead: Vec<Dead>) {
        let mut work = Work::new();
        for (index, dead) in dead.iter().enumerate() {
            for name in dead.names() {
                work.entry(name.clone()).or_default().push(index);
            }
        }
        let threads = if work.len() < WORTH_THREADS { 1 } else { THREADS };
        let work = Mutex::new(work.into_iter());
        let opened: Vec<Mutex<OpenedStreams>> = dead.iter().map(|_| Mutex::default()).collect();
        thread::scope(|scope| {
            for _ in 1..threads {
                scope.spawn(|| self.open_some(&dead, &work, &opened));
            }
            self.open_some(&dead, &work, &opened);
        });
        if *self.shared.closing.borrow() {
            // The next process does it.
            return;
        }
        for (dead, opened) in dead.into_iter().zip(opened) {
            let opened = opened.into_inner();
            self.keeper.add(dead.opened(opened));
        }
    }

    fn open_some(
        &self,
        dead: &[Dead],
        work: &Mutex<impl Iterator<Item = (String, Vec<usize>)>>,
        opened: &[Mutex<OpenedStreams>],
    ) {
        while !*self.shared.closing.borrow() {
            let next = work.lock().next();
            let Some((name, copies)) = next else { return };
            self.open(
                &name,
                copies
                    .iter()
                    .filter_map(|index| dead.get(*index).zip(opened.get(*index))),
            );
        }
    }

    /// Opens every dead process's copy of one stream, in the order in which they began.
    fn open<'a>(&self, name: &str, copies: impl Iterator<Item = (&'a Dead, &'a Mutex<OpenedStreams>)>) {
        let (mut unreadable, mut key) = (None, None);
        for (dead, opened) in copies {
            let mut alarms = Vec::new();
            let stream = dead.open(name, &mut alarms);
            let mut opened = opened.lock();
            opened.alarms.append(&mut alarms);
            match stream {
                Ok(None) => {}
                Ok(Some(stream)) => {
                    key = Some(stream.key().clone());
                    opened.streams.push(stream.clone());
                    drop(opened);
                    let is_live = false;
                    self.shared.add_copy(Copied { stream, is_live });
                }
                Err(error) => {
                    opened.unread.push(name.to_owned());
                    unreadable = Some(error.to_string().into());
                }
            }
        }
        self.settled(name, unreadable, key);
    }

    /// Tries what could not be opened once more. True if nothing of it is left.
    fn open_unread(&self) -> bool {
        let mut by_name: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for unread in self.keeper.unread() {
            by_name.entry(unread.name().to_owned()).or_default().push(unread);
        }
        for (name, copies) in by_name {
            if *self.shared.closing.borrow() {
                break;
            }
            let (mut unreadable, mut key) = (None, None);
            for unread in &copies {
                let mut alarms = Vec::new();
                match unread.open(&mut alarms) {
                    Ok(stream) => {
                        self.keeper.was_read(unread, stream.clone(), alarms);
                        if let Some(stream) = stream {
                            key = Some(stream.key().clone());
                            let is_live = false;
                            self.shared.add_copy(Copied { stream, is_live });
                        }
                    }
                    Err(error) => unreadable = Some(error.to_string().into()),
                }
            }
            self.settled(&name, unreadable, key);
        }
        self.keeper.unread().is_empty()
    }

    fn settled(&self, name: &str, unreadable: Option<Arc<str>>, key: Option<SessionKey>) {
        self.shared.adoption.settled(name, unreadable);
        match key {
            Some(key) => self.shared.grown(&key),
            // Whose it would have been cannot be told.
            None => self.shared.ring_all(),
        }
    }
}
