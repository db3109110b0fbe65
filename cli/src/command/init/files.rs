use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::error::CliError;

/// Files that were made together: dropped before [`NewFiles::keep`], they go away again.
#[derive(Debug, Default)]
pub(super) struct NewFiles {
    made: Vec<PathBuf>,
}

impl NewFiles {
    /// Writes a file that was not there, for its owner only.
    pub(super) fn write(&mut self, file: &Path, bytes: &[u8]) -> Result<(), CliError> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut open = options.open(file).map_err(|error| cannot_write(file, &error))?;
        self.made.push(file.to_owned());
        let written = open.write_all(bytes).and_then(|()| open.sync_all());
        written.map_err(|error| cannot_write(file, &error))
    }

    pub(super) fn keep(mut self) -> Vec<PathBuf> {
        std::mem::take(&mut self.made)
    }
}

impl Drop for NewFiles {
    fn drop(&mut self) {
        for file in &self.made {
            // There is an error on its way to the user already.
            let _ = fs::remove_file(file);
        }
    }
}

/// Makes a directory for its owner only; one that is there stays as it is.
pub(super) fn make_dir(dir: &Path) -> Result<(), CliError> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir).map_err(|error| cannot_write(dir, &error))
}

fn cannot_write(path: &Path, error: &io::Error) -> CliError {
    CliError::failed(format!("cannot make {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_takes_the_files_before_it_away() {
        let dir = tempfile::tempdir().unwrap();
        let (first, second) = (dir.path().join("first"), dir.path().join("no/second"));
        let mut files = NewFiles::default();
        files.write(&first, b"1").unwrap();
        files.write(&second, b"2").unwrap_err();
        drop(files);
        assert!(!first.exists());
    }

    #[test]
    fn kept_files_stay_and_are_not_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        let mut files = NewFiles::default();
        files.write(&file, b"1").unwrap();
        assert_eq!(files.keep(), std::slice::from_ref(&file));
        NewFiles::default().write(&file, b"2").unwrap_err();
        assert_eq!(fs::read(&file).unwrap(), b"1");
    }
}
