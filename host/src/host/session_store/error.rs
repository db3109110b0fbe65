use std::fmt::Write as _;
use std::io;

use super::super::{AppendFailed, HostError};
use crate::session::SessionError;
use crate::spool::{ReadError, SpoolError};
use crate::store::LoadError;

/// Why sessions could not be read, or not deleted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SessionStoreError {
    /// No destination answers, and this machine does not hold everything itself.
    #[error("cannot read {what}: {missing}, and {}; try again when one can be reached", away(.destinations))]
    Away {
        /// What was to be read.
        what: String,
        /// What is not here.
        missing: String,
        /// The destinations, and why each does not answer.
        destinations: Vec<(String, String)>,
    },
    /// What a destination holds cannot be read.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The spools cannot be looked at.
    #[error(transparent)]
    Spool(#[from] SpoolError),
    /// Lines in a spool cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The host's own records of what was deleted cannot be read.
    #[error("cannot read what was deleted, in the state directory: {0}; look at its disk")]
    Records(#[from] io::Error),
    /// Entries were not accepted.
    #[error(transparent)]
    Append(#[from] AppendFailed),
    /// The host does nothing any more, or cannot delete.
    #[error(transparent)]
    Host(#[from] HostError),
}

impl SessionStoreError {
    /// Whether the same call may work later without anybody doing something about it.
    pub fn can_retry(&self) -> bool {
        match self {
            Self::Away { .. } => true,
            Self::Session(error) => error.can_retry(),
            Self::Read(error) => error.can_retry(),
            Self::Append(error) => error.can_retry(),
            Self::Spool(_) | Self::Records(_) | Self::Host(_) => false,
        }
    }
}

impl From<LoadError> for SessionStoreError {
    fn from(error: LoadError) -> Self {
        Self::Session(error.into())
    }
}

fn away(destinations: &[(String, String)]) -> String {
    let mut text = "no destination answers (".to_owned();
    for (number, (name, why)) in destinations.iter().enumerate() {
        let between = if number == 0 { "" } else { "; " };
        // Writing into a text does not fail.
        let _ = write!(text, "{between}`{name}`: {why}");
    }
    text + ")"
}
