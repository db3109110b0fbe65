//! What an import did: per session, in sums, and with notes about what it met.

use std::fmt;
use std::ops::AddAssign;

use serde::Serialize;

use crate::key::SessionKey;
use crate::session::Failure;

/// What an import did.
#[derive(Debug, Default, Serialize)]
pub struct ImportReport {
    /// Each session that was looked at, sorted by project and id.
    pub sessions: Vec<SessionImport>,
    /// The sum of them.
    pub totals: ImportTotals,
    /// Files in the projects directory that are no transcripts, and empty ones.
    pub passed_over: u64,
    /// What a person should know about files that belong to no session.
    pub notes: Vec<ImportNote>,
}

/// What an import did with one session.
#[derive(Debug, Serialize)]
pub struct SessionImport {
    /// Its project key.
    pub project: String,
    /// Its id.
    pub session: String,
    /// Streams that were looked at: the main transcript and subagents.
    pub streams: u64,
    /// What was new.
    pub added: Counts,
    /// What was stored already.
    pub present: Counts,
    /// Batches that were appended.
    pub batches: u64,
    /// What a person should know.
    pub notes: Vec<ImportNote>,
    /// The streams that failed. What was added to them before stays.
    pub failures: Vec<Failure>,
}

/// Entries, and their bytes with line ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// How many entries.
    pub entries: u64,
    /// How many bytes.
    pub bytes: u64,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.entries += other.entries;
        self.bytes += other.bytes;
    }
}

/// The sums over all sessions of an import.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ImportTotals {
    /// Sessions.
    pub sessions: u64,
    /// Streams.
    pub streams: u64,
    /// What was new.
    pub added: Counts,
    /// What was stored already.
    pub present: Counts,
    /// Batches that were appended.
    pub batches: u64,
    /// Streams that failed.
    pub failures: u64,
    /// Files with a torn last line, which is left for the next import.
    pub torn: u64,
}

/// Something that an import met and dealt with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "note", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ImportNote {
    /// The file ends within a line. That line was left for the next import.
    Torn {
        /// The file.
        file: String,
        /// The bytes behind the last line end.
        bytes: u64,
    },
    /// Lines that are no entries, or metadata in the middle of a subagent's transcript: stored as they are.
    OddLines {
        /// The file.
        file: String,
        /// How many.
        count: u64,
        /// The first few.
        first: Vec<OddLine>,
    },
    /// The file is not what was imported before with more behind it.
    Rewritten {
        /// The file.
        file: String,
        /// The first line that differs, from 1.
        line: u64,
        /// Lines of the file that were not stored, and are now.
        added: u64,
        /// Stored lines that the file no longer has. They stay.
        only_stored: u64,
    },
    /// More is stored than the file has.
    StoredHasMore {
        /// The file.
        file: String,
        /// How many entries more.
        entries: u64,
    },
    /// Streams had been deleted from the store and were imported anew.
    StartedAnew {
        /// The session, for people.
        session: String,
        /// How many of its streams.
        streams: u64,
    },
    /// Something that was not looked into.
    PassedOver {
        /// The file or directory.
        file: String,
        /// Why.
        reason: String,
    },
}

/// A line that is stored as it is, though something about it is odd.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OddLine {
    /// Its number in the file, from 1.
    pub line: u64,
    /// What.
    pub reason: String,
}

impl fmt::Display for ImportNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Torn { file, bytes } => write!(
                f,
                "{file}: the last line is not complete ({bytes} bytes); import again when it is"
            ),
            Self::OddLines { file, count, first } => {
                let lines: Vec<_> = first
                    .iter()
                    .map(|odd| format!("line {}: {}", odd.line, odd.reason))
                    .collect();
                write!(
                    f,
                    "{file}: {count} odd lines were stored as they are ({})",
                    lines.join("; ")
                )
            }
            Self::Rewritten {
                file,
                line,
                added,
                only_stored,
            } => write!(
                f,
                "{file} was rewritten from line {line} on: {added} lines added; {only_stored} that it no longer has stay stored"
            ),
            Self::StoredHasMore { file, entries } => {
                write!(f, "{file}: {entries} entries more are stored than the file has")
            }
            Self::StartedAnew { session, streams } => {
                write!(
                    f,
                    "{session} had been deleted and was imported anew; transcripts: {streams}"
                )
            }
            Self::PassedOver { file, reason } => write!(f, "{file} was passed over: {reason}"),
        }
    }
}

/// What was done for one stream.
#[derive(Debug, Default)]
pub(super) struct StreamImported {
    pub(super) added: Counts,
    pub(super) present: Counts,
    pub(super) batches: u64,
    pub(super) notes: Vec<ImportNote>,
    /// It had been deleted.
    pub(super) is_anew: bool,
}

impl SessionImport {
    pub(super) fn new(key: &SessionKey) -> Self {
        Self {
            project: key.project_key().to_owned(),
            session: key.session_id().to_owned(),
            streams: 0,
            added: Counts::default(),
            present: Counts::default(),
            batches: 0,
            notes: Vec::new(),
            failures: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, delivered: StreamImported) {
        self.streams += 1;
        self.added += delivered.added;
        self.present += delivered.present;
        self.batches += delivered.batches;
        self.notes.extend(delivered.notes);
        if delivered.is_anew {
            self.started_anew();
        }
    }

    /// One note for all streams.
    fn started_anew(&mut self) {
        for note in &mut self.notes {
            if let ImportNote::StartedAnew { streams, .. } = note {
                *streams += 1;
                return;
            }
        }
        self.notes.push(ImportNote::StartedAnew {
            session: format!("{}/{}", self.project, self.session),
            streams: 1,
        });
    }
}

impl ImportReport {
    pub(super) fn new(sessions: Vec<SessionImport>, passed_over: u64, notes: Vec<ImportNote>) -> Self {
        let mut totals = ImportTotals {
            sessions: sessions.len() as u64,
            ..ImportTotals::default()
        };
        for session in &sessions {
            totals.streams += session.streams;
            totals.added += session.added;
            totals.present += session.present;
            totals.batches += session.batches;
            totals.failures += session.failures.len() as u64;
            totals.torn += session
                .notes
                .iter()
                .filter(|note| matches!(note, ImportNote::Torn { .. }))
                .count() as u64;
        }
        Self {
            sessions,
            totals,
            passed_over,
            notes,
        }
    }
}
