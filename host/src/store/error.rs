use std::time::Duration;

/// Why a store did not do what it was asked.
///
/// [`StoreError::can_retry`] says whether the same call may succeed later.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The backend could not be reached or did not answer.
    #[error("the backend is unavailable: {0}")]
    Unavailable(String),
    /// The call took longer than its limit. It may still land.
    #[error("no answer within {0:?}; the call may still land (raise `timeout` in the manifest if the backend is slow)")]
    Timeout(Duration),
    /// The adapter crashed. Its instance is gone; the next call gets a fresh one.
    #[error("the adapter crashed: {0}")]
    Trapped(String),
    /// The backend asks for less. From a delete, no time at all says that its tombstone stands and that the same call
    /// removes more.
    #[error("the backend asks to wait {0:?}")]
    Throttled(Duration),
    /// Credentials or permissions.
    #[error("the backend denied access: {0}")]
    Denied(String),
    /// The settings are unusable, or the backend cannot keep the contract.
    #[error("the destination is misconfigured: {0}")]
    Misconfigured(String),
    /// The number is taken by another batch, or lies before the newest tombstone.
    #[error("the number is taken by another batch")]
    Conflict,
    /// This payload will never be accepted.
    #[error("the payload was rejected: {0}")]
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
    /// The store has no such operation.
    #[error("this store cannot do that")]
    Unsupported,
    /// The adapter answered with something that the contract does not allow.
    #[error("the adapter broke the contract: {0}")]
    Contract(String),
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

/// No backend is waited for longer than this before the next try, whatever it asks for: a minute.
pub const LONGEST_ASKED: Duration = Duration::from_secs(60);

impl StoreError {
    /// How long to wait at least before the next try: as long as the backend asks for, up to [`LONGEST_ASKED`].
    pub fn asked_pause(&self) -> Duration {
        match self {
            Self::Throttled(asked) => (*asked).min(LONGEST_ASKED),
            _ => Duration::ZERO,
        }
    }

    /// Whether the same call may succeed later without anybody doing something about it.
    pub fn can_retry(&self) -> bool {
        match self {
            Self::Unavailable(_) | Self::Timeout(_) | Self::Trapped(_) | Self::Throttled(_) | Self::Other(_) => true,
            Self::Denied(_)
            | Self::Misconfigured(_)
            | Self::Conflict
            | Self::Rejected(_)
            | Self::Corrupt { .. }
            | Self::Unsupported
            | Self::Contract(_) => false,
        }
    }
}
