//! Word that a run leaves for whoever follows its agent's files: `<state>/watch/runs/`, a file for each session.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::disk::{Folder, private_dirs, replace_by};

const RUNS: &str = "runs";

/// Where it lies.
#[derive(Debug)]
pub(crate) struct Words {
    dir: PathBuf,
}

impl Words {
    pub(crate) fn of(state: &Path) -> Self {
        let dir = state.join("watch").join(RUNS);
        Self { dir }
    }

    /// From here on runs leave word.
    pub(crate) fn listen(&self) -> io::Result<()> {
        private_dirs().create(&self.dir)
    }

    /// A run is about to spool rows of a session: whoever follows compares the session's files before it goes on with
    /// them, however short the run is. The word is on disk when this returns: the rows will be, too.
    pub(crate) fn leave(&self, folder: &str, session: &str) -> io::Result<()> {
        // Where nobody ever followed, every file is compared when somebody does.
        let Some(above) = self.dir.parent().filter(|_| self.dir.is_dir()) else {
            return Ok(());
        };
        let new = format!("run-{}", Uuid::new_v4().simple());
        let word = Path::new(RUNS).join(hashed(&[folder, session]));
        let bytes = serde_json::to_vec(&(folder, session))?;
        replace_by(&Folder::open_existing(above)?, Path::new(&new), &word, &bytes)
    }

    /// Whether a run wrote to a session since [`Words::take`].
    pub(crate) fn are_left(&self, folder: &str, session: &str) -> bool {
        self.file(folder, session).exists()
    }

    /// The folders and sessions that runs wrote to since it was asked last.
    pub(crate) fn take(&self) -> io::Result<Vec<(String, String)>> {
        let mut taken = Vec::new();
        for entry in fs::read_dir(&self.dir)? {
            let path = entry?.path();
            taken.extend(serde_json::from_slice::<(String, String)>(&fs::read(&path)?).ok());
            fs::remove_file(&path)?;
        }
        Ok(taken)
    }

    fn file(&self, folder: &str, session: &str) -> PathBuf {
        self.dir.join(hashed(&[folder, session]))
    }
}

/// A file's name that no other parts have; no part holds a NUL.
pub(crate) fn hashed(parts: &[&str]) -> String {
    let digest = Sha256::digest(parts.join("\0").as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_leaves_word_once_somebody_has_followed() {
        let state = tempfile::tempdir().unwrap();
        let words = Words::of(state.path());
        words.leave("-srv", "s").unwrap();
        words.listen().unwrap();
        assert!(!words.are_left("-srv", "s"));
        words.leave("-srv", "s").unwrap();
        assert!(words.are_left("-srv", "s") && !words.are_left("-srv", "t"));
        assert_eq!(words.take().unwrap(), [("-srv".to_owned(), "s".to_owned())]);
        assert!(!words.are_left("-srv", "s"));
    }
}
