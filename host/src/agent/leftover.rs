//! What runs left whose host was killed: rows that are only in the agent's files.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::path::Path;
use std::time::Duration;

use tokio::time::Instant;

use super::event::{AgentEvent, OnEvent, Tally};
use super::recorder::Recorder;
use super::spooled::{Spooled, spooled_of};
use super::trail::Trail;
use super::{AgentError, in_trail};
use crate::host::Host;
use crate::key::SessionKey;
use crate::spool::{Spool, SpoolLook};

/// An agent whose host is gone has lost its input, and ends by itself. It is looked for this often.
const LOOK: Duration = Duration::from_millis(100);

/// What runs left behind. What is held here stays locked, so nobody else takes it meanwhile.
///
/// At a start, look before a [`Host`] is built on the same state directory: what a power failure left behind the marks
/// of spools is seen as long as nobody has adopted them. The host keeps what the runs had spooled for as long as their
/// trails are there.
pub struct Leftovers {
    runs: Vec<Leftover>,
}

struct Leftover {
    trail: Trail,
    /// What spools hold of it, or why that cannot be told; `None` where some of it was removed since.
    spooled: Result<Option<HashMap<SessionKey, Spooled>>, String>,
}

impl Leftovers {
    /// Looks for them. Blocks for the disk.
    pub fn look(state: &Path) -> Result<Self, AgentError> {
        Self::look_for(state, |_| true)
    }

    /// Those whose agents have ended, too: the others are left to a later look.
    pub(crate) fn look_for_ended(state: &Path) -> Result<Self, AgentError> {
        Self::look_for(state, |trail| trail.living_agent().is_none())
    }

    fn look_for(state: &Path, is_meant: impl Fn(&Trail) -> bool) -> Result<Self, AgentError> {
        let mut trails = Trail::left(state).map_err(in_trail(state))?;
        trails.retain(is_meant);
        match trails.is_empty() {
            true => Ok(Self { runs: Vec::new() }),
            false => Ok(Self::of(trails, &Spool::look(state)?)),
        }
    }

    fn of(trails: Vec<Trail>, spools: &[SpoolLook]) -> Self {
        // One that cannot be told does not keep the others.
        let runs = trails.into_iter().map(|trail| Leftover {
            spooled: spooled(&trail, spools),
            trail,
        });
        Self { runs: runs.collect() }
    }

    /// Those of a state directory whose spools lie on a disk that a test has made.
    #[cfg(test)]
    pub(crate) fn look_beside(state: &Path, spools: &[SpoolLook]) -> std::io::Result<Self> {
        Ok(Self::of(Trail::left(state)?, spools))
    }

    /// Whether nothing was left.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// Brings the rows that are only in the agents' files to local disk, and removes what the runs left. Agents that
    /// still run are waited for: all of them together so long. What of them runs on is left to a later look, and
    /// counted.
    pub async fn pick_up(self, host: &Host, patience: Duration, on_event: &OnEvent) -> Tally {
        let mut all = Tally::default();
        let held: BTreeSet<_> = self.runs.iter().map(|run| run.trail.id().to_owned()).collect();
        let (mut until, mut waits) = (None, Vec::new());
        for run in self.runs {
            match run.trail.living_agent() {
                None => run.pick_up(host, &held, on_event, &mut all).await,
                Some(_) => waits.push(run),
            }
        }
        for run in waits {
            let until = *until.get_or_insert_with(|| Instant::now() + patience);
            match run.agent_ends_before(until).await {
                true => run.pick_up(host, &held, on_event, &mut all).await,
                false => stays(&run.trail, "its agent still runs".to_owned(), on_event, &mut all),
            }
        }
        all
    }
}

impl Leftover {
    async fn pick_up(self, host: &Host, held: &BTreeSet<String>, on_event: &OnEvent, all: &mut Tally) {
        let Self { trail, spooled } = self;
        let spooled = match spooled {
            Ok(spooled) => spooled,
            Err(cause) => return stays(&trail, cause, on_event, all),
        };
        let recorder = Recorder::new(host, trail, on_event.clone());
        let tally = recorder.take_up(spooled, held).await;
        all.entries += tally.entries;
        all.caught_up += tally.caught_up;
        all.left += tally.left;
    }

    async fn agent_ends_before(&self, until: Instant) -> bool {
        let ended = async {
            while self.trail.living_agent().is_some() {
                tokio::time::sleep(LOOK).await;
            }
        };
        tokio::time::timeout_at(until, ended).await.is_ok()
    }
}

fn stays(trail: &Trail, cause: String, on_event: &OnEvent, all: &mut Tally) {
    let dir = trail.dir().display().to_string();
    let event = AgentEvent::Left { dir, cause };
    tracing::warn!("{event}");
    on_event(&event);
    all.left += 1;
}

