//! Transcripts that belong to a run for now: it takes their rows from its agent's frames, and nobody else is to.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::mark::Stamp;
use crate::agent::WrittenTrail;

/// Where runs leave their trails, and what was read there before.
#[derive(Debug)]
pub(super) struct Runs {
    dir: PathBuf,
    projects: PathBuf,
    read: Mutex<HashMap<PathBuf, (Stamp, WrittenTrail)>>,
}

impl Runs {
    pub(super) fn new(state: &Path, projects: &Path) -> Self {
        Self {
            dir: state.join("agents"),
            projects: canonical(projects),
            read: Mutex::default(),
        }
    }

    /// Whether a run has a transcript's file, or may have it: the run names its session, or works in its folder, and the
    /// file has grown since. A run that was killed has its files until somebody has taken up what it left.
    ///
    /// Of lines that were read before this is asked, the answer is certain: a run leaves its trail before its agent
    /// starts, and takes it away once everything is spooled.
    pub(super) fn have(&self, folder: &str, session: &str, path: &str, bytes: u64) -> io::Result<bool> {
        let names = match fs::read_dir(&self.dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            names => names?,
        };
        for name in names {
            let file = name?.path().join(WrittenTrail::FILE);
            if self.has(&file, folder, session, path, bytes)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn has(&self, file: &Path, folder: &str, session: &str, path: &str, bytes: u64) -> io::Result<bool> {
        let Some(stamp) = Stamp::of(file) else { return Ok(false) };
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if read.get(file).is_none_or(|(known, _)| *known != stamp) {
            match WrittenTrail::read(file) {
                Ok(trail) => read.insert(file.to_owned(), (stamp, trail)),
                // It has ended meanwhile.
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
                Err(error) => return Err(error),
            };
        }
        let trail = read.get(file).map(|(_, trail)| trail);
        let is_here = |trail: &&WrittenTrail| canonical(trail.projects()) == self.projects;
        Ok(trail
            .filter(is_here)
            .is_some_and(|trail| trail.has(folder, session, path, bytes)))
    }

    /// Forgets trails that are gone.
    pub(super) fn tidy(&self) {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        read.retain(|file, _| file.exists());
    }
}

/// One directory may have several names.
fn canonical(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}
