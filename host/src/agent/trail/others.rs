//! Runs as others see them.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;

use super::{LOCK, RECORD, RunRecord, Trail, agents, door};
use crate::agent::place::Place;
use crate::disk::may_fail;

/// What a run wrote down, as others read it.
#[derive(Debug)]
pub(crate) struct WrittenTrail(RunRecord);

impl WrittenTrail {
    /// Its name in a run's directory.
    pub(crate) const FILE: &str = RECORD;

    pub(crate) fn read(file: &Path) -> io::Result<Self> {
        may_fail(file)?;
        Ok(Self(serde_json::from_slice(&fs::read(file)?)?))
    }

    /// Whether it writes to the same projects directory.
    fn is_beside(&self, place: &Place) -> bool {
        let known = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
        known(self.projects()) == known(&place.projects)
    }

    /// The projects directory that the run's agent writes to.
    pub(crate) fn projects(&self) -> &Path {
        &self.0.place.projects
    }

    /// Whether the run wrote to a session, or may have made a file of its folder as long as it is.
    pub(crate) fn has(&self, folder: &str, session: &str, path: &str, bytes: u64) -> bool {
        let is_named = |(named, id): &(String, String)| named == folder && id == session;
        let was = self.0.lengths.get(path).copied().unwrap_or(0);
        self.0.sessions.iter().any(is_named) || (self.0.place.folder == folder && bytes != was)
    }
}

impl Trail {
    /// Whether a run that lasts mirrors a file, too. `held` are the trails that this process holds: their runs are
    /// gone.
    pub(in crate::agent) fn is_of_living(
        &self,
        held: &BTreeSet<String>,
        (folder, session, path): (&str, &str, &str),
        bytes: u64,
    ) -> io::Result<bool> {
        let _door = door(self.state())?;
        for entry in fs::read_dir(agents(self.state()))? {
            let entry = entry?;
            let Some(name) = entry.file_name().to_str().map(str::to_owned) else {
                continue;
            };
            if !entry.file_type()?.is_dir() || held.contains(&name) {
                continue;
            }
            if self.agents.try_lock(&Path::new(&name).join(LOCK))?.is_some() {
                continue;
            }
            match WrittenTrail::read(&entry.path().join(RECORD)) {
                Ok(other) if other.is_beside(&self.record.place) && other.has(folder, session, path, bytes) => {
                    return Ok(true);
                }
                Ok(_) => {}
                // Its agent has not begun, or has ended.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(false)
    }
}
