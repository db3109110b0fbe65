//! A batch as a file: a line of JSON, then the payload as it came.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind, Read};
use std::path::{Path, PathBuf};

use mirrorbox_adapter::{Batch, Error, Kind, Position, Result, SessionKey};
use serde::{Deserialize, Serialize};

use crate::disk;

/// The format of the files: another number means that only another adapter can read them.
const FORMAT: u32 = 1;

/// A header cannot be longer: three parts of a key at 4 KiB, escaped, are 72 KiB.
const MAX_HEADER: u64 = 1 << 20;

/// Enough for most headers; a payload is read past the buffer.
const BUFFER: usize = 1024;

#[derive(Debug, Serialize, Deserialize)]
struct Header<'a> {
    mirrorbox: u32,
    number: u64,
    kind: Cow<'a, str>,
    writer: Cow<'a, str>,
    line: u64,
    digest: Cow<'a, str>,
    bytes: u64,
    project: Cow<'a, str>,
    session: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    subpath: Option<Cow<'a, str>>,
}

/// The first line of a batch's file, with its LF.
pub(crate) fn header(key: &SessionKey, batch: &Batch) -> Result<Vec<u8>> {
    let header = Header {
        mirrorbox: FORMAT,
        number: batch.number,
        kind: batch.kind.name().into(),
        writer: batch.writer.as_str().into(),
        line: batch.line,
        digest: batch.digest.as_str().into(),
        bytes: batch.payload.len() as u64,
        project: key.project_key.as_str().into(),
        session: key.session_id.as_str().into(),
        subpath: key.subpath.as_deref().map(Into::into),
    };
    let mut line = serde_json::to_vec(&header).map_err(|error| Error::Other(error.to_string()))?;
    line.push(b'\n');
    Ok(line)
}

/// A batch's file, open and checked: it is this batch of this key, and complete.
#[derive(Debug)]
pub(crate) struct BatchFile {
    path: PathBuf,
    header: Header<'static>,
    kind: Kind,
    payload: BufReader<File>,
}

impl BatchFile {
    /// Opens the batch of that number; none where there is no file.
    pub(crate) fn open(path: PathBuf, key: &SessionKey, number: u64) -> Result<Option<Self>> {
        let file = match disk::open(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            opened => opened.map_err(|error| unreadable(&path, number, error))?,
        };
        let length = file.metadata().map_err(|error| unreadable(&path, number, error))?.len();
        let mut payload = BufReader::with_capacity(BUFFER, file);
        let mut line = Vec::new();
        let read = (&mut payload).take(MAX_HEADER).read_until(b'\n', &mut line);
        read.map_err(|error| unreadable(&path, number, error))?;
        let damaged = |reason| corrupt(&path, number, reason);
        // Of members that are not ours, only a reader of text sees whether they are text.
        let text = str::from_utf8(&line).ok();
        let header: Header<'static> = text
            .and_then(|text| serde_json::from_str(text).ok())
            .ok_or_else(|| damaged("its first line is not a header"))?;
        if header.mirrorbox != FORMAT {
            return Err(too_new(&path, header.mirrorbox));
        }
        let kind = Kind::from_name(&header.kind).ok_or_else(|| damaged("its kind is unknown"))?;
        if header.number != number || !header.is_of(key) {
            return Err(damaged("it is another batch, moved or copied here"));
        }
        if header.bytes.checked_add(line.len() as u64) != Some(length) {
            return Err(damaged("its payload is cut short or has grown"));
        }
        Ok(Some(Self {
            path,
            header,
            kind,
            payload,
        }))
    }

    pub(crate) fn is_tombstone(&self) -> bool {
        self.kind == Kind::Tombstone
    }

    pub(crate) fn digest(&self) -> &str {
        &self.header.digest
    }

    pub(crate) fn into_position(self) -> Position {
        Position {
            number: self.header.number,
            digest: self.header.digest.into_owned(),
        }
    }

    /// Reads the payload.
    pub(crate) fn into_batch(mut self) -> Result<Batch> {
        let number = self.header.number;
        let length = usize::try_from(self.header.bytes).map_err(|_| corrupt(&self.path, number, "it is too long"))?;
        let mut payload = vec![0; length];
        let read = self.payload.read_exact(&mut payload);
        read.map_err(|error| unreadable(&self.path, number, error))?;
        Ok(Batch {
            number,
            kind: self.kind,
            writer: self.header.writer.into_owned(),
            line: self.header.line,
            digest: self.header.digest.into_owned(),
            payload,
        })
    }
}

impl Header<'_> {
    fn is_of(&self, key: &SessionKey) -> bool {
        self.project == key.project_key
            && self.session == key.session_id
            && self.subpath.as_deref() == key.subpath.as_deref()
    }
}

/// A file that ends early, or something else in its place, is damage. What cannot be read just now is not: too many
/// open files or a disk that is away for a moment must not pass for a batch that is lost.
fn unreadable(path: &Path, number: u64, error: io::Error) -> Error {
    if error.kind() == ErrorKind::UnexpectedEof {
        return corrupt(path, number, "its payload is cut short");
    }
    match disk::failed("read", path, error) {
        Error::Misconfigured(reason) => Error::corrupt(number, number, reason),
        error => error,
    }
}

fn corrupt(path: &Path, number: u64, reason: &str) -> Error {
    Error::corrupt(number, number, format!("{}: {reason}", path.display()))
}

fn too_new(path: &Path, format: u32) -> Error {
    Error::Other(format!(
        "{} has format {format}, and this adapter knows format {FORMAT}: install a newer one",
        path.display()
    ))
}
