//! Made-up transcripts of realistic shape and size: for tests, the demo and benchmarks.
//!
//! [`Projects`] writes a whole projects directory, [`Giant`] one very long session; both stream, so memory stays flat.
//! The same seed gives the same bytes. [`hostile`] has proptest strategies for entries and keys that break careless
//! code.
//!
//! ```
//! use mirrorbox_transcripts::Projects;
//!
//! let dir = tempfile::tempdir()?;
//! let written = Projects { seed: 1, sessions: 3, bytes: 300_000 }.write(dir.path())?;
//! assert_eq!(written.sessions.len(), 3);
//! # Ok::<(), std::io::Error>(())
//! ```

mod chain;
mod files;
pub mod hostile;
mod projects;
mod session;
mod subagent;
mod text;

pub use projects::{Giant, Projects, Written, WrittenSession};
