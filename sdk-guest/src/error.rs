use std::time::Duration;

/// The result of an adapter's operations.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why an adapter did not do what it was asked. The variant decides what the host does next.
///
/// Texts are read by people, in a log or on a terminal: say what, where and what to do. They must hold no secret and
/// nothing of a payload.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The backend could not be reached or did not answer: the host tries again, soon.
    #[error("unavailable: {0}")]
    Unavailable(String),
    /// The backend asks for less: the host waits that long at least. Whole milliseconds, 49 days at most.
    #[error("throttled: wait {0:?}")]
    Throttled(Duration),
    /// Credentials or permissions: the host alarms, and tries again from time to time.
    #[error("denied: {0}")]
    Denied(String),
    /// The settings are unusable, or the backend cannot keep the contract.
    #[error("misconfigured: {0}")]
    Misconfigured(String),
    /// The number is taken by another batch, or lies before the newest tombstone.
    #[error("the number is taken")]
    Conflict,
    /// This payload will never be accepted.
    #[error("rejected: {0}")]
    Rejected(String),
    /// What is stored cannot be read back as it was written.
    #[error("batches {first} to {last} are damaged: {reason}")]
    Corrupt {
        /// The first damaged batch, as far as that is known.
        first: u64,
        /// The last.
        last: u64,
        /// What is wrong with them.
        reason: String,
    },
    /// This adapter has no such operation.
    #[error("not supported")]
    Unsupported,
    /// Anything else: the host tries again and alarms.
    #[error("{0}")]
    Other(String),
}

impl Error {
    /// [`Error::Corrupt`].
    pub fn corrupt(first: u64, last: u64, reason: impl Into<String>) -> Self {
        Self::Corrupt {
            first,
            last,
            reason: reason.into(),
        }
    }
}
