//! Transcript files that grow: which there are in a project's folder, and the complete lines behind a place in one.

mod files;
mod tail;
mod word;

pub(crate) use files::{FileKind, Listing, TranscriptFile, kind_of, list, list_session};
pub(crate) use tail::{Tail, complete_lines};
pub(crate) use word::{Words, hashed};
