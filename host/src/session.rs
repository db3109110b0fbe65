//! What people do with stored sessions: [`import`], [`list`], [`find`], [`info`], [`show`], [`follow`],
//! [`conversation`], [`subagents`], [`restore`], [`verify`], [`copy`], [`compare`], [`check_spools`], [`compact`],
//! [`delete`]. What adds to a session goes through a host: [`crate::host::Sessions`].
//!
//! Each takes a [`Store`](crate::store::Store), streams what it moves (memory does not grow with a session) and gives a
//! typed report. A failing stream is a row of the report and lets the others go on; a [`SessionError`] ends the whole
//! command. Dropping a future stops the work: what was half done is taken back or finished by the next run.
//!
//! | file | what |
//! | --- | --- |
//! | `local` | the streams of a projects directory, and reading their files |
//! | `edit`, `fork` | which entries a title, a tag and a fork consist of |
//! | `stored` | a stream as verified batches, read with retries, handed to a blocking thread |
//! | `compare` | local lines against stored ones |
//! | `between`, `balance` | stored lines against another destination's, or a spool's, writer by writer |
//! | `retry` | what to do about a store that is away for a moment |

mod balance;
mod between;
mod catalog;
mod compact;
mod compare;
mod conversation;
mod copy;
mod delete;
mod edit;
mod error;
mod follow;
mod fork;
mod import;
mod local;
mod materialise;
mod progress;
mod restore;
mod retry;
mod show;
mod spools;
mod stored;
mod subagents;
mod tasks;
mod verify;

#[cfg(test)]
mod faults;
#[cfg(test)]
mod fixture;

pub use crate::agent_format::AgentHome;
pub use between::{Between, BetweenReport, BetweenState, StreamBetween, compare};
pub use catalog::{Listing, SessionRow, find, info, list, list_page};
pub(crate) use catalog::{stored_sessions, subkeys};
pub use compact::{CompactReport, compact};
pub use conversation::{Conversation, MessageKind, Parents, SessionMessage, conversation};
pub use copy::{Copy, CopyReport, CopyState, StreamCopy, copy};
pub use delete::{DeleteReport, delete};
pub(crate) use edit::{rename, stored_end, tag};
pub use error::{Failure, SessionError, StreamError};
pub use follow::{Follow, News, follow};
pub(crate) use fork::ForkRows;
pub use fork::{Fork, Forked};
pub use import::{Counts, Import, ImportNote, ImportReport, ImportTotals, LeaveOut, OddLine, SessionImport, import};
pub use materialise::{Materialised, materialise};
pub use progress::{OnProgress, Progress, silent};
pub use restore::{
    RestoreEnd, RestoreNote, RestoreOptions, RestoreReport, RestoreTotals, SessionRestore, StreamEnd, restore,
};
pub use show::{Entries, Entry, Message, MessagePart, Speaker, show, subpaths};
pub use spools::{SpoolCheck, SpoolsReport, check_spools};
pub(crate) use stored::StoredReader;
pub use subagents::{Subagent, subagent, subagents};
pub use tasks::{Bound, TASKS, bound, task_key};
pub use verify::{LocalState, StoredState, StreamCheck, Verify, VerifyReport, VerifyTotals, verify};

/// How many streams, or sessions, are worked on side by side.
const SIDE_BY_SIDE: usize = 4;

/// Runs what blocks on a thread of its own. A panic there is a panic here.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    joined(tokio::task::spawn_blocking(work)).await
}

/// What a blocking task gives.
async fn joined<T>(task: tokio::task::JoinHandle<T>) -> T {
    match task.await {
        Ok(value) => value,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime is shutting down: nobody will poll this again.
            Err(_) => std::future::pending().await,
        },
    }
}
