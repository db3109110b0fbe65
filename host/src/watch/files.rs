//! Which transcripts and sidecars lie in a projects directory.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::mark::Stamp;
use crate::disk::may_fail;
use crate::follow::{self, FileKind, Listing};
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

/// What was found in a directory.
#[derive(Debug, Default)]
pub(super) struct Scan {
    pub(super) found: BTreeMap<SessionKey, Files>,
    /// What could not be looked at, and why. What is known to lie there is not gone.
    pub(super) unreadable: Vec<(PathBuf, String)>,
    /// Links that are not followed.
    pub(super) links: Vec<PathBuf>,
}

impl Files {
    pub(super) fn stamps(&self) -> (Option<Stamp>, Option<Stamp>) {
        let stamp = |local: &Option<Local>| local.as_ref().map(|local| local.stamp);
        (stamp(&self.transcript), stamp(&self.sidecar))
    }

    /// Whether one of them lies at or below a path.
    pub(super) fn are_below(&self, path: &Path) -> bool {
        let mut locals = self.transcript.iter().chain(&self.sidecar);
        locals.any(|local| local.path.starts_with(path))
    }
}

impl Scan {
    /// Finds every transcript and sidecar; none where there is no such directory. A project's folder may be a link to
    /// one; other links are not followed. Blocks for the disk.
    pub(super) fn of(projects: &Path) -> Self {
        let mut scan = Self::default();
        let folders = match may_fail(projects).and_then(|()| fs::read_dir(projects)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return scan,
            Err(error) => {
                scan.cannot_look(projects, &error);
                return scan;
            }
            Ok(folders) => folders,
        };
        for folder in folders {
            match folder {
                Ok(folder) => scan.folder(projects, &folder.path()),
                Err(error) => scan.cannot_look(projects, &error),
            }
        }
        scan
    }

    /// Looks through a project's folder.
    pub(super) fn folder(&mut self, projects: &Path, folder: &Path) {
        // Through a link, for a project may lie elsewhere.
        match may_fail(folder).and_then(|()| fs::metadata(folder)) {
            Ok(metadata) if metadata.is_dir() => {}
            Ok(_) => return,
            Err(_) if fs::symlink_metadata(folder).is_ok_and(|link| link.is_symlink()) => {
                return self.links.push(folder.to_owned());
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => return,
            Err(error) => return self.cannot_look(folder, &error),
        }
        let Listing {
            files,
            unreadable,
            links,
        } = follow::list(folder);
        for (path, error) in unreadable {
            self.cannot_look(&path, &error);
        }
        self.links.extend(links);
        for file in files {
            self.file(projects, folder.join(&file.path), file.kind);
        }
    }

    /// Looks at a file by itself, and at what belongs to it, as far as it is a transcript or a sidecar.
    pub(super) fn path(&mut self, projects: &Path, path: &Path) {
        let (transcript, sidecar) = match follow::kind_of(&path.to_string_lossy()) {
            Some(FileKind::Transcript) => (path.to_owned(), path.with_extension("meta.json")),
            Some(FileKind::Sidecar) => (path.with_extension("").with_extension("jsonl"), path.to_owned()),
            None => return,
        };
        self.file(projects, transcript, FileKind::Transcript);
        self.file(projects, sidecar, FileKind::Sidecar);
    }

    fn file(&mut self, projects: &Path, path: PathBuf, kind: FileKind) {
        // A name that cannot be a key's is no agent's.
        let Some(key) = key_of(projects, &path, kind) else {
            return;
        };
        let stamp = match Stamp::look(&path) {
            Ok(Some(stamp)) => stamp,
            Ok(None) => return,
            Err(error) => return self.cannot_look(&path, &error),
        };
        let local = Some(Local { path, stamp });
        let files = self.found.entry(key).or_default();
        match kind {
            FileKind::Transcript => files.transcript = local,
            FileKind::Sidecar => files.sidecar = local,
        }
    }

    fn cannot_look(&mut self, path: &Path, error: &io::Error) {
        self.unreadable.push((path.to_owned(), error.to_string()));
    }
}

fn key_of(projects: &Path, path: &Path, kind: FileKind) -> Option<SessionKey> {
    let transcript = match kind {
        FileKind::Transcript => path.to_owned(),
        FileKind::Sidecar => path.with_extension("").with_extension("jsonl"),
    };
    SessionKey::from_path(&transcript, projects).ok()
}
