//! From a file's path to the session key of the transcript that is in it.

use std::io;
use std::path::{Component, Path};

use super::layout::TRANSCRIPT;
use crate::key::{KeyError, SessionKey};

/// Why a path is no transcript's path.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PathError {
    /// It does not lie under the projects directory.
    #[error("not under the projects directory")]
    Outside,
    /// It is the projects directory, or lies directly in it.
    #[error("transcripts lie in a project's folder, not beside it")]
    NotInProject,
    /// It lies in a project's folder, but its name does not end in `.jsonl`.
    #[error("the name of a session's transcript ends in .jsonl")]
    NotJsonl,
    /// It lies directly in a session's folder.
    #[error("transcripts of a session lie in a folder of the session's folder, such as subagents")]
    NotInSubfolder,
    /// The file's name is nothing but `.jsonl`.
    #[error("the session id is empty")]
    EmptySession,
    /// Without its `.jsonl`, the file's name is empty, `.` or `..`.
    #[error("without .jsonl, the file's name is {0:?}")]
    Name(String),
    /// It is not Unicode.
    #[error("the path is not valid Unicode")]
    NotUnicode,
    /// A part cannot be part of a key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// It is relative, and the current directory is not known.
    #[error("the current directory is not known: {0}")]
    CurrentDir(#[from] io::Error),
}

impl SessionKey {
    /// The key of the transcript in a file under an agent's projects directory.
    ///
    /// Only the texts of the paths count: nothing is looked up, links are not resolved, `..` takes back what is before
    /// it. Relative paths start in the current directory.
    ///
    /// | path under the projects directory | key |
    /// | --- | --- |
    /// | `project/session.jsonl` | the main transcript |
    /// | `project/session/subagents/agent-1.jsonl` | subpath `subagents/agent-1` |
    /// | `project/session/subagents/agent-1.meta.json` | subpath `subagents/agent-1.meta.json` |
    ///
    /// ```
    /// use std::path::Path;
    /// use mirrorbox::key::SessionKey;
    ///
    /// let path = Path::new("/c/projects/p/s/subagents/agent-1.jsonl");
    /// let key = SessionKey::from_path(path, Path::new("/c/projects"))?;
    /// assert_eq!((key.project_key(), key.session_id(), key.subpath()), ("p", "s", Some("subagents/agent-1")));
    /// # Ok::<(), mirrorbox::agent_format::PathError>(())
    /// ```
    pub fn from_path(path: &Path, projects_dir: &Path) -> Result<Self, PathError> {
        let (path, projects_dir) = (std::path::absolute(path)?, std::path::absolute(projects_dir)?);
        let path = folded(&path);
        let relative = path.strip_prefix(folded(&projects_dir).as_slice());
        let names: Vec<_> = relative
            .ok_or(PathError::Outside)?
            .iter()
            .map(|component| component.as_os_str().to_str().ok_or(PathError::NotUnicode))
            .collect::<Result<_, _>>()?;
        match names.as_slice() {
            [] | [_] => Err(PathError::NotInProject),
            [project, file] => main(project, file),
            [_, _, _] => Err(PathError::NotInSubfolder),
            [project, session, folders @ .., file] => subpath(Self::main(*project, *session)?, folders, file),
        }
    }
}

fn main(project: &str, file: &str) -> Result<SessionKey, PathError> {
    match file.strip_suffix(TRANSCRIPT).ok_or(PathError::NotJsonl)? {
        "" => Err(PathError::EmptySession),
        session => Ok(SessionKey::main(project, named(session)?)?),
    }
}

fn subpath(main: SessionKey, folders: &[&str], file: &str) -> Result<SessionKey, PathError> {
    let name = named(file.strip_suffix(TRANSCRIPT).unwrap_or(file))?;
    Ok(main.with_subpath(format!("{}/{name}", folders.join("/")))?)
}

/// Returns `None` for a name that would change its meaning in a path.
fn named(name: &str) -> Result<&str, PathError> {
    match name {
        "" | "." | ".." => Err(PathError::Name(name.to_owned())),
        name => Ok(name),
    }
}

/// The components of an absolute path, with `..` folded.
fn folded(path: &Path) -> Vec<Component<'_>> {
    let mut folded = Vec::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            // Nothing is above the root.
            Component::ParentDir => drop(folded.pop_if(|last| matches!(last, Component::Normal(_)))),
            other => folded.push(other),
        }
    }
    folded
}

#[cfg(test)]
mod tests;
