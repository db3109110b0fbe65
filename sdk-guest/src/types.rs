//! The types of the contract: keys, batches, positions, pages and summaries.

use std::fmt;

/// Which transcript. Each part is opaque text of 1 to 4096 bytes without U+0000: it may hold `:`, `/`, `..` and any
/// Unicode. See [`crate::encoding`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionKey {
    /// The project.
    pub project_key: String,
    /// The session within it.
    pub session_id: String,
    /// `/`-joined; none for the session's main transcript.
    pub subpath: Option<String>,
}

impl SessionKey {
    /// The key of a session's main transcript.
    pub fn main(project_key: impl Into<String>, session_id: impl Into<String>) -> Self {
        Self {
            project_key: project_key.into(),
            session_id: session_id.into(),
            subpath: None,
        }
    }

    /// The key of another transcript of the same session.
    pub fn with_subpath(&self, subpath: impl Into<String>) -> Self {
        Self {
            subpath: Some(subpath.into()),
            ..self.clone()
        }
    }
}

/// What a batch is to the host. An adapter stores it and gives it back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Lines of the transcript.
    Entries,
    /// A host takes the stream over. No payload.
    Claim,
    /// Everything before was deleted. No payload.
    Tombstone,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Entries, Self::Claim, Self::Tombstone];

    /// Its name in `adapter.wit`: a form to store it in.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Entries => "entries",
            Self::Claim => "claim",
            Self::Tombstone => "tombstone",
        }
    }

    /// The kind of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// One atomic append: all of it becomes readable, or none.
#[derive(Clone, PartialEq, Eq)]
pub struct Batch {
    /// Place in the log, from 1. Never used twice, not even after a delete.
    pub number: u64,
    /// What it is.
    pub kind: Kind,
    /// The writer that made it.
    pub writer: String,
    /// The number of its first line in that writer's own copy.
    pub line: u64,
    /// 64 hex digits, made by the host. Two batches are the same if number and digest are.
    pub digest: String,
    /// Opaque bytes, to come back exactly as they were; up to 128 MiB.
    pub payload: Vec<u8>,
}

impl Batch {
    /// Where it stands in its log.
    pub fn position(&self) -> Position {
        Position {
            number: self.number,
            digest: self.digest.clone(),
        }
    }
}

impl fmt::Debug for Batch {
    /// Without the payload: it is a user's conversation, and may be 128 MiB.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch")
            .field("number", &self.number)
            .field("kind", &self.kind)
            .field("writer", &self.writer)
            .field("line", &self.line)
            .field("digest", &self.digest)
            .field("payload", &format_args!("{} bytes", self.payload.len()))
            .finish()
    }
}

/// The last batch of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// Its number.
    pub number: u64,
    /// Its digest.
    pub digest: String,
}

/// A session's summary.
#[derive(Clone, PartialEq, Eq)]
pub struct Summary {
    /// The last batch of the main transcript that is in it. Of two summaries, the one that reaches further counts.
    pub through: u64,
    /// Opaque JSON.
    pub json: String,
}

impl fmt::Debug for Summary {
    /// Without the JSON: it quotes the conversation.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Summary")
            .field("through", &self.through)
            .field("json", &format_args!("{} bytes", self.json.len()))
            .finish()
    }
}

/// A session, as listings show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Its id.
    pub session_id: String,
    /// Unix milliseconds of the last append to the main transcript, by the backend's clock where it has one.
    pub modified: u64,
    /// The number of the last batch of the main transcript.
    pub last: u64,
    /// Its summary, if one was stored.
    pub summary: Option<Summary>,
}

/// One page of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// The token that gives the page after it; none on the last. Only its own adapter reads it.
    pub next: Option<String>,
}

impl<T> Default for Page<T> {
    /// Nothing, and nothing after it.
    fn default() -> Self {
        Self {
            items: Vec::new(),
            next: None,
        }
    }
}

/// What an adapter can beyond appending and loading.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// `list_projects`, `list_sessions` and `find_session`.
    pub listing: bool,
    /// `delete`.
    pub deletion: bool,
    /// `compact`.
    pub compaction: bool,
}

impl Capabilities {
    /// Nothing more.
    pub const NONE: Self = Self {
        listing: false,
        deletion: false,
        compaction: false,
    };
}
