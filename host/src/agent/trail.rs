//! What a run leaves on disk while it lasts, so that the process that comes after a kill knows what to look for.

mod others;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::place::Place;
use super::process::{self, Identity};
use crate::agent_format::{self, Listing, PROJECTS, TranscriptFile};
use crate::disk::{self, Disk, Folder, Lock, may_fail, private_dirs};
use crate::follow::Words;
use crate::hex::hex;

pub(crate) use others::WrittenTrail;

/// How often removing is tried: what the agent started may still be writing there.
const REMOVALS: u32 = 5;
const BETWEEN_REMOVALS: Duration = Duration::from_millis(100);

/// Where trails lie, below the state directory.
const AGENTS: &str = "agents";

const RECORD: &str = "trail.json";
const LOCK: &str = "lock";

/// The directory that is made for an agent, and what lies in it that nobody but the agent's file holds: its
/// transcripts.
const CONFIG: &str = "config";

/// `<state>/agents/<id>/`: a lock that is held as long as the run lasts, the record, and perhaps the configuration
/// directory that was made for the agent.
#[derive(Debug)]
pub(super) struct Trail {
    /// `<state>/agents`.
    agents: Arc<dyn Disk>,
    id: String,
    dir: PathBuf,
    record: RunRecord,
    /// What [`Trail::note`] noted is not on disk.
    is_unsaved: bool,
    _lock: Lock,
}

/// Stands for the agent while processes cannot be seen. No process of a user's has this number.
const UNSEEN: u32 = 0;

/// What was written down.
#[derive(Debug, Default, Serialize, Deserialize)]
struct RunRecord {
    /// Whose spools may hold what the agent wrote: the run's, and those of processes that picked some of it up since.
    writers: BTreeSet<String>,
    place: Place,
    /// How long each file was when the run began, by its path under the projects directory.
    lengths: BTreeMap<String, u64>,
    /// The sessions that the run wrote to: each a folder of the projects directory, and a session's id.
    sessions: BTreeSet<(String, String)>,
    /// Something of it may be in the spool.
    is_spooled: bool,
    agent: Option<Identity>,
    /// The agent prints no frames: whatever grows in its folder counts as the run's.
    #[serde(default)]
    follows: bool,
    /// What could not be looked at when the run began: how long the files there were is not known.
    #[serde(default)]
    unread: BTreeSet<PathBuf>,
    /// Why not all of its rows are on local disk, as the last process that tried found.
    #[serde(default)]
    cause: Option<String>,
}

impl Trail {
    /// Begins a run's.
    pub(super) fn begin(state: &Path, writer: &str) -> io::Result<Self> {
        let agents = Folder::open(&agents(state))?;
        let _door = door(state)?;
        Self::begin_on(Arc::new(agents), writer)
    }

    /// Likewise, where the runs' directories are on this disk.
    fn begin_on(agents: Arc<dyn Disk>, writer: &str) -> io::Result<Self> {
        let id = Uuid::new_v4().simple().to_string();
        agents.make_dir(Path::new(&id))?;
        agents.sync_dir(Path::new(""))?;
        let lock = agents.lock(&Path::new(&id).join(LOCK))?;
        let record = RunRecord {
            writers: BTreeSet::from([writer.to_owned()]),
            ..RunRecord::default()
        };
        Ok(Self::new(agents, id, record, lock))
    }

    fn new(agents: Arc<dyn Disk>, id: String, record: RunRecord, lock: Lock) -> Self {
        Self {
            dir: agents.name_of(Path::new(&id)),
            agents,
            id,
            record,
            is_unsaved: false,
            _lock: lock,
        }
    }

