//! What runs left whose host was killed: rows that are only in the agent's files.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::time::Duration;

use super::event::{AgentEvent, OnEvent, Tally};
use super::recorder::Recorder;
use super::spooled::Spooled;
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
    /// What spools hold of it; none where that cannot be told any more.
    spooled: Option<HashMap<SessionKey, Spooled>>,
}

impl Leftovers {
    /// Looks for them. Blocks for the disk.
    pub fn look(state: &Path) -> Result<Self, AgentError> {
        let trails = Trail::left(state).map_err(in_trail(state))?;
        if trails.is_empty() {
            return Ok(Self { runs: Vec::new() });
        }
        let spools = Spool::look(state)?;
        let runs = trails.into_iter().map(|trail| {
            let spooled = spooled(&trail, &spools)?;
            Ok(Leftover { trail, spooled })
        });
        Ok(Self {
            runs: runs.collect::<Result<_, AgentError>>()?,
        })
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
            (true, None) => {
                "its rows were removed from the spool, and cannot be told from new ones; bring what is missing \
                             with `import`, then remove the directory"
                    .to_owned()
            }
            (true, Some(spooled)) => match self.trail.add_writer(host.writer()) {
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

/// What the spools of a run's writers hold; none where some of it was removed.
fn spooled(trail: &Trail, spools: &[SpoolLook]) -> Result<Option<HashMap<SessionKey, Spooled>>, AgentError> {
    let mut found = HashMap::new();
    let is_of_run = |spool: &&SpoolLook| trail.writers().contains(&spool.writer);
    for spool in spools.iter().filter(is_of_run) {
        for stream in spool.streams()? {
            let Some(spooled) = Spooled::of(stream)? else {
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
