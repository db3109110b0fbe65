//! The agent's configuration directory: its account, its settings, and what the user has put beside them.

mod account;
mod world;

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::environment::{has_key, named_config_dir};
use super::layout::OWN_CONFIG_DIR;

/// Where the agent on this machine keeps its account and settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentHome {
    /// What `CLAUDE_CONFIG_DIR` says; none: `.claude` in the home directory.
    pub config_dir: Option<PathBuf>,
    /// The home directory.
    pub home: PathBuf,
    /// The environment holds an API key or a token: the account's need not be looked for elsewhere.
    pub has_key: bool,
}

impl AgentHome {
    /// As the environment says; `None` if the home directory is not known.
    pub fn from_env() -> Option<Self> {
        Some(Self {
            config_dir: named_config_dir(),
            home: env::home_dir()?,
            has_key: has_key(),
        })
    }

    /// Makes a second configuration directory of it, as far as there may be one: what is there is copied. Returns what
    /// is not there or of no use, and why.
    pub(crate) fn copy_to(&self, into: &Path) -> Vec<String> {
        let mut warnings = account::take_over(self, into);
        warnings.extend(world::take_over(self, into));
        warnings
    }

    /// The agent's configuration directory.
    fn config(&self) -> PathBuf {
        self.config_dir
            .clone()
            .unwrap_or_else(|| self.home.join(OWN_CONFIG_DIR))
    }

    /// Where the agent's main file lies: beside `.claude`, unless the directory was named.
    fn main_file(&self) -> PathBuf {
        self.config_dir.as_ref().unwrap_or(&self.home).join(".claude.json")
    }

    /// The account as macOS keeps it, where it does.
    fn keychain(&self) -> Option<Vec<u8>> {
        if !cfg!(target_os = "macos") || self.config_dir.is_some() || self.has_key {
            return None;
        }
        let user = env::var("USER").ok()?;
        let mut security = Command::new("security");
        security.args([
            "find-generic-password",
            "-a",
            &user,
            "-w",
            "-s",
            "Claude Code-credentials",
        ]);
        let output = security.output().ok()?;
        output.status.success().then_some(output.stdout)
    }
}
