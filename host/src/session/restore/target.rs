use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cap_std::ambient_authority;
use cap_std::fs::Dir;

use crate::disk::private_dirs;
use crate::session::{SessionError, StreamError};

/// The directory under which everything is written, whatever the names say.
#[derive(Clone, Debug)]
pub(super) struct Target {
    projects: Arc<Dir>,
    path: Arc<Path>,
}

impl Target {
    /// Takes a directory that is empty, or makes one, and makes `projects` in it.
    pub(super) fn open(into: &Path) -> Result<Self, SessionError> {
        let failed = |source| SessionError::Target {
            path: into.to_owned(),
            source,
        };
        if !is_empty(into).map_err(failed)? {
            return Err(SessionError::TargetNotEmpty { path: into.to_owned() });
        }
        let path = into.join("projects");
        private_dirs().create(&path).map_err(failed)?;
        let projects = Dir::open_ambient_dir(&path, ambient_authority()).map_err(failed)?;
        Ok(Self {
            projects: Arc::new(projects),
            path: path.into(),
        })
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

/// Whether a directory is empty, or not there.
fn is_empty(dir: &Path) -> io::Result<bool> {
    match fs::read_dir(dir) {
        Ok(mut entries) => Ok(entries.next().transpose()?.is_none()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(error),
    }
}