    /// The trails of runs whose processes are gone. Those that ended before they wrote anything down are removed, and
    /// of all of them the copies of credentials.
    pub(super) fn left(state: &Path) -> io::Result<Vec<Self>> {
        if !agents(state).try_exists()? {
            return Ok(Vec::new());
        }
        let _door = door(state)?;
        let mut left = Vec::new();
        for entry in fs::read_dir(agents(state))? {
            let entry = entry?;
            let dir = entry.path();
            // Names are ours, and plain.
            let name = dir.file_name().and_then(|name| name.to_str());
            let (true, Some(name)) = (entry.file_type()?.is_dir(), name) else {
                continue;
            };
            let agents = Folder::open_existing(&agents(state))?;
            let Some(lock) = agents.try_lock(&Path::new(name).join(LOCK))? else {
                continue;
            };
            // Before anything can go wrong: nobody but the agent that is gone needed them.
            forget_credentials(&dir)?;
            match record(&dir) {
                Ok(Some(record)) => left.push(Self::new(Arc::new(agents), name.to_owned(), record, lock)),
                Ok(None) => fs::remove_dir_all(&dir)?,
                Err(error) => tracing::warn!("{} is left alone: {error}", dir.display()),
            }
        }
        Ok(left)
    }

    /// The configuration directory that is made for the agent, if one is.
    pub(super) fn config_dir(&self) -> PathBuf {
        self.dir.join(CONFIG)
    }

    /// Writes down where the agent is about to write, whether its rows come from its files alone, and how long these
    /// are before it does. Returns what could not be looked at.
    pub(super) fn set_place(&mut self, place: Place, follows: bool) -> io::Result<Vec<(PathBuf, io::Error)>> {
        let mut all_unread = Vec::new();
        for path in folders(&place.projects, &mut all_unread) {
            let Some(folder) = path.file_name().and_then(|name| name.to_str()) else {
                continue;
            };
            let Listing { files, unreadable, .. } = agent_format::list(&path);
            let under = |file: TranscriptFile| (format!("{folder}/{}", file.path), file.bytes);
            self.record.lengths.extend(files.into_iter().map(under));
            all_unread.extend(unreadable);
        }
        self.record.unread = all_unread.iter().map(|(path, _)| path.clone()).collect();
        self.record.place = place;
        self.record.follows = follows;
        self.save()?;
        Ok(all_unread)
    }

    /// Whether a file lies where nobody could look when the run began: which of its rows are the run's is not known.
    pub(super) fn is_unread(&self, file: &Path) -> bool {
        self.record.unread.iter().any(|unread| file.starts_with(unread))
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
        match &self.record.agent {
            Some(agent) => agent.is_alive().then_some(agent.pid),
            // The host may have been killed after it had started the agent, and before that was on disk.
            None => process::of_run(&self.id).unwrap_or_else(|error| {
                // Rows of an agent that is taken for ended would be left behind: a later look sees.
                tracing::warn!("the agent of run {} counts as one that runs: {error}", self.id);
                Some(UNSEEN)
            }),
        }
    }

    /// What tells this run from others, in its agent's environment too.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// Writes down that the run writes to a session, before anything of it is spooled.
    pub(super) fn note(&mut self, folder: &str, session: &str, is_spooled: bool) -> io::Result<()> {
        let is_new = self.record.sessions.insert((folder.to_owned(), session.to_owned()));
        self.is_unsaved |= is_new || is_spooled && !self.record.is_spooled;
        self.record.is_spooled |= is_spooled;
        if self.is_unsaved {
            self.save()?;
            self.words().leave(folder, session)?;
            self.is_unsaved = false;
        }
        Ok(())
    }

    fn words(&self) -> Words {
        Words::of(self.state())
    }

    fn state(&self) -> &Path {
        // `<state>/agents/<id>`.
        self.dir.ancestors().nth(2).unwrap_or(&self.dir)
    }

    pub(super) fn sessions(&self) -> BTreeSet<(String, String)> {
        self.record.sessions.clone()
    }

