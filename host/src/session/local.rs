use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cap_std::ambient_authority;
use cap_std::fs::{Dir, DirEntry};

use super::StreamError;
use crate::agent_format::{self, FileKind, Listing, metadata};
use crate::key::SessionKey;
use crate::transcript::{EntryError, Lines, MAX_LINE};

/// Enough that a system call is nothing beside the work on what it brings.
const BUFFER: usize = 256 << 10;

const LINK: &str = "is a symbolic link, which is not followed";

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
        let mut scan = ProjectsScan {
            projects: self,
            streams: BTreeMap::new(),
            found: LocalSessions::default(),
        };
        let mut entries: Vec<_> = self.dir.entries()?.collect::<io::Result<_>>()?;
        entries.sort_by_key(DirEntry::file_name);
        for entry in entries {
            let name = PathBuf::from(entry.file_name());
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => scan.project(&name),
                Ok(kind) if kind.is_file() => scan.found.passed_over += 1,
                Ok(kind) if kind.is_symlink() => scan.odd(&name, LINK),
                Ok(_) => scan.odd(&name, "is no regular file"),
                Err(error) => scan.odd(&name, format!("cannot be read: {error}")),
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

/// One look over the directory.
struct ProjectsScan<'a> {
    projects: &'a ProjectsDir,
    streams: BTreeMap<SessionKey, LocalStream>,
    found: LocalSessions,
}

impl ProjectsScan<'_> {
    fn project(&mut self, folder: &Path) {
        let Listing {
            files,
            unreadable,
            links,
            odd,
            others,
        } = agent_format::list_everything(&self.projects.path.join(folder));
        for file in files {
            self.file(folder.join(file.path), file.kind, file.bytes);
        }
        for (path, error) in unreadable {
            let path = self.within(&path);
            match FileKind::of(&path) {
                // It is met again when the file is opened, and then its stream fails.
                Some(kind) => self.file(path, kind, 1),
                None => self.odd(&path, format!("cannot be read: {error}")),
            }
        }
        for path in links {
            self.odd(&self.within(&path), LINK);
        }
        for (path, reason) in odd {
            self.odd(&self.within(&path), reason);
        }
        self.found.passed_over += others;
    }

    /// A path relative to the projects directory.
    fn within(&self, path: &Path) -> PathBuf {
        path.strip_prefix(&self.projects.path).unwrap_or(path).to_owned()
    }

    fn file(&mut self, path: PathBuf, kind: FileKind, bytes: u64) {
        if kind == FileKind::Transcript && bytes == 0 {
            self.found.passed_over += 1;
            return;
        }
        let Some(stream) = self.stream(&agent_format::transcript_of(&path), &path) else {
            return;
        };
        match kind {
            FileKind::Sidecar => stream.sidecar = Some(path),
            FileKind::Transcript => {
                let until = u64::MAX;
                stream.transcript = Some(LocalFile { path, bytes, until });
            }
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

    fn odd(&mut self, path: &Path, reason: impl Into<String>) {
        self.found.passed_over += 1;
        self.found.odd.push((self.projects.name_of(path), reason.into()));
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

#[cfg(test)]
mod tests;
