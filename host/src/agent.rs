//! Running an agent's command, and mirroring what it writes.
//!
//! [`run`] starts the command, passes its input and output through, takes the mirror's frames out of what it prints and
//! spools their entries. [`Leftovers`] finds what a run left whose host was killed.
//!
//! | file | what |
//! | --- | --- |
//! | `place` | where the agent writes, and which project that is |
//! | `process` | the agent's process |
//! | `run` | one run from start to end; `drive`: its input, output and shutdown |
//! | `recorder` | frames to spool; `rest`: what only the agent's files hold; `found`: files of killed runs |
//! | `spooled` | which lines are in the spool |
//! | `task` | which session a caller's task runs in |
//! | `trail`, `leftover`, `dead` | what a run leaves on disk while it lasts, who takes it up, and which runs are dead |

mod dead;
mod error;
mod event;
mod leftover;
mod place;
mod process;
mod recorder;
#[cfg(test)]
pub(crate) mod recording;
mod run;
mod spooled;
mod task;
#[cfg(test)]
mod tests;
mod trail;

use std::io;
use std::path::{Path, PathBuf};

pub use bytes::Bytes;
pub use dead::{DeadRun, dead_runs};
pub use error::AgentError;
pub use event::{AgentEvent, OnEvent, Tally};
pub use leftover::Leftovers;
pub use run::{Ended, Resume, Run, Start, Talk, run};
pub use task::bind_task;
pub(crate) use trail::WrittenTrail;

/// Says where something could not be kept.
fn in_trail(path: &Path) -> impl FnOnce(io::Error) -> AgentError + use<> {
    let path: PathBuf = path.to_owned();
    move |source| AgentError::Trail { path, source }
}
