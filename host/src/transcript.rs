//! Transcripts as bytes: lines of JSON, passed on as they are.
//!
//! A transcript file is JSON Lines: each complete line ends with LF and holds one *entry*, a JSON object. Nothing here
//! prints JSON that it parsed: what goes in comes out to the byte. [`Lines`] reads a file line by line, [`check_entry`]
//! says whether a line is an entry.

mod entry;
mod lines;
pub(crate) mod members;

pub(crate) use entry::object;
pub use entry::{EntryError, check_entry};
pub use lines::{LineError, Lines, Next};

/// The most that one line may hold, its LF included, in bytes: 128 MiB.
pub const MAX_LINE: usize = 128 << 20;
