use std::env;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::AgentError;
use crate::agent_format::{self, PROJECTS, PathError};
use crate::key::SessionKey;

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
        let here = env::current_dir().map_err(AgentError::CurrentDir)?;
        let folder = agent_format::folder_of(&here, config_dir.as_deref());
        let projects = match config_dir {
            Some(dir) => dir.join(PROJECTS),
            None => agent_format::projects_dir().ok_or(AgentError::NoHome)?,
        };
        Ok(Self {
            // The agent has the same current directory, and names its files from the root.
            projects: std::path::absolute(projects).map_err(AgentError::CurrentDir)?,
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
