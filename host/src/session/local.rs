use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cap_std::ambient_authority;
use cap_std::fs::{Dir, DirEntry};

use super::StreamError;
use crate::key::SessionKey;
use crate::transcript::{EntryError, Lines, MAX_LINE, metadata};

/// Enough that a system call is nothing beside the work on what it brings.
const BUFFER: usize = 256 << 10;

/// A directory of transcripts as the agent writes it: `<project>/<session>.jsonl`, `<project>/<session>/subagents/…`.
///
/// Files are opened beneath the directory only, and symbolic links are passed over.
#[derive(Clone, Debug)]
pub(super) struct ProjectsDir {
    dir: Arc<Dir>,
    path: Arc<Path>,
}

/// The local files of one stream, relative to the projects directory; at least one is there.
#[derive(Clone, Debug)]
pub(super) struct LocalStream {
    pub(super) key: SessionKey,
    pub(super) transcript: Option<LocalFile>,
    pub(super) sidecar: Option<PathBuf>,
}

#[derive(Clone, Debug)]
pub(super) struct LocalFile {
    pub(super) path: PathBuf,
    pub(super) bytes: u64,
    /// Only what is before this byte is read.
    pub(super) until: u64,
}

impl LocalStream {
    /// The transcript's size.
    pub(super) fn bytes(&self) -> u64 {
        self.transcript.as_ref().map_or(0, |file| file.bytes)
    }
}

/// What a projects directory holds.
#[derive(Debug, Default)]
pub(super) struct LocalSessions {
    /// The streams of each session, by its main key; sorted, the main transcript first.
    pub(super) sessions: BTreeMap<SessionKey, Vec<LocalStream>>,
    /// Files that are no transcripts, and empty ones.
    pub(super) passed_over: u64,
    /// What a person might miss: symbolic links, names that cannot be keys, directories that cannot be read.
    pub(super) odd: Vec<(String, String)>,
}

