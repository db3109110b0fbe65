//! What is remembered of files, on disk: `<state>/watch/`.
//!
//! Records are hints and are not synced: a file whose record is lost, or is not about the file as it is, is compared.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::files::Stamps;
use super::mark::{Mark, Stamp};
use super::{WatchError, failed};
use crate::disk::{self, Folder, may_fail, private_dirs};
use crate::follow::{Words, hashed};
use crate::key::SessionKey;

/// The directory, and the lock of the process that follows.
#[derive(Debug)]
pub(super) struct Records {
    dir: PathBuf,
    folder: Folder,
    /// What runs wrote to meanwhile.
    pub(super) words: Words,
    /// Nobody followed for this state directory before.
    pub(super) is_first: bool,
    _lock: File,
}

/// What is remembered of a transcript and its sidecar.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    /// As it was when everything in it had been taken.
    pub(super) transcript: Option<Stamp>,
    pub(super) sidecar: Option<Stamp>,
    pub(super) mark: Mark,
}

impl Record {
    pub(super) fn new(stamps: Stamps, mark: Mark) -> Self {
        let Stamps { transcript, sidecar } = stamps;
        Self {
            transcript,
            sidecar,
            mark,
        }
    }

    pub(super) fn stamps(&self) -> Stamps {
        Stamps {
            transcript: self.transcript,
            sidecar: self.sidecar,
        }
    }
}

const LOCK: &str = "lock";
const BEGUN: &str = "begun";
const STREAMS: &str = "streams";

impl Records {
    pub(super) fn claim(state: &Path) -> Result<Self, WatchError> {
        let dir = state.join("watch");
        let lock = lock(state, &dir)?;
        let words = Words::of(state);
        let open = || -> io::Result<(Folder, bool)> {
            private_dirs().create(dir.join(STREAMS))?;
            words.listen()?;
            Ok((Folder::open(&dir)?, !dir.join(BEGUN).try_exists()?))
        };
        let (folder, is_first) = open().map_err(failed(&dir))?;
        Ok(Self {
            dir,
            folder,
            words,
            is_first,
            _lock: lock,
        })
    }

    /// Everything that was there at the very start is known.
    pub(super) fn has_begun(&mut self) -> io::Result<()> {
        self.is_first = false;
        disk::replace(&self.folder, Path::new(BEGUN), b"")
    }

    /// `None` if there is no record, or none that makes sense (a power failure may leave half of one): then the file is
    /// taken as it is found. Fails where it cannot be told whether there is one.
    pub(super) fn load(&self, key: &SessionKey) -> io::Result<Option<Record>> {
        let path = self.dir.join(stream(key));
        match may_fail(&path).and_then(|()| fs::read(&path)) {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Without a sync: a record that is lost costs a comparison.
    pub(super) fn save(&self, key: &SessionKey, record: &Record) -> io::Result<()> {
        disk::replace_hint(&self.folder, &stream(key), &serde_json::to_vec(record)?)
    }

    /// On disk when this returns: what is not wanted can be told in no other way.
    pub(super) fn save_durably(&self, key: &SessionKey, record: &Record) -> io::Result<()> {
        disk::replace(&self.folder, &stream(key), &serde_json::to_vec(record)?)
    }
}

/// Locks the directory, and writes down who has it.
fn lock(state: &Path, dir: &Path) -> Result<File, WatchError> {
    let path = dir.join(LOCK);
    let open = || -> io::Result<File> {
        private_dirs().create(dir)?;
        File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
    };
    let mut file = open().map_err(failed(&path))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut text = String::new();
            let pid = file
                .read_to_string(&mut text)
                .ok()
                .and_then(|_| text.trim().parse().ok());
            let state = state.to_owned();
            return Err(WatchError::Held { state, pid });
        }
        Err(TryLockError::Error(source)) => return Err(failed(&path)(source)),
    }
    let written = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
    written.map_err(failed(&path))?;
    Ok(file)
}

fn stream(key: &SessionKey) -> PathBuf {
    Path::new(STREAMS).join(hashed(&[
        key.project_key(),
        key.session_id(),
        key.subpath().unwrap_or_default(),
    ]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_directory_has_one_who_follows() {
        let state = tempfile::tempdir().unwrap();
        let first = Records::claim(state.path()).unwrap();
        match Records::claim(state.path()).unwrap_err() {
            WatchError::Held { pid, .. } => assert_eq!(pid, Some(std::process::id())),
            error => panic!("{error}"),
        }
        drop(first);
        Records::claim(state.path()).unwrap();
    }

    #[test]
    fn records_outlast_their_process_and_what_is_broken_is_none() {
        let state = tempfile::tempdir().unwrap();
        let key = SessionKey::main("-srv", "s").unwrap();
        let mut records = Records::claim(state.path()).unwrap();
        assert!(records.is_first);
        let record = Record {
            mark: Mark::at(7),
            ..Record::default()
        };
        records.save(&key, &record).unwrap();
        records.has_begun().unwrap();
        drop(records);
        let records = Records::claim(state.path()).unwrap();
        assert!(!records.is_first);
        assert_eq!(records.load(&key).unwrap(), Some(record));
        let agent = key.with_subpath("subagents/agent-1").unwrap();
        assert_eq!(records.load(&agent).unwrap(), None);
        fs::write(records.dir.join(stream(&key)), "{").unwrap();
        assert_eq!(records.load(&key).unwrap(), None);
        const EACCES: i32 = 13;
        crate::disk::fail(&records.dir, 0, 1, EACCES);
        assert!(records.load(&key).is_err(), "what cannot be read is not absent");
        crate::disk::heal(&records.dir);
    }
}
