//! How a command ends: its exit code, and what it says where it failed.

use std::fmt;

use mirrorbox::adapter::AdapterError;
use mirrorbox::agent::AgentError;
use mirrorbox::config::ConfigError;
use mirrorbox::config::lock::LockError;
use mirrorbox::host::{HostError, SessionsError};
use mirrorbox::session::SessionError;
use mirrorbox::spool::SpoolError;
use mirrorbox::watch::WatchError;

/// How a command ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    Done,
    /// It failed, or what is stored is damaged.
    Failed,
    /// Wrong usage or configuration. Clap uses the same code.
    Usage,
    /// Done, but something is not kept or not delivered.
    Undelivered,
    /// By the user.
    Interrupted,
    /// As the agent that was run did.
    Agent(u8),
}

impl Exit {
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Undelivered => 3,
            Self::Interrupted => 130,
            Self::Agent(code) => code,
        }
    }
}

/// Why a command did not work: what, then where or what to do.
#[derive(Debug)]
pub(crate) struct CliError {
    what: String,
    advice: Option<String>,
    exit: Exit,
}

impl CliError {
    pub(crate) fn failed(what: impl Into<String>) -> Self {
        Self::new(Exit::Failed, what)
    }

    pub(crate) fn usage(what: impl Into<String>) -> Self {
        Self::new(Exit::Usage, what)
    }

    fn new(exit: Exit, what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            advice: None,
            exit,
        }
    }

    pub(crate) fn advise(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }

    pub(crate) fn exit(&self) -> Exit {
        self.exit
    }
}

impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.what)?;
        match &self.advice {
            Some(advice) => write!(f, "\n  {advice}"),
            None => Ok(()),
        }
    }
}

impl From<ConfigError> for CliError {
    fn from(error: ConfigError) -> Self {
        match error {
            ConfigError::Write { .. } => Self::failed(error.to_string()),
            _ => Self::usage(error.to_string()),
        }
    }
}

impl From<LockError> for CliError {
    fn from(error: LockError) -> Self {
        Self::usage(error.to_string())
    }
}

impl From<AdapterError> for CliError {
    fn from(error: AdapterError) -> Self {
        Self::from(&error)
    }
}

impl From<&AdapterError> for CliError {
    fn from(error: &AdapterError) -> Self {
        // A backend that is away is no matter of configuration.
        let exit = if error.can_retry() { Exit::Failed } else { Exit::Usage };
        Self::new(exit, error.to_string())
    }
}

impl From<SpoolError> for CliError {
    fn from(error: SpoolError) -> Self {
        Self::failed(error.to_string())
    }
}

impl From<HostError> for CliError {
    fn from(error: HostError) -> Self {
        match error {
            HostError::Engine(error) => error.into(),
            HostError::Name(_) => Self::usage(error.to_string()),
            _ => Self::failed(error.to_string()),
        }
    }
}

impl From<AgentError> for CliError {
    fn from(error: AgentError) -> Self {
        match error {
            AgentError::Session(error) => error.into(),
            AgentError::Spool(error) => error.into(),
            AgentError::NoCommand | AgentError::ChosenTwice { .. } | AgentError::NoHome | AgentError::Followed => {
                Self::usage(error.to_string())
            }
            _ => Self::failed(error.to_string()),
        }
    }
}

impl From<WatchError> for CliError {
    fn from(error: WatchError) -> Self {
        match error {
            WatchError::Held { .. } => Self::usage(error.to_string())
                .advise("one is enough for all projects; name another state directory with --state for another one"),
            _ => Self::failed(error.to_string()),
        }
    }
}

impl From<SessionError> for CliError {
    fn from(error: SessionError) -> Self {
        let exit = match error {
            SessionError::Ambiguous { .. } | SessionError::Empty { .. } | SessionError::Key(_) => Exit::Usage,
            _ => Exit::Failed,
        };
        let again = error.can_retry().then_some("the backend may be back soon: try again");
        Self {
            what: error.to_string(),
            advice: again.map(str::to_owned),
            exit,
        }
    }
}

impl From<SessionsError> for CliError {
    fn from(error: SessionsError) -> Self {
        match error {
            SessionsError::Session(error) => error.into(),
            SessionsError::Host(error) => error.into(),
            _ => Self::failed(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_what_and_then_what_to_do() {
        let error = CliError::usage("no such thing").advise("make one");
        assert_eq!(error.to_string(), "no such thing\n  make one");
        assert_eq!(error.exit().code(), 2);
    }

    #[test]
    fn a_backend_that_is_away_is_not_the_users_mistake() {
        use mirrorbox::store::StoreError;
        let open = |source| AdapterError::Open { place: None, source };
        assert_eq!(
            CliError::from(open(StoreError::Unavailable("away".into()))).exit(),
            Exit::Failed
        );
        assert_eq!(
            CliError::from(open(StoreError::Misconfigured("bucket".into()))).exit(),
            Exit::Usage
        );
    }
}