/// What the spools of a run's writers hold, or why that cannot be told; `None` where some of it was removed.
fn spooled(trail: &Trail, spools: &[SpoolLook]) -> Result<Option<HashMap<SessionKey, Spooled>>, String> {
    let mut found = HashMap::new();
    let is_of_run = |spool: &&SpoolLook| trail.writers().contains(&spool.writer);
    for spool in spools.iter().filter(is_of_run) {
        // What cannot be looked at may hold any of its rows.
        for stream in spool.streams().map_err(|error| error.to_string())? {
            let Some(spooled) = spooled_of(stream).map_err(|error| error.to_string())? else {
                return Ok(None);
            };
            found
                .entry(stream.key().clone())
                .and_modify(|known: &mut Spooled| known.add_all(&spooled))
                .or_insert(spooled);
        }
    }
    // A spool without streams tells as much; one that was removed does not.
    let is_told = !trail.is_spooled() || spools.iter().any(|spool| is_of_run(&spool));
    Ok(is_told.then_some(found))
}

impl fmt::Debug for Leftovers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dirs = self.runs.iter().map(|run| run.trail.dir());
        f.debug_list().entries(dirs).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::super::process::Identity;
    use super::*;

    fn leave(state: &Path, agent: Option<u32>) {
        let mut trail = Trail::begin(state, "w").unwrap();
        drop(trail.set_place(super::super::place::Place::default(), false).unwrap());
        agent
            .into_iter()
            .for_each(|pid| trail.set_agent(Identity::of(pid)).unwrap());
    }

    /// A run that was killed before its host saw a row: the trail names no session, and only the agent has a file.
    async fn takes_up_what_was_never_seen(follows: bool) -> u64 {
        let dir = tempfile::tempdir().unwrap();
        let place = super::super::place::Place {
            projects: dir.path().join("projects"),
            folder: "-srv".to_owned(),
            project: "runs".to_owned(),
        };
        let folder = place.projects.join("-srv");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("old.jsonl"), "{\"old\":1}\n").unwrap();
        let mut trail = Trail::begin(dir.path(), "w").unwrap();
        drop(trail.set_place(place, follows).unwrap());
        drop(trail);
        let both = [
            ("old", "{\"old\":1}\n{\"old\":2}\n"),
            ("new", "{\"new\":1}\n{\"new\":2}\n"),
        ];
        for (session, text) in both {
            std::fs::write(folder.join(format!("{session}.jsonl")), text).unwrap();
        }
        let host = Host::builder(dir.path()).build().await.unwrap();
        let left = Leftovers::look(dir.path()).unwrap();
        let tally = left
            .pick_up(&host, Duration::ZERO, &(Arc::new(|_: &_| ()) as OnEvent))
            .await;
        assert_eq!(tally.left, 0);
        assert!(Trail::left(dir.path()).unwrap().is_empty());
        drop(host.close(Duration::ZERO).await.unwrap());
        tally.entries
    }

    #[tokio::test]
    async fn sessions_that_no_host_saw_are_found_in_the_runs_folder() {
        assert_eq!(takes_up_what_was_never_seen(true).await, 3, "all that grew");
        assert_eq!(takes_up_what_was_never_seen(false).await, 2, "what is new");
    }

    /// F-11: however many agents outlive their runs, they are waited for together, and first comes what need not wait.
    #[tokio::test(start_paused = true)]
    async fn agents_that_live_on_hold_up_nobody() {
        let state = tempfile::tempdir().unwrap();
        for agent in [Some(std::process::id()); 3].into_iter().chain([None]) {
            leave(state.path(), agent);
        }
        let host = Host::builder(state.path()).build().await.unwrap();
        let told = Arc::new(Mutex::new(0));
        let on_event: OnEvent = {
            let told = told.clone();
            Arc::new(move |_| *told.lock().unwrap() += 1)
        };
        let left = Leftovers::look(state.path()).unwrap();
        let begun = Instant::now();
        let patience = Duration::from_secs(15);
        let tally = left.pick_up(&host, patience, &on_event).await;
        assert!(begun.elapsed() < patience * 2, "each was waited for");
        assert_eq!((tally.left, *told.lock().unwrap()), (3, 3));
        // A process that another test starts holds every lock until it has begun its program.
        while Trail::left(state.path()).unwrap().len() < 3 {
            std::thread::sleep(Duration::from_millis(1));
        }
        let begun = Instant::now();
        let left = Leftovers::look(state.path()).unwrap();
        assert_eq!(left.pick_up(&host, Duration::ZERO, &on_event).await.left, 3);
        assert!(begun.elapsed() < LOOK * 2);
        drop(host.close(Duration::ZERO).await.unwrap());
    }
}
