use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cap_std::ambient_authority;
use cap_std::fs::Dir;

use crate::agent_format::PROJECTS;
use crate::disk::private_dirs;
use crate::key::SessionKey;
use crate::session::{SessionError, StreamError};

/// The directory under which everything is written, whatever the names say.
#[derive(Clone, Debug)]
pub(super) struct RestoreTarget {
    projects: Arc<Dir>,
    path: Arc<Path>,
}

impl RestoreTarget {
    /// Takes a directory or makes one, and makes `projects` in it.
    pub(super) fn open(into: &Path) -> Result<Self, SessionError> {
        let failed = |source| SessionError::Target {
            path: into.to_owned(),
            source,
        };
        let path = into.join(PROJECTS);
        private_dirs().create(&path).map_err(failed)?;
        let projects = Dir::open_ambient_dir(&path, ambient_authority()).map_err(failed)?;
        Ok(Self {
            projects: Arc::new(projects),
            path: path.into(),
        })
    }

    /// Fails where the session's main transcript is there already: it is placed last, so the rest would be for nothing.
    pub(super) fn is_free(&self, named: &SessionKey) -> Result<(), StreamError> {
        let Ok(file) = named.file() else { return Ok(()) };
        match self.projects.symlink_metadata(&file) {
            Ok(_) => Err(self.is_taken(&file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(self.cannot_write(&file, error)),
        }
    }

    pub(super) fn is_taken(&self, file: &Path) -> StreamError {
        StreamError::Exists {
            path: self.name_of(file),
        }
    }

    pub(super) fn dir(&self) -> &Arc<Dir> {
        &self.projects
    }

    /// Makes the directory that a file will lie in.
    pub(super) fn make_parent(&self, file: &Path) -> Result<(), StreamError> {
        let Some(parent) = file.parent() else { return Ok(()) };
        let mut builder = cap_std::fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        {
            use cap_std::fs::DirBuilderExt;
            builder.mode(0o700);
        }
        let made = self.projects.create_dir_with(parent, &builder);
        made.map_err(|source| self.cannot_write(parent, source))
    }

    pub(super) fn cannot_write(&self, file: &Path, source: io::Error) -> StreamError {
        StreamError::Write {
            path: self.name_of(file),
            source,
        }
    }

    fn name_of(&self, file: &Path) -> PathBuf {
        self.path.join(file)
    }
}
