use std::fmt;

use crate::config::network::Refusal;

/// Something that became of an adapter in the adapter directory: also a line in the log and a number in
/// `AdapterStatus::events` (feature `wasm`).
#[derive(Clone, Debug)]
pub struct AdapterEvent {
    /// The name in the directory, without `.wasm`.
    pub adapter: String,
    /// What became of it.
    pub what: AdapterChange,
}

/// What became of an adapter.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AdapterChange {
    /// It takes part from now on: for the first time, or again after it was away.
    Loaded {
        /// Hex SHA-256 of the component.
        digest: String,
    },
    /// Another component, manifest or secret took the place of the one before, which finishes its calls.
    Replaced {
        /// Hex SHA-256 of the component before; the same where only the manifest, or a file that it names, changed.
        from: String,
        /// Hex SHA-256 of the component now.
        to: String,
    },
    /// A change is not taken over; the one before goes on.
    Kept {
        /// What is wrong with the change.
        cause: String,
    },
    /// It does not take part: what stands in the directory is no adapter, or cannot be opened.
    Failed {
        /// What is wrong, and what to do.
        cause: String,
        /// Whether it is tried again, often, without anybody changing something.
        can_retry: bool,
    },
    /// Its component is gone from the directory. Its streams wait on disk until one is there again.
    Removed,
    /// It wanted something over the network that its manifest does not grant: reported at the first attempt. Attempts
    /// while it was being opened are reported once it is open.
    Refused {
        /// What it wanted, and what its manifest would have to say.
        refusal: Refusal,
    },
    /// The host started, and what stands in the directory is no adapter: the last one that was opened does its work.
    FellBack {
        /// Hex SHA-256 of the component that was kept.
        digest: String,
        /// What is wrong with the one in the directory.
        cause: String,
    },
}

impl AdapterChange {
    /// Its name in logs and counters.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Loaded { .. } => "loaded",
            Self::Replaced { .. } => "replaced",
            Self::Kept { .. } => "kept",
            Self::Failed { .. } => "failed",
            Self::Removed => "removed",
            Self::Refused { .. } => "refused",
            Self::FellBack { .. } => "fell_back",
        }
    }
}

impl fmt::Display for AdapterChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Loaded { digest } => write!(f, "loaded {digest}"),
            Self::Replaced { from, to } if from == to => write!(f, "opened anew with what its manifest says now"),
            Self::Replaced { from, to } => write!(f, "replaced: {from} by {to}"),
            Self::Kept { cause } => write!(f, "a change is not taken over, the one before goes on: {cause}"),
            Self::Failed { cause, .. } => write!(f, "does not take part: {cause}"),
            Self::Removed => write!(f, "removed: its streams wait until it is put back"),
            Self::Refused { refusal } => write!(f, "refused: {refusal}"),
            Self::FellBack { digest, cause } => write!(f, "{digest}, which was opened last, is used instead: {cause}"),
        }
    }
}
