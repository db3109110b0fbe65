//! Following an agent's projects directory for as long as a process lives: every complete new line of every transcript
//! comes into a host's spool, in order.
//!
//! **Spool first, compare where it is delivered.** Every line is in the spool before anybody is asked what it holds. Of
//! a file that grows while it is followed, the new lines are taken from where the last one ended. A file that is met
//! for the first time by this process, that changed while nobody looked, that was rewritten or that a run mirrored for
//! a while is taken as it is found, and marked so ([`crate::spool::Doubt`]): the mirror compares it with each
//! destination's own log, and brings the lines which that log lacks. So no record has to be kept in step with the
//! spool, and a process that is killed at any point costs a comparison, never a line.
//!
//! | file | what |
//! | --- | --- |
//! | `follower` | the loop: which transcripts are to be looked at, and when |
//! | `leftovers` | what killed runs left, beside the loop |
//! | `look` | what the streams share while they are looked at |
//! | `changes` | what the system tells of files that changed |
//! | `files` | which transcripts and sidecars there are |
//! | `stream` | one transcript and its sidecar: what is taken, and what has to wait |
//! | `unread` | the lines of a file that were not taken yet |
//! | `mark` | how far a file was taken, and whether it is still that file |
//! | `records` | marks on disk, so that a start reads only files that changed |
//! | `runs` | transcripts that belong to `mirrorbox run` for now |
//! | `figures` | how it goes, as `status` shows it |

mod changes;
mod event;
mod figures;
mod files;
mod follower;
mod leftovers;
mod look;
mod mark;
mod records;
mod runs;
mod stream;
#[cfg(test)]
mod tests;
mod unread;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

pub use event::{Change, OnWatchEvent, Wait, WatchEvent};
pub use figures::{Figures, NotTaken, OddLines, Unreadable, Waiting};
pub use runs::Runs;
use tokio::sync::watch;

use crate::host::Host;
use follower::Follower;
use records::Records;

/// What is to be followed, and how.
#[derive(Clone, Debug)]
pub struct Watch {
    /// The agent's projects directory. It need not be there yet.
    pub projects: PathBuf,
    /// The host's state directory.
    pub state: PathBuf,
    /// Transcripts that are there before this state directory's first watch are taken from their present ends on;
    /// otherwise they are brought, too.
    pub from_now: bool,
    /// Look by the clock alone, where the system's events cannot be had.
    pub only_by_clock: bool,
    /// How long the last look may take, once it is to stop.
    pub last_look: Duration,
}

/// Why a directory cannot be followed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WatchError {
    /// Another process does it already.
    #[error("another process follows for the state directory {}{}", state.display(), named(*pid))]
    Held {
        /// The state directory.
        state: PathBuf,
        /// The other process, where it says so.
        pid: Option<u32>,
    },
    /// What is remembered of files cannot be kept.
    #[error("cannot use {}: {source}", path.display())]
    Records {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

fn named(pid: Option<u32>) -> String {
    pid.map_or_else(String::new, |pid| format!(": process {pid}"))
}

/// The right to follow for a state directory, which one process has at a time.
#[derive(Debug)]
pub struct Claimed {
    watch: Watch,
    records: Records,
    figures: watch::Sender<Figures>,
}

impl Watch {
    /// Takes the state directory for this process. Blocks for the disk.
    pub fn claim(self) -> Result<Claimed, WatchError> {
        let projects = std::path::absolute(&self.projects).map_err(failed(&self.projects))?;
        let records = Records::claim(&self.state)?;
        let watch = Self { projects, ..self };
        Ok(Claimed {
            watch,
            records,
            figures: watch::Sender::default(),
        })
    }
}

impl Claimed {
    /// How it goes, from now on.
    pub fn figures(&self) -> watch::Receiver<Figures> {
        self.figures.subscribe()
    }

    /// Follows until `stop` holds true, and takes what is complete by then. Needs a tokio runtime with time around it,
    /// on which adapters' calls work. Dropped, it loses nothing: what was not taken is compared by the next one.
    pub async fn run(self, host: &Host, stop: watch::Receiver<bool>, on_event: OnWatchEvent) {
        Follower::new(host, self, stop, on_event).run().await;
    }
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> WatchError + use<> {
    let path = path.to_owned();
    move |source| WatchError::Records { path, source }
}

/// Events are in the log only.
pub fn untold() -> OnWatchEvent {
    Arc::new(|_| ())
}
