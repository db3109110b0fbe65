//! Which transcripts and sidecars lie in a project's folder: the one walk for imports, runs and followed directories.

use std::fs::{self, DirEntry};
use std::io;
use std::path::{Path, PathBuf};

#[cfg(any(test, feature = "agent"))]
use super::layout::TRANSCRIPT;
use super::layout::{FileKind, SUBAGENTS};
use crate::disk::may_fail;

const NO_FILE: &str = "is no regular file";

/// A file of a project's folder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TranscriptFile {
    /// Within the folder: `<session>.jsonl`, `<session>/subagents/….jsonl`.
    pub(crate) path: String,
    pub(crate) bytes: u64,
    pub(crate) kind: FileKind,
}

/// What lies in a project's folder.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    /// Every transcript and sidecar that could be looked at, sorted.
    pub(crate) files: Vec<TranscriptFile>,
    /// What could not be looked at, and why.
    pub(crate) unreadable: Vec<(PathBuf, io::Error)>,
    /// Links that have the name of a transcript or of a sidecar, or that lead to a folder; from [`list_everything`],
    /// all links. They are not followed.
    pub(crate) links: Vec<PathBuf>,
    /// What has the name of a transcript and can be none, and why; from [`list_everything`], all that is neither a file
    /// nor a folder.
    pub(crate) odd: Vec<(PathBuf, &'static str)>,
    /// How many other files there are.
    pub(crate) others: u64,
}

/// Looks through a project's folder; nothing is there where there is no folder. What cannot be looked at does not keep
/// the rest from being found.
#[cfg(any(test, feature = "agent"))]
pub(crate) fn list(folder: &Path) -> Listing {
    Walk::new(folder, false).everything()
}

/// The same, with what else lies there, also in folders that hold no transcripts: files are counted, links named.
pub(crate) fn list_everything(folder: &Path) -> Listing {
    Walk::new(folder, true).everything()
}

/// The same as [`list`] of one session, its main transcript last.
#[cfg(any(test, feature = "agent"))]
pub(crate) fn list_session(folder: &Path, session: &str) -> Listing {
    let mut walk = Walk::new(folder, false);
    walk.folder(&format!("{session}/{SUBAGENTS}"));
    let mut listing = walk.sorted();
    let main = format!("{session}{TRANSCRIPT}");
    let path = folder.join(&main);
    match may_fail(&path).and_then(|()| fs::symlink_metadata(&path)) {
        Ok(metadata) if metadata.is_file() => listing.files.push(TranscriptFile {
            path: main,
            bytes: metadata.len(),
            kind: FileKind::Transcript,
        }),
        Ok(metadata) if metadata.is_symlink() => listing.links.push(path),
        Err(error) if !is_gone(&error) => listing.unreadable.push((path, error)),
        _ => {}
    }
    listing
}

struct Walk<'a> {
    folder: &'a Path,
    /// Whether it looks into folders that hold no transcripts, and names links and the like that can be none.
    wants_all: bool,
    listing: Listing,
}

impl<'a> Walk<'a> {
    fn new(folder: &'a Path, wants_all: bool) -> Self {
        Self {
            folder,
            wants_all,
            listing: Listing::default(),
        }
    }

    fn everything(mut self) -> Listing {
        self.folder("");
        self.sorted()
    }

    fn sorted(mut self) -> Listing {
        self.listing.files.sort();
        self.listing
    }

    fn folder(&mut self, within: &str) {
        let dir = self.folder.join(within);
        let entries = match entries(&dir) {
            Ok(entries) => entries,
            Err(error) => return self.listing.unreadable.push((dir, error)),
        };
        for entry in entries {
            if let Err(error) = self.entry(within, &entry) {
                self.listing.unreadable.push((entry.path(), error));
            }
        }
    }

