//! What the system tells of files that changed. It may tell too much, and it may miss something: the clock is behind it.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use notify::event::ModifyKind;
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;

use super::mark::Inode;

/// More changed files than this are as good as all.
const MOST: usize = 4096;

/// Changes below a directory, since they were asked for last.
#[derive(Debug)]
pub(super) struct Changes {
    projects: PathBuf,
    told: Arc<Told>,
    watcher: Option<RecommendedWatcher>,
    /// Which directory is being watched: another one may have its name since.
    watched: Option<Inode>,
}

/// What changed.
#[derive(Debug, Default)]
pub(super) struct Dirty {
    /// Perhaps anything.
    pub(super) all: bool,
    /// These files.
    pub(super) files: HashSet<PathBuf>,
}

#[derive(Debug, Default)]
struct Told {
    dirty: Mutex<Dirty>,
    wake: Notify,
}

impl Changes {
    /// Listens to nothing yet, and never will where that is not wanted. Gives why it cannot.
    pub(super) fn new(projects: &Path, is_wanted: bool) -> (Self, Option<notify::Error>) {
        let told = Arc::new(Told::default());
        let to = told.clone();
        let watcher = is_wanted.then(|| notify::recommended_watcher(move |event| to.hear(event)));
        let (watcher, error) = match watcher {
            Some(Ok(watcher)) => (Some(watcher), None),
            Some(Err(error)) => (None, Some(error)),
            None => (None, None),
        };
        let changes = Self {
            projects: projects.to_owned(),
            told,
            watcher,
            watched: None,
        };
        (changes, error)
    }

    /// Listens to the directory that is there now.
    pub(super) fn listen(&mut self) -> Result<(), notify::Error> {
        let here = Inode::of_dir(&self.projects);
        let Some(watcher) = self.watcher.as_mut().filter(|_| here != self.watched) else {
            return Ok(());
        };
        if self.watched.take().is_some() {
            // The directory that it listened to is gone, or elsewhere.
            let _ = watcher.unwatch(&self.projects);
        }
        if here.is_some() {
            watcher.watch(&self.projects, RecursiveMode::Recursive)?;
            self.watched = here;
        }
        Ok(())
    }

    /// Stops listening: the system does not let it.
    pub(super) fn give_up(&mut self) {
        self.watcher = None;
    }

    /// Returns once something has changed since [`Changes::take`].
    pub(super) async fn wait(&self) {
        self.told.wake.notified().await;
    }

    pub(super) fn take(&self) -> Dirty {
        std::mem::take(&mut self.told.dirty.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Told {
    fn hear(&self, event: notify::Result<Event>) {
        let Ok(event) = event else { return self.note(None) };
        match event.kind {
            _ if event.need_rescan() => self.note(None),
            // Somebody read it: perhaps we did.
            EventKind::Access(_) => {}
            EventKind::Modify(ModifyKind::Data(_) | ModifyKind::Any) => {
                event.paths.into_iter().for_each(|path| self.note(Some(path)));
            }
            _ => self.note(None),
        }
    }

    /// Something changed: a file, or whatever.
    fn note(&self, file: Option<PathBuf>) {
        let mut dirty = self.dirty.lock().unwrap_or_else(PoisonError::into_inner);
        match file {
            Some(file) if dirty.files.len() < MOST => drop(dirty.files.insert(file)),
            _ => dirty.all = true,
        }
        drop(dirty);
        self.wake.notify_one();
    }
}
