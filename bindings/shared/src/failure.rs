use std::fmt;

use mirrorbox::config::ConfigError;
use mirrorbox::host::{AppendFailed, HostError, SessionStoreError, SessionsError};
use mirrorbox::key::KeyError;
use mirrorbox::session::{self, SessionError, StreamError};
use mirrorbox::spool::AppendError;

/// The classes of failures, by what is to be done; each is an exception of every language under the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The configuration cannot be used.
    Config,
    /// The state directory cannot be used.
    State,
    /// What was passed is no key, entry or option.
    Invalid,
    /// Nothing was written; the same call may be made again.
    NotWritten,
    /// Accepted, and not where it was to be in time.
    NotDelivered,
    /// No destination answers, and this machine does not hold it whole.
    Away,
    /// What is stored cannot be read.
    Read,
    /// No session, subagent or message that is stored has that name.
    NotFound,
    /// The store is closed.
    Closed,
}

impl Class {
    /// The exception's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Config => "ConfigError",
            Self::State => "StateError",
            Self::Invalid => "InvalidError",
            Self::NotWritten => "NotWrittenError",
            Self::NotDelivered => "NotDeliveredError",
            Self::Away => "AwayError",
            Self::Read => "ReadError",
            Self::NotFound => "NotFoundError",
            Self::Closed => "ClosedError",
        }
    }
}

/// What a call failed with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Which exception it is.
    pub class: Class,
    /// What happened, where, and what to do.
    pub message: String,
}

impl Failure {
    /// Of a class, saying this.
    pub fn new(class: Class, message: impl fmt::Display) -> Self {
        let message = message.to_string();
        Self { class, message }
    }

    /// A store that nobody can use any more.
    pub fn closed() -> Self {
        Self::new(Class::Closed, "the store is closed; make another one")
    }

    /// An append whose entries are accepted and did not come where they were to be.
    pub fn is_late(seconds: f64) -> Self {
        let message = format!(
            "the entries are accepted, and not where they are to be after {seconds} s; do not send them again \
             (`status()` says what holds them up)"
        );
        Self::new(Class::NotDelivered, message)
    }
}

impl From<KeyError> for Failure {
    fn from(failed: KeyError) -> Self {
        Self::new(Class::Invalid, format_args!("not a key of a session: {failed}"))
    }
}

impl From<ConfigError> for Failure {
    fn from(failed: ConfigError) -> Self {
        Self::new(Class::Config, failed)
    }
}

impl From<HostError> for Failure {
    fn from(failed: HostError) -> Self {
        match failed {
            HostError::Closed => Self::closed(),
            failed => Self::new(Class::State, failed),
        }
    }
}

impl From<AppendFailed> for Failure {
    fn from(failed: AppendFailed) -> Self {
        match &failed {
            AppendFailed::Local(AppendError::Closed) => Self::closed(),
            AppendFailed::Local(cause) if cause.can_retry() => Self::new(Class::NotWritten, failed),
            AppendFailed::Local(_) => Self::new(Class::Invalid, failed),
            _ => Self::new(Class::NotDelivered, failed),
        }
    }
}

impl From<SessionStoreError> for Failure {
    fn from(failed: SessionStoreError) -> Self {
        match failed {
            SessionStoreError::Host(failed) => failed.into(),
            SessionStoreError::Append(failed) => failed.into(),
            SessionStoreError::Away { .. } => Self::new(Class::Away, failed),
            failed => Self::new(Class::Read, failed),
        }
    }
}

impl From<SessionsError> for Failure {
    fn from(failed: SessionsError) -> Self {
        match failed {
            SessionsError::Session(failed) => failed.into(),
            SessionsError::Append(failed) => failed.into(),
            SessionsError::Host(failed) => failed.into(),
            failed => Self::new(Class::Read, failed),
        }
    }
}

impl From<SessionError> for Failure {
    fn from(failed: SessionError) -> Self {
        let class = match &failed {
            SessionError::NotFound { .. }
            | SessionError::NothingIn { .. }
            | SessionError::NoSubagent { .. }
            | SessionError::NoMessage { .. }
            | SessionError::NothingToFork { .. } => Class::NotFound,
            SessionError::Empty { .. } | SessionError::Key(_) | SessionError::Ambiguous { .. } => Class::Invalid,
            SessionError::Target { .. } => Class::NotWritten,
            SessionError::NoDestination => Class::Away,
            SessionError::Stream(source) | SessionError::NotRestored { source, .. } => of_stream(source),
            failed if failed.can_retry() => Class::Away,
            _ => Class::Read,
        };
        Self::new(class, failed)
    }
}

impl From<session::Failure> for Failure {
    fn from(failed: session::Failure) -> Self {
        let class = of_stream(&failed.error);
        Self::new(class, format_args!("{}: {}", failed.stream, failed.error))
    }
}

fn of_stream(failed: &StreamError) -> Class {
    match failed {
        StreamError::Exists { .. } | StreamError::Write { .. } => Class::NotWritten,
        StreamError::NoRow { .. } => Class::NotFound,
        StreamError::UnsafeKey { .. } => Class::Invalid,
        failed if failed.can_retry() => Class::Away,
        _ => Class::Read,
    }
}