impl ProjectsDir {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self {
            dir: Arc::new(Dir::open_ambient_dir(path, ambient_authority())?),
            path: path.into(),
        })
    }

    /// For people.
    pub(super) fn name_of(&self, file: &Path) -> String {
        self.path.join(file).display().to_string()
    }

    /// Finds every transcript and sidecar.
    pub(super) fn scan(&self) -> io::Result<LocalSessions> {
        let mut scan = Walk {
            projects: self,
            streams: BTreeMap::new(),
            found: LocalSessions::default(),
        };
        for entry in sorted(self.dir.entries()?)? {
            let name = PathBuf::from(entry.file_name());
            match scan.kind(&entry, &name) {
                Some(WalkedKind::Dir) => scan.directory(&name),
                Some(WalkedKind::File) => scan.found.passed_over += 1,
                None => {}
            }
        }
        Ok(scan.finish())
    }

    /// The lines of a stream's transcript; none where there is only a sidecar.
    pub(super) fn lines(&self, stream: &LocalStream) -> Result<Lines<impl BufRead + use<>>, StreamError> {
        let file: Box<dyn Read + Send> = match &stream.transcript {
            Some(file) => Box::new(self.open_file(&file.path)?.take(file.until)),
            None => Box::new(io::empty()),
        };
        Ok(Lines::new(BufReader::with_capacity(BUFFER, file)))
    }

    /// The metadata entry that a sidecar makes.
    pub(super) fn metadata(&self, sidecar: &Path) -> Result<Vec<u8>, StreamError> {
        let mut bytes = Vec::new();
        let limit = MAX_LINE as u64 - 64;
        let mut file = self.open_file(sidecar)?.take(limit + 1);
        file.read_to_end(&mut bytes)
            .map_err(|source| self.cannot_read(sidecar, source))?;
        if bytes.len() as u64 > limit {
            let source = io::Error::new(
                io::ErrorKind::FileTooLarge,
                "it is larger than a transcript line can be",
            );
            return Err(self.cannot_read(sidecar, source));
        }
        metadata::from_sidecar(&bytes).map_err(|source| self.no_sidecar(sidecar, source))
    }

    fn open_file(&self, file: &Path) -> Result<File, StreamError> {
        match self.dir.open(file) {
            Ok(file) => Ok(file.into_std()),
            Err(source) => Err(self.cannot_read(file, source)),
        }
    }

    fn cannot_read(&self, file: &Path, source: io::Error) -> StreamError {
        StreamError::Read {
            file: self.name_of(file),
            source,
        }
    }

    fn no_sidecar(&self, file: &Path, source: EntryError) -> StreamError {
        StreamError::Sidecar {
            file: self.name_of(file),
            source,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum WalkedKind {
    Dir,
    File,
}

/// One walk over the directory.
struct Walk<'a> {
    projects: &'a ProjectsDir,
    streams: BTreeMap<SessionKey, LocalStream>,
    found: LocalSessions,
}

impl Walk<'_> {
    fn directory(&mut self, path: &Path) {
        match self.projects.dir.read_dir(path).and_then(sorted) {
            Ok(entries) => entries.iter().for_each(|entry| self.entry(entry, path)),
            Err(error) => self.odd(path, format!("cannot be read: {error}")),
        }
    }

    fn entry(&mut self, entry: &DirEntry, within: &Path) {
        let path = within.join(entry.file_name());
        match self.kind(entry, &path) {
            Some(WalkedKind::Dir) => self.directory(&path),
            Some(WalkedKind::File) => self.file(entry, path),
            None => {}
        }
    }

    /// What is at hand, links not followed; none where it is nothing to read.
    fn kind(&mut self, entry: &DirEntry, path: &Path) -> Option<WalkedKind> {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => Some(WalkedKind::Dir),
            Ok(kind) if kind.is_file() => Some(WalkedKind::File),
            Ok(kind) if kind.is_symlink() => {
                self.odd(path, "is a symbolic link, which is not followed".into());
                None
            }
            Ok(_) => {
                self.odd(path, "is no regular file".into());
                None
            }
            Err(error) => {
                self.odd(path, format!("cannot be read: {error}"));
                None
            }
        }
    }

    fn file(&mut self, entry: &DirEntry, path: PathBuf) {
        if has_suffix(&path, ".jsonl") && (depth(&path) == 2 || is_subagent(&path)) {
            self.transcript(entry, path);
        } else if has_suffix(&path, ".meta.json") && is_subagent(&path) {
            self.sidecar(path);
        } else {
            self.found.passed_over += 1;
        }
    }

    fn transcript(&mut self, entry: &DirEntry, path: PathBuf) {
        // A length that is not known is met again when the file is opened.
        let bytes = entry.metadata().map_or(1, |metadata| metadata.len());
        if bytes == 0 {
            self.found.passed_over += 1;
        } else if let Some(stream) = self.stream(&path, &path) {
            let until = u64::MAX;
            stream.transcript = Some(LocalFile { path, bytes, until });
        }
    }

    fn sidecar(&mut self, path: PathBuf) {
        let transcript = path.with_extension("").with_extension("jsonl");
        if let Some(stream) = self.stream(&transcript, &path) {
            stream.sidecar = Some(path);
        }
    }

    /// The stream that a transcript's path names.
    fn stream(&mut self, transcript: &Path, file: &Path) -> Option<&mut LocalStream> {
        // Any absolute directory will do: only the texts count.
        let root = Path::new("/");
        match SessionKey::from_path(&root.join(transcript), root) {
            Ok(key) => Some(self.streams.entry(key.clone()).or_insert(LocalStream {
                key,
                transcript: None,
                sidecar: None,
            })),
            Err(error) => {
                self.odd(file, error.to_string());
                None
            }
        }
    }

    fn odd(&mut self, path: &Path, reason: String) {
        self.found.passed_over += 1;
        self.found.odd.push((self.projects.name_of(path), reason));
    }

    fn finish(self) -> LocalSessions {
        let mut found = self.found;
        for (key, stream) in self.streams {
            found.sessions.entry(key.to_main()).or_default().push(stream);
        }
        found
    }
}

impl LocalSessions {
    /// Keeps only the sessions with these ids, if there are any; gives the ids that none has.
    pub(super) fn keep_sessions(&mut self, ids: &[String]) -> BTreeSet<String> {
        let mut missing: BTreeSet<_> = ids.iter().cloned().collect();
        if !ids.is_empty() {
            self.sessions
                .retain(|key, _| ids.iter().any(|id| id == key.session_id()));
        }
        for key in self.sessions.keys() {
            missing.remove(key.session_id());
        }
        missing
    }

    /// Keeps only these projects.
    pub(super) fn keep_projects(&mut self, projects: Option<&[String]>) {
        if let Some(projects) = projects {
            self.sessions
                .retain(|key, _| projects.iter().any(|project| project == key.project_key()));
        }
    }
}

fn sorted(entries: cap_std::fs::ReadDir) -> io::Result<Vec<DirEntry>> {
    let mut entries: Vec<_> = entries.collect::<io::Result<_>>()?;
    entries.sort_by_key(DirEntry::file_name);
    Ok(entries)
}

fn depth(path: &Path) -> usize {
    path.components().count()
}

/// `<project>/<session>/subagents/…`
fn is_subagent(path: &Path) -> bool {
    let third = path.components().nth(2);
    third.is_some_and(|part| part.as_os_str() == OsStr::new("subagents")) && depth(path) > 3
}

fn has_suffix(path: &Path, suffix: &str) -> bool {
    path.as_os_str().as_encoded_bytes().ends_with(suffix.as_bytes())
}

#[cfg(test)]
mod tests;
