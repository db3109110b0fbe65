//! What a run leaves on disk while it lasts, so that whoever comes after a kill knows what to look for.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::place::Place;
use super::process::Identity;
use crate::disk::private_dirs;
use crate::follow::{self, TranscriptFile, Words};

/// How often removing is tried: what the agent started may still be writing there.
const REMOVALS: u32 = 5;
const BETWEEN_REMOVALS: Duration = Duration::from_millis(100);

const RECORD: &str = "trail.json";
const LOCK: &str = "lock";

/// `<state>/agents/<id>/`: a lock that is held as long as the run lasts, the record, and perhaps the configuration
/// directory that was made for the agent.
#[derive(Debug)]
pub(super) struct Trail {
    dir: PathBuf,
    record: Record,
    _lock: File,
}

/// What was written down.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Record {
    /// Whose spools may hold what the agent wrote: the run's, and those of whoever picked some of it up since.
    writers: BTreeSet<String>,
    place: Place,
    /// How long each file was when the run began, by its path under the projects directory.
    lengths: BTreeMap<String, u64>,
    /// The sessions that the run wrote to: each a folder of the projects directory, and a session's id.
    sessions: BTreeSet<(String, String)>,
    /// Something of it may be in the spool.
    is_spooled: bool,
    agent: Option<Identity>,
}

impl Trail {
    /// Begins a run's.
    pub(super) fn begin(state: &Path, writer: &str) -> io::Result<Self> {
        let _door = door(state)?;
        let dir = agents(state).join(Uuid::new_v4().simple().to_string());
        private_dirs().create(&dir)?;
        let lock = File::create(dir.join(LOCK))?;
        lock.lock()?;
        let record = Record {
            writers: BTreeSet::from([writer.to_owned()]),
            ..Record::default()
        };
        Ok(Self {
            dir,
            record,
            _lock: lock,
        })
    }

    /// The trails of runs whose processes are gone. Those that ended before they wrote anything down are removed.
    pub(super) fn left(state: &Path) -> io::Result<Vec<Self>> {
        if !agents(state).is_dir() {
            return Ok(Vec::new());
        }
        let _door = door(state)?;
        let mut left = Vec::new();
        for entry in fs::read_dir(agents(state))? {
            let dir = entry?.path();
            if !dir.is_dir() {
                continue;
            }
            let lock = File::create(dir.join(LOCK))?;
            match lock.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => continue,
                Err(TryLockError::Error(error)) => return Err(error),
            }
            match record(&dir) {
                Ok(Some(record)) => left.push(Self {
                    dir,
                    record,
                    _lock: lock,
                }),
                Ok(None) => fs::remove_dir_all(&dir)?,
                Err(error) => tracing::warn!("{} is left alone: {error}", dir.display()),
            }
        }
        Ok(left)
    }

    /// The configuration directory that is made for the agent, if one is.
    pub(super) fn config_dir(&self) -> PathBuf {
        self.dir.join("config")
    }

    /// Writes down where the agent is about to write, and how long its files are before it does.
    pub(super) fn set_place(&mut self, place: Place) -> io::Result<()> {
        for entry in read_dir(&place.projects)? {
            let entry = entry?;
            if let (Ok(folder), true) = (entry.file_name().into_string(), entry.path().is_dir()) {
                let files = follow::of_folder(&entry.path())?;
                let under = |file: TranscriptFile| (format!("{folder}/{}", file.path), file.bytes);
                self.record.lengths.extend(files.into_iter().map(under));
            }
        }
        self.record.place = place;
        self.save()
    }

    pub(super) fn place(&self) -> &Place {
        &self.record.place
    }

    /// How long a file was when the run began; 0 where it was not there.
    pub(super) fn length(&self, path: &str) -> u64 {
        self.record.lengths.get(path).copied().unwrap_or(0)
    }

    pub(super) fn set_agent(&mut self, agent: Identity) -> io::Result<()> {
        self.record.agent = Some(agent);
        self.save()
    }

    /// The agent, if it has outlived its host.
    pub(super) fn living_agent(&self) -> Option<u32> {
        let agent = self.record.agent.as_ref()?;
        agent.is_alive().then_some(agent.pid)
    }

    /// Writes down that the run writes to a session, before anything of it is spooled.
    pub(super) fn note(&mut self, folder: &str, session: &str, is_spooled: bool) -> io::Result<()> {
        let is_new = self.record.sessions.insert((folder.to_owned(), session.to_owned()));
        let is_first = is_spooled && !self.record.is_spooled;
        self.record.is_spooled |= is_spooled;
        if is_new && let Some(state) = self.dir.ancestors().nth(2) {
            Words::of(state).leave(folder, session)?;
        }
        match is_new || is_first {
            true => self.save(),
            false => Ok(()),
        }
    }

    pub(super) fn sessions(&self) -> Vec<(String, String)> {
        self.record.sessions.iter().cloned().collect()
    }

    pub(super) fn is_spooled(&self) -> bool {
        self.record.is_spooled
    }

    pub(super) fn writers(&self) -> &BTreeSet<String> {
        &self.record.writers
    }

    /// Another writer is about to spool what is left.
    pub(super) fn add_writer(&mut self, writer: &str) -> io::Result<()> {
        self.record.writers.insert(writer.to_owned());
        self.save()
    }

    /// Everything is spooled: nobody needs it any more.
    pub(super) async fn remove(self) -> io::Result<()> {
        let mut tries = 0;
        loop {
            tries += 1;
            match fs::remove_dir_all(&self.dir) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
                Err(_) if tries < REMOVALS => tokio::time::sleep(BETWEEN_REMOVALS).await,
                removed => return removed,
            }
        }
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    fn save(&self) -> io::Result<()> {
        let new = self.dir.join("trail.new");
        let mut file = File::create(&new)?;
        file.write_all(&serde_json::to_vec(&self.record).map_err(io::Error::other)?)?;
        file.sync_all()?;
        fs::rename(new, self.dir.join(RECORD))
    }
}

