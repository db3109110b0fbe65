use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::event::Wait;
use crate::key::SessionKey;

/// The most transcripts, paths and lines that are named of each kind.
pub(super) const NAMED: usize = 100;

/// How the following goes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figures {
    /// Every transcript that was there at the start was looked at.
    pub ready: bool,
    /// How often the directory was looked at, in whole or in part.
    pub looks: u64,
    /// Transcripts that are followed.
    pub transcripts: u64,
    /// Entries that were brought to local disk.
    pub entries: u64,
    /// How many transcripts have lines that are not taken yet, and why not.
    pub waits: u64,
    /// The first of them.
    pub waiting: Vec<Waiting>,
    /// Folders and files that cannot be looked at: nothing of them is taken until they can be.
    #[serde(default)]
    pub unreadable: u64,
    /// The first of them.
    #[serde(default)]
    pub unreadable_paths: Vec<Unreadable>,
    /// Symbolic links that have a transcript's name, or lead to a folder within a project. They are not followed.
    #[serde(default)]
    pub links: u64,
    /// The first of them.
    #[serde(default)]
    pub link_paths: Vec<PathBuf>,
    /// Lines that are no entries, and were taken as they are, since the process began.
    #[serde(default)]
    pub odd: u64,
    /// The first transcripts that have some, and how many each.
    #[serde(default)]
    pub odd_lines: Vec<OddLines>,
    /// Lines that are too long to be taken, since the process began. Those behind them are taken.
    #[serde(default)]
    pub not_taken: u64,
    /// The first of them.
    #[serde(default)]
    pub not_taken_lines: Vec<NotTaken>,
}

/// Lines of a transcript that are no entries, and were taken as they are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OddLines {
    /// Which transcript.
    pub stream: SessionKey,
    /// How many.
    pub lines: u64,
}

/// A folder or a file that cannot be looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unreadable {
    /// Where.
    pub path: PathBuf,
    /// Why.
    pub cause: String,
}

/// A line that is longer than a transcript's line can be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotTaken {
    /// In which file.
    pub path: PathBuf,
    /// At which byte it begins.
    pub at: u64,
    /// How long it is, with its line feed.
    pub bytes: u64,
}

/// A transcript that is not taken for now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// Which.
    pub stream: SessionKey,
    /// Why.
    #[serde(flatten)]
    pub cause: Wait,
}
