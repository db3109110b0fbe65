use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use cap_std::fs::OpenOptions;
use uuid::Uuid;

use super::target::RestoreTarget;
use crate::session::StreamError;

/// A file on its way to its name. Dropped before [`Staged::place_all`] is through, it takes itself away.
#[derive(Debug)]
pub(super) struct Staged {
    target: RestoreTarget,
    temporary: PathBuf,
    file: PathBuf,
    state: StageState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum StageState {
    Temporary,
    Placed,
    Kept,
}

impl Staged {
    /// Creates a file under a temporary name, beside the place that it is for.
    pub(super) fn create(target: &RestoreTarget, file: PathBuf) -> Result<(Self, File), StreamError> {
        target.make_parent(&file)?;
        let temporary = file.with_file_name(format!(".{}.partial", Uuid::new_v4().simple()));
        let opened = target.dir().open_with(&temporary, &private_file());
        let opened = opened.map_err(|source| target.cannot_write(&file, source))?;
        let staged = Self {
            target: target.clone(),
            temporary,
            file,
            state: StageState::Temporary,
        };
        Ok((staged, opened.into_std()))
    }

    pub(super) fn cannot_write(&self, source: io::Error) -> StreamError {
        self.target.cannot_write(&self.file, source)
    }

    /// Gives each file its name, in order; all of them or none.
    pub(super) fn place_all(mut staged: Vec<Self>) -> Result<(), StreamError> {
        staged.iter_mut().try_for_each(Self::place)?;
        sync_parents(&staged)?;
        staged.iter_mut().for_each(|staged| staged.state = StageState::Kept);
        Ok(())
    }

    fn place(&mut self) -> Result<(), StreamError> {
        let dir = self.target.dir();
        // A second name, and not a rename: that would replace what is there, which may have come since it was looked
        // for (an agent's own file; another key's, where the file system folds case). Files were synced as they were
        // written, and their directories are synced once for all.
        let placed = match dir.hard_link(&self.temporary, dir, &self.file) {
            Ok(()) => {
                self.state = StageState::Placed;
                dir.remove_file(&self.temporary)
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Err(self.target.is_taken(&self.file)),
            Err(error) if has_no_links(&error) => self.rename(),
            Err(error) => Err(error),
        };
        placed.map_err(|source| self.cannot_write(source))
    }

    /// For file systems on which a file has one name (FAT, some FUSE): what comes between the look and the renaming is
    /// replaced there.
    fn rename(&mut self) -> io::Result<()> {
        let dir = self.target.dir();
        match dir.symlink_metadata(&self.file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => dir.rename(&self.temporary, dir, &self.file)?,
            Err(error) => return Err(error),
            Ok(_) => return Err(io::ErrorKind::AlreadyExists.into()),
        }
        self.state = StageState::Placed;
        Ok(())
    }

    /// Takes the file away, and what of the session's directories is empty then. The project's stays: another session
    /// may be about to use it.
    fn take_away(&self, name: &Path) {
        let dir = self.target.dir();
        if let Err(error) = dir.remove_file(name) {
            tracing::warn!(file = %name.display(), %error, "a file of a failed restore stays behind");
        }
        let within_session = |dir: &&Path| dir.components().count() >= 2;
        for parent in name.ancestors().skip(1).take_while(within_session) {
            if dir.remove_dir(parent).is_err() {
                break;
            }
        }
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        match self.state {
            StageState::Temporary => self.take_away(&self.temporary),
            StageState::Placed => self.take_away(&self.file),
            StageState::Kept => {}
        }
    }
}

/// What Linux and others answer where there are no hard links.
fn has_no_links(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::PermissionDenied | io::ErrorKind::Unsupported
    )
}

/// A new name is on disk once its directory is.
fn sync_parents(staged: &[Staged]) -> Result<(), StreamError> {
    let Some(first) = staged.first() else { return Ok(()) };
    let parents: BTreeSet<_> = staged
        .iter()
        .flat_map(|staged| staged.file.ancestors().skip(1))
        .collect();
    for parent in parents.into_iter().filter(|parent| !parent.as_os_str().is_empty()) {
        sync_dir(&first.target, parent).map_err(|source| first.target.cannot_write(parent, source))?;
    }
    Ok(())
}

#[cfg(unix)]
fn sync_dir(target: &RestoreTarget, dir: &Path) -> io::Result<()> {
    // As a file: a directory handle may be one that cannot be synced.
    target.dir().open(dir)?.sync_all()
}

/// Elsewhere directories cannot be synced, and need not be.
#[cfg(not(unix))]
fn sync_dir(_: &RestoreTarget, _: &Path) -> io::Result<()> {
    Ok(())
}

/// A new file, for nobody else's eyes.
fn private_file() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    cap_std::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}
