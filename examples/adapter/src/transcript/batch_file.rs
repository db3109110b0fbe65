//! A batch as a file: a line of JSON, then the payload as it came.

use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::path::PathBuf;

use mirrorbox_adapter::{Batch, Error, Kind, Position, Result, SessionKey};
use serde::{Deserialize, Serialize};

use crate::files::failed;

/// Another number in a batch's first line: another adapter wrote it.
const FORMAT: u32 = 1;

#[derive(Debug, Serialize, Deserialize)]
struct Header {
    mirrorbox: u32,
    number: u64,
    kind: String,
    writer: String,
    line: u64,
    digest: String,
    bytes: u64,
    project: String,
    session: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    subpath: Option<String>,
}

/// The first line of a batch's file, with its LF.
pub(super) fn header(key: &SessionKey, batch: &Batch) -> Result<Vec<u8>> {
    let header = Header {
        mirrorbox: FORMAT,
        number: batch.number,
        kind: batch.kind.name().to_owned(),
        writer: batch.writer.clone(),
        line: batch.line,
        digest: batch.digest.clone(),
        bytes: batch.payload.len() as u64,
        project: key.project_key.clone(),
        session: key.session_id.clone(),
        subpath: key.subpath.clone(),
    };
    let mut line = serde_json::to_vec(&header).map_err(|error| Error::Other(error.to_string()))?;
    line.push(b'\n');
    Ok(line)
}

/// A batch's file, open and checked: it is this batch of this key, and complete.
#[derive(Debug)]
pub(super) struct BatchFile {
    path: PathBuf,
    header: Header,
    kind: Kind,
    payload: BufReader<File>,
}

impl BatchFile {
    /// Opens the batch of that number; none where there is no file.
    pub(super) fn open(path: PathBuf, key: &SessionKey, number: u64) -> Result<Option<Self>> {
        let file = match File::open(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            opened => opened.map_err(|error| failed("open", &path, &error))?,
        };
        let metadata = file.metadata().map_err(|error| failed("read", &path, &error))?;
        let mut payload = BufReader::new(file);
        let mut line = Vec::new();
        let read = payload.read_until(b'\n', &mut line);
        read.map_err(|error| failed("read", &path, &error))?;
        let damaged = |reason| Error::corrupt(number, number, format!("{}: {reason}", path.display()));
        let header: Header = serde_json::from_slice(&line).map_err(|_| damaged("its first line is not a header"))?;
        if header.mirrorbox != FORMAT {
            return Err(Error::Other(format!(
                "{} has format {}, and this adapter knows format {FORMAT}: install a newer one",
                path.display(),
                header.mirrorbox
            )));
        }
        let kind = Kind::from_name(&header.kind).ok_or_else(|| damaged("its kind is unknown"))?;
        if header.number != number || !header.is_of(key) {
            return Err(damaged("it is another batch, moved or copied here"));
        }
        if header.bytes.checked_add(line.len() as u64) != Some(metadata.len()) {
            return Err(damaged("its payload is cut short or has grown"));
        }
        Ok(Some(Self {
            path,
            header,
            kind,
            payload,
        }))
    }

    pub(super) fn is_tombstone(&self) -> bool {
        self.kind == Kind::Tombstone
    }

    pub(super) fn digest(&self) -> &str {
        &self.header.digest
    }

    pub(super) fn position(self) -> Position {
        Position {
            number: self.header.number,
            digest: self.header.digest,
        }
    }

    /// Reads the payload.
    pub(super) fn into_batch(mut self) -> Result<Batch> {
        let Header {
            number,
            writer,
            line,
            digest,
            bytes,
            ..
        } = self.header;
        let mut payload = Vec::with_capacity(usize::try_from(bytes).unwrap_or_default());
        let read = self.payload.read_to_end(&mut payload);
        read.map_err(|error| failed("read", &self.path, &error))?;
        Ok(Batch {
            number,
            kind: self.kind,
            writer,
            line,
            digest,
            payload,
        })
    }
}

impl Header {
    fn is_of(&self, key: &SessionKey) -> bool {
        (&self.project, &self.session, &self.subpath) == (&key.project_key, &key.session_id, &key.subpath)
    }
}
