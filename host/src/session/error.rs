//! Why a command failed, or one stream of it, with what a person can do about it.

use std::io;
use std::path::PathBuf;

use serde::{Serialize, Serializer};

use crate::key::{KeyError, SessionKey};
use crate::spool::ReadError;
use crate::store::{LoadError, StoreError};
use crate::transcript::{EntryError, LineError};

/// Why a whole command did not work.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// No destination is open.
    #[error("no destination is open")]
    NoDestination,
    /// The store refused or failed.
    #[error("cannot {doing}: {source}")]
    Store {
        /// What was being done.
        doing: String,
        /// What the store said.
        source: StoreError,
    },
    /// The store lacks an operation.
    #[error("the store `{store}` cannot {doing}; use another destination")]
    Unsupported {
        /// The store's name.
        store: String,
        /// What it would have to do.
        doing: &'static str,
    },
    /// No stored session has this id.
    #[error("no stored session has the id `{id}` or one that begins so (list them with `sessions`)")]
    NotFound {
        /// What was asked for.
        id: String,
    },
    /// A project has no session that an agent can go on with.
    #[error("project `{project}` has no stored session to go on with (list them with `sessions`)")]
    NothingIn {
        /// The project key.
        project: String,
    },
    /// Several stored sessions fit.
    #[error("`{id}` fits {} sessions; give more of the id, or the project: {}", candidates.len(), some(candidates))]
    Ambiguous {
        /// What was asked for.
        id: String,
        /// What fits.
        candidates: Vec<SessionKey>,
    },
    /// No subagent of the session has this id.
    #[error("{session} has no subagent `{id}`")]
    NoSubagent {
        /// The session.
        session: SessionKey,
        /// What was asked for.
        id: String,
    },
    /// A title or a tag says nothing.
    #[error("a {of} must say something: it is empty, or nothing of it can be shown")]
    Empty {
        /// A title or a tag.
        of: &'static str,
    },
    /// A session that was to be forked holds no messages.
    #[error("{session} has no messages to fork")]
    NothingToFork {
        /// The session.
        session: SessionKey,
    },
    /// A message that was asked for is not there.
    #[error("{session} has no message `{uuid}` (`show --json` prints each with its uuid)")]
    NoMessage {
        /// The session.
        session: SessionKey,
        /// What was asked for.
        uuid: String,
    },
    /// A session that was asked for is not among the local files.
    #[error("no session `{id}` in {}", projects_dir.display())]
    NotLocal {
        /// What was asked for.
        id: String,
        /// Where it was looked for.
        projects_dir: PathBuf,
    },
    /// Local files cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Local {
        /// What cannot be read.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// What is asked for cannot be a key.
    #[error("not a session: {0}")]
    Key(#[from] KeyError),
    /// The place to restore into cannot be used.
    #[error("cannot restore into {}: {}", path.display(), write_failure(source))]
    Target {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Reading a stored stream failed.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// One stream could not be worked on.
    #[error(transparent)]
    Stream(Box<StreamError>),
    /// The session could not be written out.
    #[error("cannot bring back {stream}: {source}")]
    NotRestored {
        /// Which stream failed.
        stream: String,
        /// Why.
        source: Box<StreamError>,
    },
}

impl SessionError {
    pub(super) fn store(doing: impl Into<String>) -> impl FnOnce(StoreError) -> Self {
        let doing = doing.into();
        |source| Self::Store { doing, source }
    }

    /// Whether the same command may work later without anybody doing something about it.
    pub fn can_retry(&self) -> bool {
        match self {
            Self::Store { source, .. } => source.can_retry(),
            Self::Load(error) => error.can_retry(),
            Self::Stream(error) => error.can_retry(),
            Self::NotRestored { source, .. } => source.can_retry(),
            _ => false,
        }
    }
}

/// Why one stream of a command failed; the others went on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StreamError {
    /// What is stored cannot be read.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The store refused or failed.
    #[error("cannot {doing}: {source}")]
    Store {
        /// What was being done.
        doing: &'static str,
        /// What the store said.
        source: StoreError,
    },
    /// The session's streams cannot be listed.
    #[error(transparent)]
    Listing(Box<SessionError>),
    /// Other writers took each number before us.
    #[error("gave up after {tries} tries: others write to this stream all the time; try again when they are done")]
    Contended {
        /// How often it was tried.
        tries: u32,
    },
    /// It was deleted at the source, and the target has gone on differently.
    #[error(
        "deleted at the source (tombstone {number}), but the target goes on differently, to batch {end}: nothing was \
         changed there; delete it there, too, if that is what you want"
    )]
    DeletedAtSource {
        /// The tombstone's number.
        number: u64,
        /// The number of the target's last batch.
        end: u64,
    },
    /// What was copied does not read back as what it was copied from.
    #[error(
        "the target does not give back what the source holds: {missing} entries are missing, and line {line:?} of a \
         writer may differ; look at both with `verify`"
    )]
    NotCopied {
        /// Entries that are not there.
        missing: u64,
        /// The first line that differs, if one does.
        line: Option<u64>,
    },
    /// The spool cannot be read.
    #[error(transparent)]
    Spool(#[from] ReadError),
    /// A local file cannot be opened or read.
    #[error("cannot read {file}: {source}")]
    Read {
        /// The file.
        file: String,
        /// Why.
        source: io::Error,
    },
    /// A line of a local file cannot be read.
    #[error("{file}: {source}")]
    Line {
        /// The file.
        file: String,
        /// Which line, and why.
        source: LineError,
    },
    /// A sidecar is not what a sidecar must be.
    #[error("{file} is not a sidecar: {source}")]
    Sidecar {
        /// The file.
        file: String,
        /// Why.
        source: EntryError,
    },
    /// A file is there already that a restore would have to replace.
    #[error("{} is there already, and a restore replaces nothing: move it away, or restore into another directory", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// A restore was to end with a row that is not there.
    #[error("{key} has no row `{uuid}` (`show --json` prints each with its uuid)")]
    NoRow {
        /// The main transcript.
        key: SessionKey,
        /// What was asked for.
        uuid: String,
    },
    /// The key must not become a file name.
    #[error("will not make a file of {key}: {reason}")]
    UnsafeKey {
        /// The key.
        key: SessionKey,
        /// Why.
        reason: String,
    },
    /// A file cannot be written.
    #[error("cannot write {}: {}", path.display(), write_failure(source))]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl StreamError {
    pub(super) fn store(doing: &'static str) -> impl FnOnce(StoreError) -> Self {
        move |source| Self::Store { doing, source }
    }

    /// The damaged batches, first and last, where something stored is damaged.
    pub fn damaged(&self) -> Option<(u64, u64)> {
        match self {
            Self::Load(error) => error.damaged(),
            _ => None,
        }
    }

    /// Whether the same command may work later without anybody doing something about it.
    pub fn can_retry(&self) -> bool {
        match self {
            Self::Load(error) => error.can_retry(),
            Self::Store { source, .. } => source.can_retry(),
            Self::Listing(error) => error.can_retry(),
            Self::Contended { .. } => true,
            Self::Spool(error) => error.can_retry(),
            Self::DeletedAtSource { .. } | Self::NotCopied { .. } => false,
            Self::Line { source, .. } => source.can_retry(),
            Self::Read { .. }
            | Self::Sidecar { .. }
            | Self::UnsafeKey { .. }
            | Self::Write { .. }
            | Self::Exists { .. }
            | Self::NoRow { .. } => false,
        }
    }
}

