//! Options that several commands have.

use std::path::PathBuf;

use clap::{ArgAction, Args};

/// Options of every command.
#[derive(Clone, Debug, Args)]
pub(crate) struct Global {
    /// The configuration directory [default: the platform's]
    #[arg(long, value_name = "DIR", env = "MIRRORBOX_CONFIG", global = true)]
    pub(crate) config: Option<PathBuf>,
    /// Where Mirrorbox keeps its own files [default: the platform's directory for state]
    #[arg(long, value_name = "DIR", global = true)]
    pub(crate) state: Option<PathBuf>,
    /// Print results as JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Open adapters that may do more than adapters.lock says, and write that down there
    #[arg(long, global = true)]
    pub(crate) auto_approve: bool,
    /// Say more on stderr; twice: still more
    #[arg(long, short, action = ArgAction::Count, global = true)]
    pub(crate) verbose: u8,
}

/// Which destination answers.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Source {
    /// Use this destination only [default: the first that answers]
    #[arg(long, value_name = "NAME")]
    pub(crate) from: Option<String>,
}

/// Which stored session is meant.
#[derive(Clone, Debug, Args)]
pub(crate) struct Which {
    /// The session's id, or the beginning of it
    #[arg(value_name = "ID")]
    pub(crate) id: String,
    /// Its project key
    #[arg(long, value_name = "KEY", allow_hyphen_values = true)]
    pub(crate) project: Option<String>,
}
