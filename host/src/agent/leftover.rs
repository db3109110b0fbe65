//! What runs left whose host was killed: rows that are only in the agent's files.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::time::Duration;

use super::event::{AgentEvent, OnEvent, Tally};
use super::recorder::Recorder;
use super::spooled::{Spooled, spooled_of};
use super::trail::Trail;
use super::{AgentError, in_trail};
use crate::host::Host;
use crate::key::SessionKey;
use crate::spool::{Spool, SpoolLook};

/// An agent whose host is gone has lost its input, and ends by itself. It is looked for this often,
const LOOK: Duration = Duration::from_millis(100);
/// and waited for this long.
const PATIENCE: Duration = Duration::from_secs(15);

/// What runs left behind.
///
/// Look before a [`Host`] is built on the same state directory: it delivers what dead processes spooled, and may remove
/// it then. What is held here stays locked, so nobody else takes it meanwhile.
pub struct Leftovers {
    runs: Vec<Leftover>,
}

struct Leftover {
    trail: Trail,
    /// What spools hold of it, or why that cannot be told.
    spooled: Result<HashMap<SessionKey, Spooled>, String>,
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

    /// Brings the rows that are only in the agents' files to local disk, and removes what the runs left. An agent that
    /// still runs is waited for a little; else it is left to a later start.
    pub async fn pick_up(self, host: &Host, on_event: &OnEvent) -> Tally {
        let mut all = Tally::default();
        for run in self.runs {
            let tally = run.pick_up(host, on_event.clone()).await;
            all.entries += tally.entries;
            all.caught_up += tally.caught_up;
        }
        all
    }
}

impl Leftover {
    async fn pick_up(mut self, host: &Host, on_event: OnEvent) -> Tally {
        let dir = self.trail.dir().display().to_string();
        let cause = match (self.agent_has_ended().await, self.spooled) {
            (false, _) => "its agent still runs".to_owned(),
            (true, Err(cause)) => cause,
            (true, Ok(spooled)) => match self.trail.add_writer(host.writer()) {
                Err(error) => error.to_string(),
                Ok(()) => {
                    let mut recorder = Recorder::new(host, self.trail, on_event);
                    recorder.know(spooled);
                    return recorder.finish().await;
                }
            },
        };
        let event = AgentEvent::Left { dir, cause };
        tracing::warn!("{event}");
        on_event(&event);
        Tally::default()
    }

    async fn agent_has_ended(&self) -> bool {
        let ended = async {
            while self.trail.living_agent().is_some() {
                tokio::time::sleep(LOOK).await;
            }
        };
        tokio::time::timeout(PATIENCE, ended).await.is_ok()
    }
}

/// What the spools of a run's writers hold, or why that cannot be told.
fn spooled(trail: &Trail, spools: &[SpoolLook]) -> Result<HashMap<SessionKey, Spooled>, String> {
    const REMOVED: &str = "its rows were removed from the spool, and cannot be told from new ones; bring what is missing \
                           with `import`, then remove the directory";
    let mut found = HashMap::new();
    let is_of_run = |spool: &&SpoolLook| trail.writers().contains(&spool.writer);
    for spool in spools.iter().filter(is_of_run) {
        // What cannot be looked at may hold any of its rows.
        for stream in spool.streams().map_err(|error| error.to_string())? {
            let spooled = spooled_of(stream).map_err(|error| error.to_string())?;
            let spooled = spooled.ok_or(REMOVED)?;
            found
                .entry(stream.key().clone())
                .and_modify(|known: &mut Spooled| known.add_all(&spooled))
                .or_insert(spooled);
        }
    }
    // A spool without streams tells as much; one that was removed does not.
    let is_told = !trail.is_spooled() || spools.iter().any(|spool| is_of_run(&spool));
    is_told.then_some(found).ok_or_else(|| REMOVED.to_owned())
}

impl fmt::Debug for Leftovers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dirs = self.runs.iter().map(|run| run.trail.dir());
        f.debug_list().entries(dirs).finish()
    }
}