    fn entry(&mut self, within: &str, entry: &DirEntry) -> io::Result<()> {
        let kind = entry.file_type()?;
        let transcripts = file_kind(within, &entry.path());
        // No key's file or folder is called that.
        let Ok(name) = entry.file_name().into_string() else {
            match kind.is_dir() || transcripts.is_some() {
                true => self.listing.odd.push((entry.path(), "the path is not valid Unicode")),
                false => self.listing.others += 1,
            }
            return Ok(());
        };
        let path = match within {
            "" => name,
            within => format!("{within}/{name}"),
        };
        if kind.is_dir() {
            if within.is_empty() && !self.wants_all {
                // Of a session's folder only this one holds transcripts.
                self.folder(&format!("{path}/{SUBAGENTS}"));
            } else {
                self.folder(&path);
            }
        } else if kind.is_symlink() {
            // One that leads nowhere leads to no folder.
            let is_folder = || fs::metadata(entry.path()).is_ok_and(|metadata| metadata.is_dir());
            if transcripts.is_some() || self.wants_all || is_folder() {
                self.listing.links.push(entry.path());
            }
        } else if let Some(kind) = transcripts {
            self.file(path, kind, entry)?;
        } else if kind.is_file() {
            self.listing.others += 1;
        } else if self.wants_all {
            self.listing.odd.push((entry.path(), NO_FILE));
        }
        Ok(())
    }

    fn file(&mut self, path: String, kind: FileKind, entry: &DirEntry) -> io::Result<()> {
        match may_fail(&entry.path()).and_then(|()| entry.metadata()) {
            Ok(metadata) if metadata.is_file() => self.listing.files.push(TranscriptFile {
                path,
                bytes: metadata.len(),
                kind,
            }),
            Ok(_) => self.listing.odd.push((entry.path(), NO_FILE)),
            // Nothing to read.
            Err(error) if is_gone(&error) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

/// What a file is by its name and place. A main transcript has no sidecar.
fn file_kind(within: &str, file: &Path) -> Option<FileKind> {
    let mut folders = within.split('/').skip(1);
    match FileKind::of(file)? {
        kind if folders.next() == Some(SUBAGENTS) => Some(kind),
        FileKind::Transcript if within.is_empty() => Some(FileKind::Transcript),
        _ => None,
    }
}

/// What is in a directory; nothing where it is not there.
fn entries(dir: &Path) -> io::Result<Vec<DirEntry>> {
    match may_fail(dir).and_then(|()| fs::read_dir(dir)) {
        Ok(entries) => entries.collect(),
        Err(error) if is_gone(&error) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

fn is_gone(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sessions_files_are_its_transcripts_and_sidecars() {
        let dir = tempfile::tempdir().unwrap();
        let write = |path: &str| {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "{}\n").unwrap();
        };
        let of_a = [
            "a/subagents/agent-1.jsonl",
            "a/subagents/agent-1.meta.json",
            "a/subagents/workflows/r/agent-2.jsonl",
            "a.jsonl",
        ];
        of_a.iter().for_each(|path| write(path));
        let others = [
            "a/tool-results/x.jsonl",
            "a/archived.json",
            "a.meta.json",
            "memory/m.jsonl",
            "memory/m.meta.json",
        ];
        others.iter().for_each(|path| write(path));
        write("b.jsonl");
        let paths = |files: Vec<TranscriptFile>| files.into_iter().map(|file| file.path).collect::<Vec<_>>();
        assert_eq!(paths(list_session(dir.path(), "a").files), of_a);
        let mut all = of_a.to_vec();
        all.push("b.jsonl");
        all.sort();
        assert_eq!(paths(list(dir.path()).files), all);
        let everything = list_everything(dir.path());
        assert_eq!(
            (everything.others, paths(everything.files)),
            (5, all.iter().map(|path| path.to_string()).collect())
        );
        assert_eq!(list(&dir.path().join("nowhere")).files, []);
    }

    #[cfg(unix)]
    #[test]
    fn what_could_be_taken_for_a_transcript_is_named_and_not_followed() {
        use std::os::unix::fs::symlink;

        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("a/subagents")).unwrap();
        let at = |path: &str| dir.path().join(path);
        for (to, link) in [("/nowhere", "x.jsonl"), ("/", "folder"), ("/nowhere", "note.txt")] {
            symlink(to, at(link)).unwrap();
        }
        let _socket = std::os::unix::net::UnixListener::bind(at("a/subagents/agent-1.jsonl")).unwrap();
        let mut listing = list(dir.path());
        listing.links.sort();
        assert_eq!(listing.links, [at("folder"), at("x.jsonl")]);
        assert_eq!(listing.odd, [(at("a/subagents/agent-1.jsonl"), "is no regular file")]);
        assert!(listing.files.is_empty() && listing.unreadable.is_empty());
        assert_eq!(list_everything(dir.path()).links.len(), 3);
    }
}
