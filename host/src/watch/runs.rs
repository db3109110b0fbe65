//! Transcripts that belong to a run for now: it takes their rows from its agent's frames, and nobody else is to.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use parking_lot::Mutex;

use super::mark::Stamp;
use crate::agent::WrittenTrail;
use crate::disk::may_fail;

/// The runs of a state directory, by the trails that they leave there while they last.
#[derive(Debug)]
pub struct Runs {
    dir: PathBuf,
    projects: PathBuf,
    read: Mutex<HashMap<PathBuf, (Stamp, WrittenTrail)>>,
}

impl Runs {
    /// Of hosts with this state directory, whose agents write to this projects directory.
    pub fn new(state: &Path, projects: &Path) -> Self {
        Self {
            dir: state.join("agents"),
            projects: canonical(projects),
            read: Mutex::default(),
        }
    }

    /// Whether a run has a transcript's file, or may have it: the run names its session, or works in its folder, and
    /// the file has grown since. The file is given by its folder, its session's id, its path in the projects directory
    /// and its length in bytes. A run that was killed has its files until a process has taken up what it left.
    ///
    /// Of lines that were read before this is asked, the answer is certain: a run leaves its trail before its agent
    /// starts, and takes it away once everything is spooled. Blocks for the disk.
    pub fn have(&self, folder: &str, session: &str, path: &str, bytes: u64) -> io::Result<bool> {
        let names = match may_fail(&self.dir).and_then(|()| fs::read_dir(&self.dir)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            names => names?,
        };
        for name in names {
            let run = name?;
            // Between the runs' directories lie their locks.
            if !run.file_type()?.is_dir() {
                continue;
            }
            let file = run.path().join(WrittenTrail::FILE);
            if self.has(&file, folder, session, path, bytes)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn has(&self, file: &Path, folder: &str, session: &str, path: &str, bytes: u64) -> io::Result<bool> {
        let Some(stamp) = Stamp::look(file)? else {
            return Ok(false);
        };
        let mut read = self.read.lock();
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
        let mut read = self.read.lock();
        // What cannot be looked at is read again.
        read.retain(|file, _| file.exists());
    }
}

/// One directory may have several names.
fn canonical(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a run writes down that began in `-srv`, when `-srv/old.jsonl` had 3 bytes.
    fn run(state: &Path, projects: &Path) {
        let trail = serde_json::json!({
            "writers": ["w"],
            "place": {"projects": projects, "folder": "-srv", "project": "-srv"},
            "lengths": {"-srv/old.jsonl": 3},
            "sessions": [["-other", "named"]],
            "is_spooled": true,
            "agent": null,
        });
        let dir = state.join("agents/1");
        fs::create_dir_all(&dir).unwrap();
        fs::write(dir.join(WrittenTrail::FILE), trail.to_string()).unwrap();
    }

    #[test]
    fn a_run_has_what_it_names_and_what_grew_in_its_folder() {
        let dir = tempfile::tempdir().unwrap();
        let [state, projects] = ["state", "projects"].map(|name| dir.path().join(name));
        let runs = Runs::new(&state, &projects);
        let has = |folder: &str, session: &str, bytes| {
            runs.have(folder, session, &format!("{folder}/{session}.jsonl"), bytes)
                .unwrap()
        };
        assert!(!has("-srv", "new", 9));
        run(&state, &projects);
        fs::write(state.join("agents/1.folder"), "").unwrap();
        assert!(has("-srv", "new", 9) && has("-srv", "old", 4) && has("-other", "named", 9));
        assert!(!has("-srv", "old", 3) && !has("-other", "new", 9));
        run(&state, &dir.path().join("elsewhere"));
        assert!(!has("-srv", "new", 9), "it writes to another projects directory");
        fs::remove_dir_all(state.join("agents/1")).unwrap();
        assert!(!has("-other", "named", 9));
        runs.tidy();
        assert!(runs.read.lock().is_empty());
    }
}
