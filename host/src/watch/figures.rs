use serde::{Deserialize, Serialize};

use super::event::Wait;
use crate::key::SessionKey;

/// The most transcripts that wait that are named.
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