/// A stream that failed, and why.
#[derive(Debug, Serialize)]
pub struct Failure {
    /// Which stream, for people.
    pub stream: String,
    /// Why.
    #[serde(serialize_with = "as_text")]
    pub error: StreamError,
    /// The damaged batches, first and last, where something stored is damaged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub damaged: Option<(u64, u64)>,
    /// Whether trying again may help.
    pub can_retry: bool,
}

impl Failure {
    pub(super) fn new(stream: impl ToString, error: impl Into<StreamError>) -> Self {
        let error = error.into();
        Self {
            stream: stream.to_string(),
            damaged: error.damaged(),
            can_retry: error.can_retry(),
            error,
        }
    }
}

fn as_text<S: Serializer>(error: &StreamError, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(error)
}

/// What a person can do about the two failures that hit everybody.
fn write_failure(error: &io::Error) -> String {
    let advice = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "; make room or restore elsewhere",
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
            "; choose a place that can be written to"
        }
        _ => "",
    };
    format!("{error}{advice}")
}

fn some(candidates: &[SessionKey]) -> String {
    const SHOWN: usize = 5;
    let mut names: Vec<_> = candidates.iter().take(SHOWN).map(SessionKey::to_string).collect();
    if candidates.len() > SHOWN {
        names.push("…".into());
    }
    names.join(", ")
}
