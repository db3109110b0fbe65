//! What the system tells of files that changed. It may tell too much, and it may miss something: the clock is behind
//! it.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use notify::event::{CreateKind, ModifyKind};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::mark::Inode;

/// More changes than these are as good as all.
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
    /// These files,
    pub(super) files: HashSet<PathBuf>,
    /// and in these projects' folders more than what files hold.
    pub(super) folders: HashSet<PathBuf>,
}

#[derive(Debug)]
struct Told {
    projects: PathBuf,
    dirty: Mutex<Dirty>,
    wake: Notify,
}

impl Changes {
    /// Listens to nothing yet, and never will where that is not wanted. Gives why it cannot.
    pub(super) fn new(projects: &Path, is_wanted: bool) -> (Self, Option<notify::Error>) {
        let told = Arc::new(Told {
            projects: projects.to_owned(),
            dirty: Mutex::default(),
            wake: Notify::new(),
        });
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

    /// Whether the system tells of changes.
    pub(super) fn are_told(&self) -> bool {
        self.watcher.is_some()
    }

    /// Returns once something has changed since [`Changes::take`].
    pub(super) async fn wait(&self) {
        self.told.wake.notified().await;
    }

    pub(super) fn take(&self) -> Dirty {
        std::mem::take(&mut self.told.dirty.lock())
    }

    /// Anything may have changed.
    pub(super) fn are_all(&self) {
        self.told.dirty.lock().all = true;
        self.told.wake.notify_one();
    }
}

impl Told {
    fn hear(&self, event: notify::Result<Event>) {
        let mut dirty = self.dirty.lock();
        match event {
            Ok(event) if !event.need_rescan() => match event.kind {
                // A process read it: perhaps this one.
                EventKind::Access(_) => return,
                EventKind::Modify(ModifyKind::Data(_) | ModifyKind::Any) | EventKind::Create(CreateKind::File) => {
                    dirty.files.extend(event.paths);
                }
                _ => event.paths.iter().for_each(|path| self.note_folder(path, &mut dirty)),
            },
            _ => dirty.all = true,
        }
        dirty.all |= dirty.files.len() + dirty.folders.len() > MOST;
        drop(dirty);
        self.wake.notify_one();
    }

    /// Something else changed than what a file holds: its project is looked through.
    fn note_folder(&self, path: &Path, dirty: &mut Dirty) {
        // What lies elsewhere is no project's: everything is looked through.
        let within = path.strip_prefix(&self.projects).ok();
        match within.and_then(|within| within.iter().next()) {
            Some(folder) => drop(dirty.folders.insert(self.projects.join(folder))),
            None => dirty.all = true,
        }
    }
}