/// What a run wrote down; none where it had not begun to.
fn record(dir: &Path) -> io::Result<Option<Record>> {
    match fs::read(dir.join(RECORD)) {
        Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// What a run wrote down, as others read it.
#[derive(Debug)]
pub(crate) struct WrittenTrail(Record);

impl WrittenTrail {
    /// Its name in a run's directory.
    pub(crate) const FILE: &str = RECORD;

    pub(crate) fn read(file: &Path) -> io::Result<Self> {
        Ok(Self(serde_json::from_slice(&fs::read(file)?)?))
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

/// Takes the transcripts of one folder for whoever follows them; shared by those who are told of their rows.
///
/// Two who follow one folder would each spool the other's rows.
pub(super) fn claim_folder(state: &Path, place: &Place, alone: bool) -> io::Result<Option<File>> {
    private_dirs().create(agents(state))?;
    let path = place.projects.join(&place.folder);
    let digest = Sha256::digest(path.as_os_str().as_encoded_bytes());
    let name: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let file = File::create(agents(state).join(format!("{name}.folder")))?;
    let locked = match alone {
        true => file.try_lock(),
        false => file.try_lock_shared(),
    };
    match locked {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn agents(state: &Path) -> PathBuf {
    state.join("agents")
}

/// Held while directories are made or looked for: nobody takes one that is being made for one that was left.
fn door(state: &Path) -> io::Result<File> {
    private_dirs().create(agents(state))?;
    let door = File::create(agents(state).join("door"))?;
    door.lock()?;
    Ok(door)
}

fn read_dir(dir: &Path) -> io::Result<Vec<io::Result<fs::DirEntry>>> {
    match fs::read_dir(dir) {
        Ok(entries) => Ok(entries.collect()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_nobody_holds_any_more_is_left() {
        let state = tempfile::tempdir().unwrap();
        let projects = state.path().join("projects");
        fs::create_dir_all(projects.join("-srv")).unwrap();
        fs::write(projects.join("-srv/a.jsonl"), "{}\n").unwrap();
        let mut trail = Trail::begin(state.path(), "w1").unwrap();
        let place = Place {
            projects,
            folder: "-srv".into(),
            project: "tenant".into(),
        };
        trail.set_place(place.clone()).unwrap();
        trail.note("-srv", "a", false).unwrap();
        assert!(Trail::left(state.path()).unwrap().is_empty(), "it is under way");
        drop(trail);
        let mut left = Trail::left(state.path()).unwrap();
        let trail = left.pop().unwrap();
        assert_eq!((trail.place(), trail.length("-srv/a.jsonl")), (&place, 3));
        assert_eq!(trail.sessions(), [("-srv".to_owned(), "a".to_owned())]);
        assert!(!trail.is_spooled() && left.is_empty());
    }

    #[test]
    fn a_folder_has_one_follower_or_any_number_of_others() {
        let state = tempfile::tempdir().unwrap();
        let place = Place::default();
        let shared = claim_folder(state.path(), &place, false).unwrap();
        assert!(shared.is_some() && claim_folder(state.path(), &place, false).unwrap().is_some());
        assert!(claim_folder(state.path(), &place, true).unwrap().is_none());
        drop(shared);
        let alone = claim_folder(state.path(), &place, true).unwrap();
        assert!(alone.is_some() && claim_folder(state.path(), &place, false).unwrap().is_none());
    }
}
