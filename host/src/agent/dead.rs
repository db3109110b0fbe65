use std::path::{Path, PathBuf};

use serde::Serialize;

use super::trail::Trail;
use super::{AgentError, in_trail};

/// A run whose process is gone, and whose rows may not all be on local disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DeadRun {
    /// Its directory under the state directory.
    pub dir: PathBuf,
    /// Where its agent's transcripts lie.
    pub projects: PathBuf,
    /// Why it is still there, and what to do.
    pub cause: String,
}

/// Finds the runs of a state directory whose processes are gone, and removes the copies of credentials that were made
/// for their agents. Nothing else of them is changed: [`super::Leftovers`] takes up their rows. A run that another
/// process takes up right now is not among them.
///
/// Blocks for the disk. Fails where the runs cannot be looked at.
pub fn dead_runs(state: &Path) -> Result<Vec<DeadRun>, AgentError> {
    let trails = Trail::left(state).map_err(in_trail(&state.join("agents")))?;
    Ok(trails.iter().map(DeadRun::of).collect())
}

impl DeadRun {
    fn of(trail: &Trail) -> Self {
        let cause = match (trail.living_agent(), trail.cause()) {
            (Some(pid), _) => format!("its agent, process {pid}, still runs"),
            (None, Some(cause)) => cause.to_owned(),
            (None, None) => "it was killed: the next `mirrorbox run`, `watch` or `drain` takes what it left".to_owned(),
        };
        Self {
            dir: trail.dir().to_owned(),
            projects: trail.place().projects.clone(),
            cause,
        }
    }
}
