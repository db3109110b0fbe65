//! Reads JSON Lines of limited length; a line that the input ends within is reported and not returned.

use std::fmt;
use std::io::{self, BufRead};

use super::MAX_LINE;

/// Reads JSON Lines: complete lines only, each with its LF, as the bytes that they are.
///
/// A CR before the LF is part of the line. An empty line is a line. Memory: the one line that is being read.
///
/// ```
/// use mirrorbox::transcript::{Lines, Next};
///
/// let mut lines = Lines::new(&b"{\"type\":\"mode\"}\n{\"type\":"[..]);
/// let mut line = Vec::new();
/// assert_eq!(lines.next_line(&mut line)?, Next::Line);
/// assert_eq!(line, b"{\"type\":\"mode\"}\n");
/// assert_eq!(lines.next_line(&mut line)?, Next::Torn { bytes: 8 });
/// assert_eq!((lines.line(), lines.offset()), (1, 16));
/// # Ok::<(), mirrorbox::transcript::LineError>(())
/// ```
pub struct Lines<R> {
    reader: R,
    limit: usize,
    line: u64,
    offset: u64,
    state: ReadState,
}

/// What [`Lines::next_line`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// A complete line; it was appended.
    Line,
    /// The input ended within a line: so many bytes follow the last LF. Nothing was appended.
    Torn {
        /// The bytes behind the last LF.
        bytes: u64,
    },
    /// The input is at its end.
    End,
}

/// Why a line could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LineError {
    /// A line is longer than the limit.
    #[error("line {line} (at byte {offset}) is longer than {limit} bytes, which is more than a transcript line can be")]
    TooLong {
        /// The line's number, from 1.
        line: u64,
        /// Where it begins, in bytes from the start of the input.
        offset: u64,
        /// The limit, in bytes with the LF.
        limit: usize,
    },
    /// The input failed.
    #[error("cannot read line {line} (at byte {offset}): {source}")]
    Io {
        /// The number of the line that was being read, from 1.
        line: u64,
        /// Where it begins, in bytes from the start of the input.
        offset: u64,
        /// What failed.
        source: io::Error,
    },
}

impl LineError {
    /// Whether reading the same input again from its start (or from `offset`) may succeed.
    pub fn can_retry(&self) -> bool {
        matches!(self, Self::Io { .. })
    }
}

/// Where reading stands. An error is final: the part of the line that was read is gone.
#[derive(Clone, Copy)]
enum ReadState {
    Reading,
    Ended,
    TooLong,
    Failed(io::ErrorKind),
}

impl<R> Lines<R> {
    /// Complete lines so far.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// Bytes of the complete lines so far.
    pub fn offset(&self) -> u64 {
        self.offset
    }
}

impl<R: BufRead> Lines<R> {
    /// Reads lines of at most [`MAX_LINE`] bytes.
    pub fn new(reader: R) -> Self {
        Self::with_limit(reader, MAX_LINE)
    }

    /// Reads lines of at most `limit` bytes, their LF included.
    pub fn with_limit(reader: R, limit: usize) -> Self {
        Self {
            reader,
            limit,
            line: 0,
            offset: 0,
            state: ReadState::Reading,
        }
    }

    /// Appends the next complete line, its LF included, to `into`.
    ///
    /// At most one limit's worth of bytes is read for it. An error is final: every later call gives it again, but for a
    /// line that is too long, which [`Lines::pass_over`] goes behind.
    pub fn next_line(&mut self, into: &mut Vec<u8>) -> Result<Next, LineError> {
        let start = into.len();
        let next = match self.state {
            ReadState::Reading => self.read_line(into),
            ReadState::Ended => Ok(Next::End),
            ReadState::TooLong => Err(self.too_long()),
            ReadState::Failed(kind) => Err(self.failed(kind.into())),
        };
        match next {
            Ok(Next::Line) => {
                self.line += 1;
                self.offset += (into.len() - start) as u64;
            }
            _ => into.truncate(start),
        }
        next
    }

    /// Goes behind the line that was too long, and gives its bytes with the LF; `None` where the input ends before the
    /// LF.
    pub fn pass_over(&mut self) -> Result<Option<u64>, LineError> {
        let ReadState::TooLong = self.state else {
            return Ok(None);
        };
        let mut bytes = self.limit as u64;
        loop {
            let chunk = match self.reader.fill_buf() {
                Ok(chunk) => chunk,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(self.failed(error)),
            };
            if chunk.is_empty() {
                return Ok(None);
            }
            let (part, complete) = up_to_line_feed(chunk);
            let used = part.len();
            self.reader.consume(used);
            bytes += used as u64;
            if complete {
                self.line += 1;
                self.offset += bytes;
                self.state = ReadState::Reading;
                return Ok(Some(bytes));
            }
        }
    }

    fn read_line(&mut self, into: &mut Vec<u8>) -> Result<Next, LineError> {
        let start = into.len();
        loop {
            let taken = into.len() - start;
            let chunk = match self.reader.fill_buf() {
                Ok(chunk) => chunk,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(self.failed(error)),
            };
            if chunk.is_empty() {
                return Ok(self.end(taken));
            }
            let room = self.limit - taken;
            let chunk = chunk.get(..room).unwrap_or(chunk);
            let (part, complete) = up_to_line_feed(chunk);
            let used = part.len();
            into.extend_from_slice(part);
            self.reader.consume(used);
            if complete {
                return Ok(Next::Line);
            }
            if used == room {
                return Err(self.too_long());
            }
        }
    }

    fn end(&mut self, taken: usize) -> Next {
        self.state = ReadState::Ended;
        match taken {
            0 => Next::End,
            bytes => Next::Torn { bytes: bytes as u64 },
        }
    }

    fn too_long(&mut self) -> LineError {
        self.state = ReadState::TooLong;
        LineError::TooLong {
            line: self.line + 1,
            offset: self.offset,
            limit: self.limit,
        }
    }

    fn failed(&mut self, source: io::Error) -> LineError {
        self.state = ReadState::Failed(source.kind());
        LineError::Io {
            line: self.line + 1,
            offset: self.offset,
            source,
        }
    }
}

/// The bytes up to the first LF and with it, or all of them; and whether there is one.
fn up_to_line_feed(chunk: &[u8]) -> (&[u8], bool) {
    match memchr::memchr(b'\n', chunk).and_then(|at| chunk.get(..=at)) {
        Some(part) => (part, true),
        None => (chunk, false),
    }
}

impl<R> fmt::Debug for Lines<R> {
    /// Without the reader: it may hold a user's conversation.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lines")
            .field("line", &self.line)
            .field("offset", &self.offset)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
