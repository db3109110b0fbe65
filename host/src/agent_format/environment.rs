//! The agent's variables in this process's environment. Each is looked at here and nowhere else.

use std::env;
use std::path::{Path, PathBuf};

use super::layout::{OWN_CONFIG_DIR, PROJECTS};
use super::project_key::project_key_named;

/// The agent's configuration directory, where it is not `.claude` in the home directory.
pub(crate) const CONFIG_DIR: &str = "CLAUDE_CONFIG_DIR";

/// The folder of transcripts, where it is not named after the directory that the agent works in.
const PROJECT_NAME: &str = "CLAUDE_CODE_PROJECT_DIR_NAME";

/// An account in the environment.
const KEYS: [&str; 2] = ["ANTHROPIC_API_KEY", "CLAUDE_CODE_OAUTH_TOKEN"];

/// Set where an agent has started this process. An agent that finds one of them in its environment takes itself for a
/// part of the other's work, and at a terminal it keeps no transcript.
#[cfg(feature = "agent")]
pub(crate) const MARKERS: [&str; 2] = ["CLAUDECODE", "CLAUDE_CODE_CHILD_SESSION"];

/// By this the user says that nothing is to be kept.
#[cfg(feature = "agent")]
pub(super) const SKIP_HISTORY: &str = "CLAUDE_CODE_SKIP_PROMPT_HISTORY";

/// Where the agent keeps its transcripts: `projects` in its configuration directory. Returns `None` if the environment
/// names none and the home directory is not known.
pub fn projects_dir() -> Option<PathBuf> {
    let config_dir = named_config_dir().or_else(own_config_dir)?;
    Some(config_dir.join(PROJECTS))
}

/// The folder of the projects directory in which an agent keeps the transcripts that is started in `dir`: with this
/// configuration directory, or else the one that the environment gives it.
///
/// It is the directory's [`project_key`](super::project_key), unless the environment names it
/// (`CLAUDE_CODE_PROJECT_DIR_NAME`). As for the agent, the name counts only with a configuration directory that is not
/// its own (`CLAUDE_CONFIG_DIR`).
pub fn folder_of(dir: &Path, config_dir: Option<&Path>) -> String {
    let is_named = match config_dir {
        Some(config_dir) => own_config_dir().as_deref() != Some(config_dir),
        None => named_config_dir().is_some(),
    };
    project_key_named(dir, is_named, env::var(PROJECT_NAME).ok().as_deref())
}

/// The configuration directory that the environment names.
pub(super) fn named_config_dir() -> Option<PathBuf> {
    is_set(CONFIG_DIR).then(|| env::var_os(CONFIG_DIR))?.map(PathBuf::from)
}

fn own_config_dir() -> Option<PathBuf> {
    Some(env::home_dir()?.join(OWN_CONFIG_DIR))
}

/// Whether it holds an API key or a token.
pub(super) fn has_key() -> bool {
    KEYS.into_iter().any(is_set)
}

fn is_set(name: &str) -> bool {
    env::var_os(name).is_some_and(|value| !value.is_empty())
}

/// Whether it says that nothing is to be kept.
#[cfg(feature = "agent")]
pub(super) fn skips_history() -> bool {
    env::var(SKIP_HISTORY).is_ok_and(|value| is_true(&value))
}

/// As the agent reads such a variable.
#[cfg(feature = "agent")]
fn is_true(value: &str) -> bool {
    matches!(value.trim().to_lowercase().as_str(), "1" | "true" | "yes" | "on")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(feature = "agent")]
    #[test]
    fn some_words_mean_yes() {
        assert!(is_true("1") && is_true("True") && !is_true("0") && !is_true(""));
    }

    #[test]
    fn a_directory_of_its_own_is_where_a_name_counts() {
        // Whatever this environment says, without a name the directory decides.
        if env::var_os(PROJECT_NAME).is_none() {
            let dir = Path::new("/no-such-place");
            assert_eq!(folder_of(dir, None), "-no-such-place");
            assert_eq!(folder_of(dir, Some(Path::new("/c"))), "-no-such-place");
        }
    }
}
