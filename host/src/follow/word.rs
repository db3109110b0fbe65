//! Word that a run leaves for `watch`, about its agent's files: `<state>/watch/runs/`, a file for each session.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::disk::{Folder, may_fail, private_dirs, replace_by};
use crate::hex::hex;

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

    /// A run is about to spool rows of a session: `watch` compares the session's files before it goes on with
    /// them, however short the run is. The word is on disk when this returns: the rows will be, too.
    pub(crate) fn leave(&self, folder: &str, session: &str) -> io::Result<()> {
        // Where nobody ever followed, every file is compared when `watch` first does.
        let Some(above) = self.dir.parent().filter(|_| self.dir.is_dir()) else {
            return Ok(());
        };
        let new = format!("run-{}", Uuid::new_v4().simple());
        let word = Path::new(RUNS).join(hashed(&[folder, session]));
        let bytes = serde_json::to_vec(&(folder, session))?;
        replace_by(&Folder::open_existing(above)?, Path::new(&new), &word, &bytes)
    }

    /// Whether a run wrote to a session since [`Words::take`].
    pub(crate) fn are_left(&self, folder: &str, session: &str) -> io::Result<bool> {
        let file = self.file(folder, session);
        may_fail(&file)?;
        file.try_exists()
    }

    /// Shows the folders and sessions that runs wrote to since it was asked last. A word is removed only once it was
    /// shown; after an error the rest is shown the next time.
    pub(crate) fn take(&self, mut show: impl FnMut(String, String)) -> io::Result<()> {
        may_fail(&self.dir)?;
        for entry in fs::read_dir(&self.dir)? {
            let path = entry?.path();
            may_fail(&path)?;
            let (folder, session) = serde_json::from_slice(&fs::read(&path)?)?;
            show(folder, session);
            fs::remove_file(&path)?;
        }
        Ok(())
    }

    fn file(&self, folder: &str, session: &str) -> PathBuf {
        self.dir.join(hashed(&[folder, session]))
    }
}

/// A file's name that no other parts have; no part holds a NUL.
pub(crate) fn hashed(parts: &[&str]) -> String {
    hex(&Sha256::digest(parts.join("\0").as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_leaves_word_once_a_watch_has_followed() {
        let state = tempfile::tempdir().unwrap();
        let words = Words::of(state.path());
        words.leave("-srv", "s").unwrap();
        words.listen().unwrap();
        assert!(!words.are_left("-srv", "s").unwrap());
        words.leave("-srv", "s").unwrap();
        assert!(words.are_left("-srv", "s").unwrap() && !words.are_left("-srv", "t").unwrap());
        assert_eq!(taken(&words).1, [("-srv".to_owned(), "s".to_owned())]);
        assert!(!words.are_left("-srv", "s").unwrap());
    }

    fn taken(words: &Words) -> (io::Result<()>, Vec<(String, String)>) {
        let mut taken = Vec::new();
        let done = words.take(|folder, session| taken.push((folder, session)));
        (done, taken)
    }

    #[test]
    fn a_word_that_cannot_be_read_keeps_no_other_from_being_shown() {
        const EMFILE: i32 = 24;
        let state = tempfile::tempdir().unwrap();
        let words = Words::of(state.path());
        words.listen().unwrap();
        for session in ["s", "t", "u"] {
            words.leave("-srv", session).unwrap();
        }
        // The directory can be listed, one word can be read, the next one cannot.
        crate::disk::fail(&words.dir, 2, 1, EMFILE);
        let (done, mut shown) = taken(&words);
        assert!(done.is_err() && shown.len() == 1);
        crate::disk::fail(&words.dir, 0, 1, EMFILE);
        assert!(
            words.are_left("-srv", "s").is_err(),
            "that it cannot be looked at does not mean that it is not there"
        );
        crate::disk::heal(&words.dir);
        shown.extend(taken(&words).1);
        shown.sort();
        assert_eq!(
            shown,
            ["s", "t", "u"].map(|session| ("-srv".to_owned(), session.to_owned()))
        );
    }
}