    /// Whether a file of the run's folder that is so long now may be the run's, although its session was never noted:
    /// the host may have been killed before it saw the first row. Beside an agent that prints frames, others may write
    /// in the folder: what is new there counts as its own only where not one session of it is known.
    pub(super) fn may_have_written(&self, path: &str, bytes: u64) -> bool {
        let before = self.length(path);
        match self.record.follows {
            true => bytes != before,
            false => bytes > 0 && before == 0 && self.record.sessions.is_empty(),
        }
    }

    /// Whether the agent writes to a directory that was made for it: nobody else writes there, or mirrors it.
    pub(super) fn is_private(&self) -> bool {
        let own = Path::new(AGENTS).join(&self.id).join(CONFIG).join(PROJECTS);
        self.record.place.projects.ends_with(own)
    }

    pub(super) fn is_spooled(&self) -> bool {
        self.record.is_spooled
    }

    pub(super) fn writers(&self) -> &BTreeSet<String> {
        &self.record.writers
    }

    /// Writes down why not all of it is on local disk.
    pub(super) fn set_cause(&mut self, cause: &str) -> io::Result<()> {
        self.record.cause = Some(cause.to_owned());
        self.save()
    }

    pub(super) fn cause(&self) -> Option<&str> {
        self.record.cause.as_deref()
    }

    /// Another writer is about to spool what is left.
    pub(super) fn add_writer(&mut self, writer: &str) -> io::Result<()> {
        self.record.writers.insert(writer.to_owned());
        self.save()
    }

    /// Everything is spooled: nobody needs it any more. It stays where no word can be left of what the run wrote to:
    /// `watch` would take its rows for new ones.
    pub(super) async fn remove(self) -> io::Result<()> {
        for (folder, session) in &self.record.sessions {
            self.words().leave(folder, session)?;
        }
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

    /// On disk when this returns.
    fn save(&self) -> io::Result<()> {
        let bytes = serde_json::to_vec(&self.record).map_err(io::Error::other)?;
        disk::replace(&*self.agents, &Path::new(&self.id).join(RECORD), &bytes)
    }
}

/// Removes what was copied for an agent that is gone: its credentials and settings, and links to the rest. Its
/// transcripts stay, for its rows may be nowhere else.
fn forget_credentials(dir: &Path) -> io::Result<()> {
    let config = dir.join(CONFIG);
    let entries = match fs::read_dir(&config) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        if entry.file_name() == PROJECTS {
            continue;
        }
        match entry.file_type()?.is_dir() {
            true => fs::remove_dir_all(entry.path())?,
            false => fs::remove_file(entry.path())?,
        }
    }
    Ok(())
}

