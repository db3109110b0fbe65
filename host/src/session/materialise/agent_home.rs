use std::env;
use std::path::PathBuf;
use std::process::Command;

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
    /// As the environment says; none where there is no home directory.
    pub fn from_env() -> Option<Self> {
        let is_set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
        Some(Self {
            config_dir: env::var_os("CLAUDE_CONFIG_DIR")
                .filter(|dir| !dir.is_empty())
                .map(PathBuf::from),
            home: env::home_dir()?,
            has_key: is_set("ANTHROPIC_API_KEY") || is_set("CLAUDE_CODE_OAUTH_TOKEN"),
        })
    }

    /// The agent's configuration directory.
    pub(super) fn config(&self) -> PathBuf {
        self.config_dir.clone().unwrap_or_else(|| self.home.join(".claude"))
    }

    /// Where the agent's main file lies: beside `.claude`, unless the directory was named.
    pub(super) fn main_file(&self) -> PathBuf {
        self.config_dir.as_ref().unwrap_or(&self.home).join(".claude.json")
    }

    /// The account as macOS keeps it, where it does.
    pub(super) fn keychain(&self) -> Option<Vec<u8>> {
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
