use std::fs::{self, DirEntry};
use std::io;
use std::path::{Path, PathBuf};

use crate::disk::may_fail;

/// A file of a project's folder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TranscriptFile {
    /// Within the folder: `<session>.jsonl`, `<session>/subagents/….jsonl`.
    pub(crate) path: String,
    pub(crate) bytes: u64,
    pub(crate) kind: FileKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum FileKind {
    Transcript,
    /// What is known of a subagent, beside its transcript.
    Sidecar,
}

/// What lies in a project's folder.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    /// Every transcript and sidecar that could be looked at, sorted.
    pub(crate) files: Vec<TranscriptFile>,
    /// What could not be looked at, and why.
    pub(crate) unreadable: Vec<(PathBuf, io::Error)>,
    /// Links that have the name of a transcript, of a sidecar, or of a session's folder. They are not followed.
    pub(crate) links: Vec<PathBuf>,
}

/// Looks through a project's folder; nothing is there where there is no folder. What cannot be looked at keeps nothing
/// else from it. A name that is not Unicode cannot be a key and is passed over.
pub(crate) fn list(folder: &Path) -> Listing {
    let mut listing = Listing::default();
    listing.look(folder, "");
    listing.files.sort();
    listing
}

/// The same of one session, its main transcript last.
pub(crate) fn list_session(folder: &Path, session: &str) -> Listing {
    let mut listing = Listing::default();
    listing.look(folder, &format!("{session}/subagents"));
    listing.files.sort();
    let main = format!("{session}.jsonl");
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

impl Listing {
    fn look(&mut self, folder: &Path, within: &str) {
        let dir = folder.join(within);
        let entries = match entries(&dir) {
            Ok(entries) => entries,
            Err(error) => return self.unreadable.push((dir, error)),
        };
        for entry in entries {
            let Some(name) = name_of(&entry) else { continue };
            if let Err(error) = self.add(folder, within, &name, &entry) {
                self.unreadable.push((entry.path(), error));
            }
        }
    }

    fn add(&mut self, folder: &Path, within: &str, name: &str, entry: &DirEntry) -> io::Result<()> {
        let path = match within {
            "" => name.to_owned(),
            within => format!("{within}/{name}"),
        };
        let kind = entry.file_type()?;
        let is_transcripts = kind_of(name);
        if kind.is_dir() {
            // Of a session's folder only this one holds transcripts.
            let below = if within.is_empty() {
                format!("{path}/subagents")
            } else {
                path
            };
            self.look(folder, &below);
        } else if kind.is_symlink() {
            // One that leads nowhere leads to no folder.
            let is_folder = || fs::metadata(entry.path()).is_ok_and(|metadata| metadata.is_dir());
            if is_transcripts.is_some() || is_folder() {
                self.links.push(entry.path());
            }
        } else if let Some(kind) = is_transcripts {
            match may_fail(&entry.path()).and_then(|()| entry.metadata()) {
                Ok(metadata) => self.files.extend(metadata.is_file().then_some(TranscriptFile {
                    path,
                    bytes: metadata.len(),
                    kind,
                })),
                // Nothing to read.
                Err(error) if is_gone(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
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

/// `None` where it is not Unicode: no key's file is called that.
fn name_of(entry: &DirEntry) -> Option<String> {
    entry.file_name().into_string().ok()
}

/// What a file is by its name; `None` where it is neither.
pub(crate) fn kind_of(name: &str) -> Option<FileKind> {
    if name.ends_with(".jsonl") {
        Some(FileKind::Transcript)
    } else if name.ends_with(".meta.json") {
        Some(FileKind::Sidecar)
    } else {
        None
    }
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
        for other in ["a/tool-results/x.jsonl", "a/archived.json", "b.jsonl", "memory/m.jsonl"] {
            write(other);
        }
        let paths = |files: Vec<TranscriptFile>| files.into_iter().map(|file| file.path).collect::<Vec<_>>();
        assert_eq!(paths(list_session(dir.path(), "a").files), of_a);
        let mut all = of_a.to_vec();
        all.push("b.jsonl");
        all.sort();
        assert_eq!(paths(list(dir.path()).files), all);
        assert_eq!(list(&dir.path().join("nowhere")).files, []);
    }
}