/// What a run wrote down; none where it had not begun to.
fn record(dir: &Path) -> io::Result<Option<RunRecord>> {
    let path = dir.join(RECORD);
    match may_fail(&path).and_then(|()| fs::read(&path)) {
        Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Takes the transcripts of one folder for the run that follows them; shared by runs whose agents print frames.
///
/// Two who follow one folder would each spool the other's rows.
pub(super) fn claim_folder(state: &Path, place: &Place, alone: bool) -> io::Result<Option<File>> {
    private_dirs().create(agents(state))?;
    let path = place.projects.join(&place.folder);
    let digest = Sha256::digest(path.as_os_str().as_encoded_bytes());
    let file = File::create(agents(state).join(format!("{}.folder", hex(&digest))))?;
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
    state.join(AGENTS)
}

/// Held while directories are made or looked for: nobody takes one that is being made for one that was left.
fn door(state: &Path) -> io::Result<File> {
    private_dirs().create(agents(state))?;
    let door = File::create(agents(state).join("door"))?;
    door.lock()?;
    Ok(door)
}

/// The folders of a projects directory, linked ones too; nothing if it is missing.
fn folders(projects: &Path, unread: &mut Vec<(PathBuf, io::Error)>) -> Vec<PathBuf> {
    let entries = match fs::read_dir(projects) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Vec::new(),
        Err(error) => {
            unread.push((projects.to_owned(), error));
            return Vec::new();
        }
    };
    let mut folders = Vec::new();
    for entry in entries {
        match entry {
            Ok(entry) => folders.push(entry.path()),
            Err(error) => unread.push((projects.to_owned(), error)),
        }
    }
    folders.retain(|path| match fs::metadata(path) {
        Ok(metadata) => metadata.is_dir(),
        // A link that leads nowhere, or what is gone meanwhile.
        Err(error) if error.kind() == io::ErrorKind::NotFound => false,
        Err(error) => {
            unread.push((path.clone(), error));
            false
        }
    });
    folders
}

#[cfg(test)]
mod durable;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block_on::block_on;

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
        assert!(trail.set_place(place.clone(), false).unwrap().is_empty());
        trail.note("-srv", "a", false).unwrap();
        assert!(Trail::left(state.path()).unwrap().is_empty(), "it is under way");
        drop(trail);
        let mut left = Trail::left(state.path()).unwrap();
        let trail = left.pop().unwrap();
        assert_eq!((trail.place(), trail.length("-srv/a.jsonl")), (&place, 3));
        assert_eq!(trail.sessions(), BTreeSet::from([("-srv".to_owned(), "a".to_owned())]));
        assert!(!trail.is_spooled() && left.is_empty());
    }

    /// Without it `watch` would take the run's rows for new ones.
    #[test]
    fn a_trail_goes_once_word_is_left() {
        let state = tempfile::tempdir().unwrap();
        let words = Words::of(state.path());
        words.listen().unwrap();
        let in_the_way = state
            .path()
            .join("watch/runs")
            .join(crate::follow::hashed(&["-srv", "a"]));
        fs::create_dir(&in_the_way).unwrap();
        let mut trail = Trail::begin(state.path(), "w").unwrap();
        assert!(trail.note("-srv", "a", true).is_err());
        fs::remove_dir(&in_the_way).unwrap();
        trail.note("-srv", "a", true).unwrap();
        assert!(words.are_left("-srv", "a").unwrap(), "it was tried once only");
        // `watch` takes it while the run goes on.
        words.take(|_, _| ()).unwrap();
        fs::create_dir(&in_the_way).unwrap();
        let dir = trail.dir().to_owned();
        assert!(block_on(trail.remove()).is_err() && dir.join(RECORD).exists());
        fs::remove_dir(&in_the_way).unwrap();
        let left = Trail::left(state.path()).unwrap();
        left.into_iter().for_each(|trail| block_on(trail.remove()).unwrap());
        assert!(words.are_left("-srv", "a").unwrap() && !dir.exists());
    }

    #[test]
    fn credentials_go_with_the_run_whatever_else_it_left() {
        let state = tempfile::tempdir().unwrap();
        let left_by = |begun: &dyn Fn(&mut Trail)| {
            let mut trail = Trail::begin(state.path(), "w").unwrap();
            let config = trail.config_dir();
            fs::create_dir_all(config.join("projects/-srv")).unwrap();
            fs::write(config.join(".credentials.json"), "secret").unwrap();
            fs::create_dir(config.join("more")).unwrap();
            begun(&mut trail);
            assert!(
                Trail::left(state.path())
                    .unwrap()
                    .iter()
                    .all(|left| left.dir() != trail.dir())
            );
            assert!(config.join(".credentials.json").exists(), "it is under way");
            config
        };
        let whole = left_by(&|trail| drop(trail.set_place(Place::default(), false).unwrap()));
        let damaged = left_by(&|trail| fs::write(trail.dir().join(RECORD), "{").unwrap());
        let nothing = left_by(&|_| ());
        assert_eq!(Trail::left(state.path()).unwrap().len(), 1);
        for config in [&whole, &damaged] {
            let left: Vec<_> = fs::read_dir(config)
                .unwrap()
                .map(|entry| entry.unwrap().file_name())
                .collect();
            assert_eq!(left, ["projects"]);
        }
        assert!(!nothing.exists());
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
