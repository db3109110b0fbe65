//! Transcript files that grow: the complete lines behind a place in one, and the notes that runs leave for `watch`.

mod tail;
mod word;

pub(crate) use tail::{Tail, complete_lines};
pub(crate) use word::{Words, hashed};
