use std::fs::{self, DirEntry};
use std::io;
use std::path::Path;

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

/// Every transcript and sidecar in a project's folder, sorted; none where there is no folder.
///
/// Links are not followed. A name that is not Unicode cannot be a key and is passed over.
pub(crate) fn of_folder(folder: &Path) -> io::Result<Vec<TranscriptFile>> {
    let mut files = Vec::new();
    for entry in entries(folder)? {
        let Some(name) = name_of(&entry) else { continue };
        if entry.file_type()?.is_dir() {
            walk(folder, &format!("{name}/subagents"), &mut files)?;
        } else {
            files.extend(file(&entry, name));
        }
    }
    files.sort();
    Ok(files)
}

/// The files of one session, its main transcript last.
pub(crate) fn of_session(folder: &Path, session: &str) -> io::Result<Vec<TranscriptFile>> {
    let mut files = Vec::new();
    walk(folder, &format!("{session}/subagents"), &mut files)?;
    files.sort();
    let main = format!("{session}.jsonl");
    if let Ok(metadata) = fs::symlink_metadata(folder.join(&main))
        && metadata.is_file()
    {
        files.push(TranscriptFile {
            path: main,
            bytes: metadata.len(),
            kind: FileKind::Transcript,
        });
    }
    Ok(files)
}

fn walk(folder: &Path, within: &str, files: &mut Vec<TranscriptFile>) -> io::Result<()> {
    for entry in entries(&folder.join(within))? {
        let Some(name) = name_of(&entry) else { continue };
        let path = format!("{within}/{name}");
        if entry.file_type()?.is_dir() {
            walk(folder, &path, files)?;
        } else {
            files.extend(file(&entry, path));
        }
    }
    Ok(())
}

/// What is in a directory; nothing where it is not there.
fn entries(dir: &Path) -> io::Result<Vec<DirEntry>> {
    match fs::read_dir(dir) {
        Ok(entries) => entries.collect(),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

fn name_of(entry: &DirEntry) -> Option<String> {
    entry.file_name().into_string().ok()
}

fn file(entry: &DirEntry, path: String) -> Option<TranscriptFile> {
    let kind = if path.ends_with(".jsonl") {
        FileKind::Transcript
    } else if path.ends_with(".meta.json") {
        FileKind::Sidecar
    } else {
        return None;
    };
    // Gone meanwhile: nothing to read.
    let metadata = entry.metadata().ok().filter(fs::Metadata::is_file)?;
    Some(TranscriptFile {
        path,
        bytes: metadata.len(),
        kind,
    })
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
        assert_eq!(paths(of_session(dir.path(), "a").unwrap()), of_a);
        let mut all = of_a.to_vec();
        all.push("b.jsonl");
        all.sort();
        assert_eq!(paths(of_folder(dir.path()).unwrap()), all);
        assert_eq!(of_folder(&dir.path().join("nowhere")).unwrap(), []);
    }
}
