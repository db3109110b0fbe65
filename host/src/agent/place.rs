use std::env;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::AgentError;
use crate::key::{PathError, SessionKey, project_key_named};

/// Where the agent keeps its transcripts, and under which project they are stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    pub(super) projects: PathBuf,
    /// The folder of the agent's current directory.
    pub(super) folder: String,
    /// The project key that stands for this folder's in what is stored.
    pub(super) project: String,
}

impl Place {
    /// Where an agent will write that is started here, with this configuration directory or else its own.
    pub(super) fn of_here(config_dir: Option<PathBuf>, project: Option<String>) -> Result<Self, AgentError> {
        let named = env::var_os("CLAUDE_CONFIG_DIR")
            .filter(|dir| !dir.is_empty())
            .map(PathBuf::from);
        let config_dir = config_dir.or(named);
        let here = env::current_dir().map_err(AgentError::CurrentDir)?;
        let name = env::var("CLAUDE_CODE_PROJECT_DIR_NAME").ok();
        let folder = project_key_named(&here, config_dir.is_some(), name.as_deref());
        let config_dir = match config_dir {
            Some(dir) => dir,
            None => env::home_dir().ok_or(AgentError::NoHome)?.join(".claude"),
        };
        Ok(Self {
            // The agent has the same current directory, and names its files from the root.
            projects: std::path::absolute(config_dir)
                .map_err(AgentError::CurrentDir)?
                .join("projects"),
            project: project.unwrap_or_else(|| folder.clone()),
            folder,
        })
    }

    /// Which transcript is in a file.
    pub(super) fn key_of(&self, file: &Path) -> Result<SessionKey, PathError> {
        let local = SessionKey::from_path(file, &self.projects)?;
        Ok(match local.project_key() == self.folder {
            true => local.in_project(&self.project),
            false => local,
        })
    }

    /// The folder of the projects directory in which a project's files lie.
    pub(super) fn folder_of<'a>(&'a self, key: &'a SessionKey) -> &'a str {
        match key.project_key() == self.project {
            true => &self.folder,
            false => key.project_key(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_stands_for_the_project_and_others_for_themselves() {
        let place = Place {
            projects: "/c/projects".into(),
            folder: "-srv-here".into(),
            project: "tenant".into(),
        };
        let key = |path: &str| place.key_of(Path::new(path)).unwrap().to_string();
        assert_eq!(key("/c/projects/-srv-here/s.jsonl"), "tenant/s");
        assert_eq!(
            key("/c/projects/-srv-here/s/subagents/agent-1.jsonl"),
            "tenant/s/subagents/agent-1"
        );
        assert_eq!(key("/c/projects/-srv-there/s.jsonl"), "-srv-there/s");
        assert!(place.key_of(Path::new("/c/s.jsonl")).is_err());
        let stored = SessionKey::main("tenant", "s").unwrap();
        assert_eq!(place.folder_of(&stored), "-srv-here");
    }
}
