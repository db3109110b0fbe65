//! Why an adapter cannot be used, and whether a later attempt can succeed.

use std::io;
use std::path::PathBuf;

use super::{ContractError, Language};
use crate::config::SourceLocation;
use crate::config::grounds::Overlap;
use crate::config::lock::LockError;
use crate::store::StoreError;

/// Why a component cannot serve as an adapter.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AdapterError {
    /// The component's file could not be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is no WebAssembly component.
    #[error("{path} is not a WebAssembly component: {reason}")]
    NotAComponent {
        /// Which file.
        path: PathBuf,
        /// What it is instead, and what to do.
        reason: String,
    },
    /// Compiling the component would take, or took, more than it may.
    #[error("{path} is not compiled: {reason}")]
    TooCostly {
        /// Which file.
        path: PathBuf,
        /// What it takes too much of, and what to do.
        reason: String,
    },
    /// The component was not compiled, through no fault of its own as far as that can be told.
    #[error("{path} could not be compiled: {reason}")]
    Compiler {
        /// Which file.
        path: PathBuf,
        /// What went wrong.
        reason: String,
    },
    /// The component is not the one that the manifest pins.
    #[error(
        "{path} is not the component that its manifest pins: expected sha256 {expected}, found {found}; put the pinned \
         file back, or change `sha256` if the new one is meant"
    )]
    Digest {
        /// Which file.
        path: PathBuf,
        /// The digest in the manifest.
        expected: String,
        /// The digest of the file.
        found: String,
    },
    /// The component does not keep the contract.
    #[error("{path} cannot be an adapter: {source} ({})", .source.advice(*.language))]
    Contract {
        /// Which file.
        path: PathBuf,
        /// Where it differs.
        source: ContractError,
        /// What it was written in, for what to do about it.
        language: Language,
    },
    /// It may do more than was approved, or what was approved cannot be read.
    #[error(transparent)]
    Approval(#[from] LockError),
    /// A setting could not be looked up.
    #[error("{}{message}", at(.place))]
    Setting {
        /// The line of the manifest.
        place: Option<SourceLocation>,
        /// What is missing.
        message: String,
    },
    /// What it is granted overlaps with what is granted to another, or with the host's own directories.
    #[error(transparent)]
    Overlap(Box<Overlap>),
    /// A granted directory could not be opened.
    #[error("cannot open the granted directory {path}: {reason}; make it, or change grants.dirs in the manifest")]
    Directory {
        /// Which directory.
        path: PathBuf,
        /// Why.
        reason: String,
        /// Whether that may pass by itself: a file system that is mounted late, or too many open files.
        passes: bool,
    },
    /// A granted file of certificates could not be used.
    #[error("cannot use the certificates in {path}: {reason}; it must be PEM, as grants.network names it with `ca`")]
    Certificates {
        /// Which file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// There is no room in the process for what the adapter may come to need.
    #[error("there is no room for it in this process: {reason}{}", room(.left))]
    NoRoom {
        /// What it may need.
        reason: String,
        /// How much other adapters leave of it; `None` if that does not matter, for it is more than one may have.
        left: Option<u64>,
    },
    /// The component could not be started.
    #[error("the component cannot be started: {0}")]
    Start(String),
    /// The adapter's own `open` failed.
    #[error("{}{source}", at(.place))]
    Open {
        /// The line of the manifest that the adapter complains about, as far as that can be told.
        place: Option<SourceLocation>,
        /// What the adapter said.
        source: StoreError,
    },
    /// The directory for compiled code cannot be used.
    #[error("cannot keep compiled code in {path}: {source}")]
    Cache {
        /// Which directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The engine could not be made.
    #[error("the WebAssembly engine cannot be started: {0}")]
    Engine(String),
}

impl AdapterError {
    /// Whether loading it again may succeed without anybody changing something.
    pub fn can_retry(&self) -> bool {
        match self {
            Self::Open { source, .. } => source.can_retry(),
            Self::Directory { passes, .. } => *passes,
            Self::Compiler { .. } => true,
            Self::NoRoom { left, .. } => left.is_some(),
            _ => false,
        }
    }
}

impl AdapterError {
    /// The error of a call for which no later instance could be started.
    pub(super) fn into_store_error(self) -> StoreError {
        match self {
            Self::Open { source, .. } => source,
            Self::Directory { passes: true, .. } => StoreError::Unavailable(self.to_string()),
            Self::NoRoom { .. } => StoreError::Unavailable(self.to_string()),
            Self::Directory { .. } | Self::Setting { .. } => StoreError::Misconfigured(self.to_string()),
            other => StoreError::Other(other.to_string()),
        }
    }
}

fn room(left: &Option<u64>) -> String {
    match left {
        Some(left) => format!("; {left} are left by other adapters: lower `instances` in its manifest or theirs"),
        None => "; lower `instances` in its manifest, or build it of fewer modules".to_owned(),
    }
}

fn at(place: &Option<SourceLocation>) -> String {
    place.as_ref().map_or_else(String::new, |place| format!("{place}: "))
}
