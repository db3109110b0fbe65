//! Which transcripts and sidecars lie in a projects directory.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::mark::Stamp;
use crate::agent_format::{self, FileKind, Listing, TRANSCRIPT, sidecar_of, transcript_of};
use crate::disk::may_fail;
use crate::key::SessionKey;

/// What the system says of a transcript's files: all that is remembered of most of them, for there are very many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Stamps {
    pub(super) transcript: Option<Stamp>,
    pub(super) sidecar: Option<Stamp>,
}

/// The files of one transcript, as they were at the last look.
#[derive(Debug)]
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
    pub(super) found: BTreeMap<SessionKey, Stamps>,
    /// What could not be looked at, and why. What is known to lie there is not gone.
    pub(super) unreadable: Vec<(PathBuf, String)>,
    /// Links that are not followed.
    pub(super) links: Vec<PathBuf>,
}

impl Files {
    /// The files of a transcript in a projects directory: where they lie is what its key says.
    pub(super) fn of(projects: &Path, key: &SessionKey, stamps: Stamps) -> Self {
        let transcript = place(projects, key);
        let sidecar = sidecar_of(&transcript);
        let local = |path, stamp: Option<Stamp>| stamp.map(|stamp| Local { path, stamp });
        Self {
            transcript: local(transcript, stamps.transcript),
            sidecar: local(sidecar, stamps.sidecar),
        }
    }
}

/// Whether one of the files that a transcript has, or may have, lies at or below a path.
pub(super) fn are_below(projects: &Path, key: &SessionKey, path: &Path) -> bool {
    let transcript = place(projects, key);
    transcript.starts_with(path) || sidecar_of(&transcript).starts_with(path)
}

/// Where a transcript lies: what [`SessionKey::from_path`] made its key from.
fn place(projects: &Path, key: &SessionKey) -> PathBuf {
    let folder = projects.join(key.project_key());
    match key.subpath() {
        None => folder.join(format!("{}{TRANSCRIPT}", key.session_id())),
        Some(subpath) => folder.join(key.session_id()).join(format!("{subpath}{TRANSCRIPT}")),
    }
}

impl Scan {
    /// The projects' folders; none where there is no such directory. A project's folder may be a link to one; other
    /// links are not followed. Blocks for the disk, as all that is here.
    pub(super) fn top(projects: &Path) -> (Self, Vec<PathBuf>) {
        let (mut scan, mut found) = (Self::default(), Vec::new());
        let folders = match may_fail(projects).and_then(|()| fs::read_dir(projects)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return (scan, found),
            Err(error) => {
                scan.cannot_look(projects, &error);
                return (scan, found);
            }
            Ok(folders) => folders,
        };
        for folder in folders {
            match folder {
                Ok(folder) => found.push(folder.path()),
                Err(error) => scan.cannot_look(projects, &error),
            }
        }
        (scan, found)
    }

    /// Looks through a project's folder.
    pub(super) fn folder(&mut self, projects: &Path, folder: &Path) {
        // Through a link, for a project may lie elsewhere.
        match may_fail(folder).and_then(|()| fs::metadata(folder)) {
            Ok(metadata) if metadata.is_dir() => {}
            Ok(_) => return,
            // Whatever is wrong with where it leads: the link is named.
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
            ..
        } = agent_format::list(folder);
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
        if FileKind::of(path).is_some() {
            let transcript = transcript_of(path);
            self.file(projects, sidecar_of(&transcript), FileKind::Sidecar);
            self.file(projects, transcript, FileKind::Transcript);
        }
    }

    fn file(&mut self, projects: &Path, path: PathBuf, kind: FileKind) {
        // A name that cannot be a key's is no agent's.
        let Some(key) = key_of(projects, &path) else { return };
        if key.is_main() && kind == FileKind::Sidecar {
            return;
        }
        let stamp = match Stamp::look(&path) {
            Ok(Some(stamp)) => stamp,
            Ok(None) => return,
            Err(error) => return self.cannot_look(&path, &error),
        };
        let stamps = self.found.entry(key).or_default();
        match kind {
            FileKind::Transcript => stamps.transcript = Some(stamp),
            FileKind::Sidecar => stamps.sidecar = Some(stamp),
        }
    }

    fn cannot_look(&mut self, path: &Path, error: &io::Error) {
        self.unreadable.push((path.to_owned(), error.to_string()));
    }
}

fn key_of(projects: &Path, file: &Path) -> Option<SessionKey> {
    SessionKey::from_path(&transcript_of(file), projects).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_says_where_its_files_lie() {
        let projects = Path::new("/c/projects");
        for path in [
            "p/s.jsonl",
            "C:/a\\b.jsonl",
            "p/s/subagents/agent-1.jsonl",
            "p/s/subagents/w/agent.x.jsonl",
        ] {
            let path = projects.join(path);
            let key = key_of(projects, &path).unwrap();
            assert_eq!(place(projects, &key), path);
            let sidecar = sidecar_of(&path);
            assert_eq!(key_of(projects, &sidecar), Some(key.clone()));
            assert!(are_below(projects, &key, sidecar.parent().unwrap()));
            assert!(!are_below(projects, &key, Path::new("/c/projects/other")));
        }
    }

    #[test]
    fn only_subagents_have_sidecars() {
        let dir = tempfile::tempdir().unwrap();
        let projects = dir.path();
        fs::create_dir_all(projects.join("p/s/subagents")).unwrap();
        let sidecars = ["p/s.meta.json", "p/s/subagents/agent-1.meta.json"].map(|path| projects.join(path));
        sidecars.iter().for_each(|path| fs::write(path, "{}").unwrap());
        let subagent = SessionKey::main("p", "s")
            .unwrap()
            .with_subpath("subagents/agent-1")
            .unwrap();
        let mut whole = Scan::default();
        whole.folder(projects, &projects.join("p"));
        let mut each = Scan::default();
        sidecars.iter().for_each(|path| each.path(projects, path));
        for scan in [whole, each] {
            assert_eq!(scan.found.keys().collect::<Vec<_>>(), [&subagent]);
        }
    }
}
