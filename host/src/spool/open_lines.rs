//! A stream's file while it is read: lines from a place on, in chunks.

use std::io;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;

use super::error::ReadError;
use super::place::{Base, Chunk, Place};
use crate::disk::{BUFFER, DiskFile};
use crate::store::{BATCH_BYTES, BATCH_ENTRIES};

/// The most lines in one [`Chunk`].
pub const CHUNK_LINES: u64 = BATCH_ENTRIES;

/// The most bytes in one [`Chunk`], but for one that holds a single larger line.
pub const CHUNK_BYTES: usize = BATCH_BYTES;

/// How much is read at once where lines are short.
const STEP: usize = 64 << 10;

/// A file with lines, and which lines they are. Pruning puts another in its place; who has this one reads on.
#[derive(Clone, Debug)]
pub(super) struct OpenLines {
    /// None where nothing is on disk.
    pub(super) file: Option<Arc<dyn DiskFile>>,
    pub(super) path: PathBuf,
    pub(super) start: Place,
    pub(super) base: Arc<Base>,
    pub(super) end: Place,
}

impl OpenLines {
    /// The lines from a place on, as far as they fit a chunk; none at the end.
    pub(super) fn read(&self, from: Place) -> Result<Option<Chunk>, ReadError> {
        self.read_before(from, self.end)
    }

    /// Likewise, those before another place.
    pub(super) fn read_before(&self, from: Place, end: Place) -> Result<Option<Chunk>, ReadError> {
        if from == end {
            return Ok(None);
        }
        self.check(from, end)?;
        let chunk = self.read_chunk(from, end);
        chunk.map(Some).map_err(|source| self.failed(source))
    }

    fn check(&self, from: Place, end: Place) -> Result<(), ReadError> {
        if from.line < self.start.line || from.offset < self.start.offset {
            return Err(self.pruned(from.line));
        }
        if from.line > end.line || from.offset > end.offset {
            return Err(self.beyond(from.line, end));
        }
        let begins = match from.offset - self.start.offset {
            0 => from.line == self.start.line,
            at => from.offset < end.offset && self.is_line_feed(at - 1).map_err(|source| self.failed(source))?,
        };
        if !begins {
            let file = self.path.clone();
            return Err(ReadError::Misplaced { file, place: from });
        }
        Ok(())
    }

    fn is_line_feed(&self, at: u64) -> io::Result<bool> {
        let mut byte = [0];
        Ok(self.read_at(&mut byte, at)? == 1 && byte == *b"\n")
    }

    /// At least one line is there.
    fn read_chunk(&self, from: Place, end: Place) -> io::Result<Chunk> {
        let mut payload = Vec::new();
        let mut found = Cut::default();
        while !found.full {
            let at = from.offset + payload.len() as u64;
            let rest = usize::try_from(end.offset - at).unwrap_or(usize::MAX);
            if rest == 0 {
                break;
            }
            let seen = payload.len();
            payload.resize(seen + rest.min(STEP.max(seen)), 0);
            let into = payload.get_mut(seen..).unwrap_or_default();
            let read = self.read_at(into, at - self.start.offset)?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            payload.truncate(seen + read);
            found.look(&payload, seen);
        }
        if found.lines == 0 {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the last line has no line feed",
            ));
        }
        payload.truncate(found.bytes);
        payload.shrink_to_fit();
        Ok(Chunk {
            first: from,
            next: from.after(found.lines, found.bytes as u64),
            payload: payload.into(),
        })
    }

    /// The place of a line. Reads from the beginning up to it.
    pub(super) fn find(&self, line: u64) -> Result<Place, ReadError> {
        let end = self.end;
        if line < self.start.line {
            return Err(self.pruned(line));
        }
        if line > end.line {
            return Err(self.beyond(line, end));
        }
        if line == end.line {
            return Ok(end);
        }
        let found = self
            .skip(line - self.start.line, end)
            .map_err(|source| self.failed(source))?;
        found.ok_or_else(|| self.beyond(line, end))
    }

    /// The place that many lines behind the start.
    fn skip(&self, lines: u64, end: Place) -> io::Result<Option<Place>> {
        let mut place = self.start;
        let mut at = 0;
        let mut buffer = vec![0; BUFFER];
        while place.line < self.start.line + lines {
            let read = self.read_at(&mut buffer, at)?;
            let bytes = buffer.get(..read).unwrap_or_default();
            if bytes.is_empty() || self.start.offset + at >= end.offset {
                return Ok(None);
            }
            let wanted = usize::try_from(self.start.line + lines - place.line - 1).unwrap_or(usize::MAX);
            if let Some(feed) = memchr::memchr_iter(b'\n', bytes).nth(wanted) {
                let offset = self.start.offset + at + feed as u64 + 1;
                return Ok(Some(Place {
                    line: self.start.line + lines,
                    offset,
                }));
            }
            place.line += memchr::memchr_iter(b'\n', bytes).count() as u64;
            at += read as u64;
        }
        Ok(Some(place))
    }

    fn read_at(&self, into: &mut [u8], at: u64) -> io::Result<usize> {
        match &self.file {
            Some(file) => file.read_at(into, at),
            None => Ok(0),
        }
    }

    pub(super) fn failed(&self, source: io::Error) -> ReadError {
        let file = self.path.clone();
        ReadError::Io { file, source }
    }

    fn pruned(&self, line: u64) -> ReadError {
        ReadError::Pruned {
            file: self.path.clone(),
            line,
            base: Base::clone(&self.base),
        }
    }

    fn beyond(&self, line: u64, end: Place) -> ReadError {
        let file = self.path.clone();
        ReadError::Beyond { file, line, end }
    }
}

/// Where a chunk ends.
#[derive(Debug, Default)]
struct Cut {
    lines: u64,
    bytes: usize,
    full: bool,
}

impl Cut {
    /// Looks at the bytes from `seen` on.
    fn look(&mut self, bytes: &[u8], seen: usize) {
        let feeds = memchr::memchr_iter(b'\n', bytes.get(seen..).unwrap_or_default());
        let taken = feeds.map(|at| seen + at + 1).try_for_each(|end| self.take(end));
        self.full |= taken.is_break() || (self.lines > 0 && bytes.len() >= CHUNK_BYTES);
    }

    fn take(&mut self, end: usize) -> ControlFlow<()> {
        if self.lines > 0 && end > CHUNK_BYTES {
            return ControlFlow::Break(());
        }
        self.lines += 1;
        self.bytes = end;
        if self.lines == CHUNK_LINES || end >= CHUNK_BYTES {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }
}
