use std::io;
use std::path::PathBuf;

use crate::session::SessionError;
use crate::spool::{ReadError, SpoolError};

/// Why an agent could not be run, or what an earlier one left not be looked at.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AgentError {
    /// There is nothing to run.
    #[error("there is no command to run")]
    NoCommand,
    /// The command cannot be started.
    #[error("cannot start `{program}`: {source}")]
    Start {
        /// The program.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// The command says itself which session it is to be.
    #[error("which session it is to be is said twice: leave `{option}` out of the command")]
    ChosenTwice {
        /// The command's option.
        option: String,
    },
    /// The current directory is not known.
    #[error("the current directory is not known: {0}")]
    CurrentDir(io::Error),
    /// The home directory is not known.
    #[error("the home directory is not known; say with CLAUDE_CONFIG_DIR where the agent keeps its files")]
    NoHome,
    /// Another run takes the transcripts of this directory, from their files or from frames.
    #[error(
        "another run takes the transcripts of this directory, and their rows would be stored twice; run the agent with \
         `--output-format stream-json`, or in another directory"
    )]
    Followed,
    /// What a run keeps on disk cannot be written or read.
    #[error("cannot use {}: {source}", path.display())]
    Trail {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A task cannot be bound to a session.
    #[error("cannot bind the task `{task}` to a session: {cause}")]
    Bind {
        /// The task.
        task: String,
        /// Why.
        cause: String,
    },
    /// The session cannot be brought back.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The spools cannot be looked at.
    #[error(transparent)]
    Spool(#[from] SpoolError),
    /// A spool cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The agent's ends cannot be used.
    #[error("cannot talk to the agent: {0}")]
    Talk(io::Error),
}

impl AgentError {
    /// Whether the same call may work later without anybody doing something about it.
    pub fn can_retry(&self) -> bool {
        match self {
            Self::Session(error) => error.can_retry(),
            Self::Followed => true,
            _ => false,
        }
    }
}
