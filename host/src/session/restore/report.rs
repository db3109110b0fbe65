//! What a restore did: per session, in sums, and with notes about what it met.

use std::fmt;

use serde::Serialize;

use super::stage::Staged;
use crate::key::SessionKey;
use crate::session::Failure;

/// What a restore did.
#[derive(Debug, Default, Serialize)]
pub struct RestoreReport {
    /// Each session, sorted by project and id.
    pub sessions: Vec<SessionRestore>,
    /// The sum of them.
    pub totals: RestoreTotals,
}

/// The sums over all sessions of a restore.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RestoreTotals {
    /// Sessions that are there now.
    pub sessions: u64,
    /// Files that were written.
    pub files: u64,
    /// Entries in them.
    pub entries: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Sessions that failed.
    pub failures: u64,
    /// Streams that were left out.
    pub skipped: u64,
}

/// What a restore did with one session.
#[derive(Debug, Serialize)]
pub struct SessionRestore {
    /// Its project key.
    pub project: String,
    /// Its id.
    pub session: String,
    /// Files that were written.
    pub files: u64,
    /// Entries in them.
    pub entries: u64,
    /// Their bytes.
    pub bytes: u64,
    /// What a person should know.
    pub notes: Vec<RestoreNote>,
    /// Why nothing of it is there.
    pub failure: Option<Failure>,
}

/// Something that a restore met and dealt with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "note", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum RestoreNote {
    /// A stream was left out: its key must not become a file name.
    Skipped {
        /// The stream, for people.
        stream: String,
        /// Why.
        reason: String,
    },
}

impl fmt::Display for RestoreNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Skipped { stream, reason } => write!(f, "{stream} was left out: {reason}"),
        }
    }
}

/// One stream's files, which have temporary names yet.
#[derive(Debug, Default)]
pub(super) struct Restored {
    pub(super) files: Vec<Staged>,
    pub(super) entries: u64,
    pub(super) bytes: u64,
}

impl SessionRestore {
    pub(super) fn new(key: &SessionKey) -> Self {
        Self {
            project: key.project_key().to_owned(),
            session: key.session_id().to_owned(),
            files: 0,
            entries: 0,
            bytes: 0,
            notes: Vec::new(),
            failure: None,
        }
    }

    pub(super) fn add(&mut self, restored: &Restored) {
        self.files += restored.files.len() as u64;
        self.entries += restored.entries;
        self.bytes += restored.bytes;
    }

    pub(super) fn skipped(&mut self, key: &SessionKey, reason: String) {
        self.notes.push(RestoreNote::Skipped {
            stream: key.to_string(),
            reason,
        });
    }

    pub(super) fn failed(&mut self, failure: Failure) {
        (self.files, self.entries, self.bytes) = (0, 0, 0);
        self.failure = Some(failure);
    }
}

impl RestoreReport {
    pub(super) fn new(sessions: Vec<SessionRestore>) -> Self {
        let mut totals = RestoreTotals::default();
        for session in &sessions {
            match session.failure {
                None => totals.sessions += 1,
                Some(_) => totals.failures += 1,
            }
            totals.files += session.files;
            totals.entries += session.entries;
            totals.bytes += session.bytes;
            totals.skipped += session.notes.len() as u64;
        }
        Self { sessions, totals }
    }
}
