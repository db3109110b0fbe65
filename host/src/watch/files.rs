//! Which transcripts and sidecars lie in a projects directory.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::mark::Stamp;
use crate::follow::{self, FileKind};
use crate::key::SessionKey;

/// The files of one transcript, as they were when somebody looked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Files {
    pub(super) transcript: Option<Local>,
    pub(super) sidecar: Option<Local>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Local {
    pub(super) path: PathBuf,
    pub(super) stamp: Stamp,
}

impl Local {
    fn of(path: PathBuf) -> Option<Self> {
        let stamp = Stamp::of(&path)?;
        Some(Self { path, stamp })
    }

    fn again(self) -> Option<Self> {
        Self::of(self.path)
    }
}

impl Files {
    /// Looks at the same files once more. Blocks for the disk.
    pub(super) fn again(self) -> Self {
        Self {
            transcript: self.transcript.and_then(Local::again),
            sidecar: self.sidecar.and_then(Local::again),
        }
    }

    pub(super) fn stamps(&self) -> (Option<Stamp>, Option<Stamp>) {
        let stamp = |local: &Option<Local>| local.as_ref().map(|local| local.stamp);
        (stamp(&self.transcript), stamp(&self.sidecar))
    }
}

/// Finds every transcript and sidecar; none where there is no such directory. Links are not followed. Blocks for the
/// disk.
pub(super) fn scan(projects: &Path) -> io::Result<BTreeMap<SessionKey, Files>> {
    let mut found = BTreeMap::new();
    let folders = match fs::read_dir(projects) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(found),
        folders => folders?,
    };
    for folder in folders {
        let folder = folder?;
        if !folder.file_type()?.is_dir() {
            continue;
        }
        for file in follow::of_folder(&folder.path())? {
            add(projects, folder.path().join(&file.path), file.kind, &mut found);
        }
    }
    Ok(found)
}

fn add(projects: &Path, path: PathBuf, kind: FileKind, found: &mut BTreeMap<SessionKey, Files>) {
    let transcript = match kind {
        FileKind::Transcript => path.clone(),
        FileKind::Sidecar => path.with_extension("").with_extension("jsonl"),
    };
    // A name that cannot be a key's is an agent's no more than a link is.
    let Ok(key) = SessionKey::from_path(&transcript, projects) else {
        return;
    };
    let Some(local) = Local::of(path) else { return };
    let files = found.entry(key).or_default();
    match kind {
        FileKind::Transcript => files.transcript = Some(local),
        FileKind::Sidecar => files.sidecar = Some(local),
    }
}
