//! The files that are open: those that were used last. A machine has more transcripts than a process may have open
//! files, and nearly all of them are quiet.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};

use crate::disk::{Disk, DiskFile};

/// The lines and the mark of each stream that every thread of the pool may be at.
const MOST: usize = 64;

/// Opens files by their names, and keeps the last ones open.
#[derive(Debug)]
pub(super) struct OpenFiles {
    disk: Arc<dyn Disk>,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    /// The last used one first.
    files: VecDeque<(PathBuf, Arc<dyn DiskFile>)>,
    /// How often a name got another file.
    replaced: u64,
}

impl OpenFiles {
    pub(super) fn new(disk: Arc<dyn Disk>) -> Arc<Self> {
        Arc::new(Self {
            disk,
            open: Mutex::default(),
        })
    }

    /// The file of this name. Fails with `NotFound` if it is missing.
    pub(super) fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        loop {
            let replaced = {
                let mut open = self.lock();
                if let Some(file) = open.used(path) {
                    return Ok(file);
                }
                open.replaced
            };
            let file = self.disk.open(path)?;
            let mut open = self.lock();
            if open.replaced != replaced {
                // What was opened may be the file that had the name before.
                continue;
            }
            open.add(path, &file);
            return Ok(file);
        }
    }

    /// Makes a file that must not be there yet.
    pub(super) fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let file = self.disk.create(path)?;
        self.put(path, &file);
        Ok(file)
    }

    /// The name is this file's from now on: it was made, or another one was moved over it.
    pub(super) fn put(&self, path: &Path, file: &Arc<dyn DiskFile>) {
        let mut open = self.lock();
        open.replaced += 1;
        open.files.retain(|(known, _)| known != path);
        open.add(path, file);
    }

    /// A directory is gone.
    pub(super) fn forget(&self, dir: &Path) {
        let mut open = self.lock();
        open.replaced += 1;
        open.files.retain(|(path, _)| !path.starts_with(dir));
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock()
    }
}

impl Open {
    fn used(&mut self, path: &Path) -> Option<Arc<dyn DiskFile>> {
        let at = self.files.iter().position(|(known, _)| known == path)?;
        let used = self.files.remove(at)?;
        let file = used.1.clone();
        self.files.push_front(used);
        Some(file)
    }

    fn add(&mut self, path: &Path, file: &Arc<dyn DiskFile>) {
        if self.files.iter().any(|(known, _)| known == path) {
            // Another thread was faster: its file is the same.
            return;
        }
        self.files.push_front((path.to_owned(), file.clone()));
        self.files.truncate(MOST);
    }
}
