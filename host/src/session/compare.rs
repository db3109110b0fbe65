//! Compares a local file with a stored stream line by line, for imports and for `verify`.

use std::collections::HashMap;
use std::io::BufRead;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use super::stored::{GivenUp, StoredLines};
use crate::agent_format::metadata;
use crate::transcript::{LineError, Lines, Next};

/// Compares the lines of a local file with the stored ones: the beginning side by side, and from the first difference
/// on as two bags, since an agent that rewrites its file removes rows or changes them.
///
/// Stored metadata entries have no line in the file and are passed over, unless the file holds that very line.
///
/// Memory: the line at hand; from a difference on about 50 bytes for each stored line behind it.
#[derive(Debug)]
pub(super) struct Compare<'a, R, L> {
    local: &'a mut Lines<R>,
    stored: &'a mut StoredLines,
    listener: &'a mut L,
    found: Comparison,
}

/// What a comparison found.
#[derive(Clone, Debug, Default)]
pub(super) struct Comparison {
    /// The complete lines of the file.
    pub(super) lines: u64,
    /// Their bytes.
    pub(super) bytes: u64,
    /// Lines of the file that are not stored.
    pub(super) only_local: u64,
    /// Stored lines that are not in the file; metadata entries do not count.
    pub(super) only_stored: u64,
    /// The first local line, from 1, that differs from the stored one at its place.
    pub(super) differs_at: Option<u64>,
    /// Bytes of the torn last line of the file.
    pub(super) torn: Option<u64>,
    /// The last stored metadata entry, without its LF.
    pub(super) metadata: Option<Bytes>,
}

/// A line of the file that is not stored.
#[derive(Debug)]
pub(super) struct NewLine<'a> {
    /// The line with its LF; it may be taken.
    pub(super) line: &'a mut Vec<u8>,
    /// Its number in the file, from 1.
    pub(super) number: u64,
    /// Whether everything before it is stored, and nothing else.
    pub(super) in_step: bool,
}

/// Hears what a comparison comes across, in order. An error stops it.
pub(super) trait Listener {
    type Stop;

    /// A line that is stored, with its LF; it may be in the file as well.
    fn stored(&mut self, line: &[u8]);

    /// A line of the file that is stored as well was passed over.
    fn present(&mut self, bytes: u64);

    /// A line of the file that is not stored. Never before the last stored line was heard of.
    fn new_line(&mut self, line: NewLine<'_>) -> Result<(), Self::Stop>;
}

/// Why a comparison stopped.
#[derive(Debug)]
pub(super) enum CompareError<S> {
    Local(LineError),
    Stored(GivenUp),
    Listener(S),
}

impl<S> From<LineError> for CompareError<S> {
    fn from(error: LineError) -> Self {
        Self::Local(error)
    }
}

impl<S> From<GivenUp> for CompareError<S> {
    fn from(error: GivenUp) -> Self {
        Self::Stored(error)
    }
}

/// What is stored behind the lines that went side by side.
#[derive(Debug, Default)]
struct RemainingLines {
    lines: HashMap<[u8; 16], u32>,
}

impl RemainingLines {
    fn put(&mut self, line: &[u8]) {
        *self.lines.entry(fingerprint(line)).or_default() += 1;
    }

    fn take(&mut self, line: &[u8]) -> bool {
        // Most often there is no rest, and nothing to hash.
        if self.lines.is_empty() {
            return false;
        }
        let fingerprint = fingerprint(line);
        let Some(count) = self.lines.get_mut(&fingerprint) else {
            return false;
        };
        *count -= 1;
        if *count == 0 {
            self.lines.remove(&fingerprint);
        }
        true
    }
}

/// Half a SHA-256: still far too long for two lines to meet by chance or by intent.
fn fingerprint(line: &[u8]) -> [u8; 16] {
    let digest: [u8; 32] = Sha256::digest(line).into();
    let (half, _) = digest.split_first_chunk().unwrap_or((&[0; 16], &[]));
    *half
}

/// The stored side of one local line.
enum Beside {
    Equal,
    Other(Bytes),
    End,
}

impl<'a, R: BufRead, L: Listener> Compare<'a, R, L> {
    pub(super) fn new(local: &'a mut Lines<R>, stored: &'a mut StoredLines, listener: &'a mut L) -> Self {
        Self {
            local,
            stored,
            listener,
            found: Comparison::default(),
        }
    }

    /// Reads both sides to their ends. The first `known` local lines are stored before what the stored side begins
    /// with: they were compared earlier.
    pub(super) fn run(mut self, known: u64) -> Result<Comparison, CompareError<L::Stop>> {
        let mut line = Vec::new();
        let mut rest = None;
        while self.next_local(&mut line)? {
            let is_known = self.local.line() <= known;
            if is_known {
                self.listener.stored(&line);
            }
            if is_known || self.is_stored(&line, &mut rest)? {
                self.listener.present(line.len() as u64);
            } else {
                self.is_new(&mut line)?;
            }
        }
        if rest.is_none() {
            self.gather(None)?;
        }
        Ok(self.found)
    }

    fn next_local(&mut self, line: &mut Vec<u8>) -> Result<bool, LineError> {
        line.clear();
        match self.local.next_line(line)? {
            Next::Line => {
                self.found.lines += 1;
                self.found.bytes += line.len() as u64;
                Ok(true)
            }
            Next::End => Ok(false),
            Next::Torn { bytes } => {
                self.found.torn = Some(bytes);
                Ok(false)
            }
        }
    }

    /// Whether a local line is stored. The rest is there once the sides went apart, or the stored one ended.
    fn is_stored(&mut self, line: &[u8], rest: &mut Option<RemainingLines>) -> Result<bool, GivenUp> {
        if let Some(rest) = rest {
            return Ok(self.take(rest, line));
        }
        match self.beside(line)? {
            Beside::Equal => Ok(true),
            Beside::End => {
                *rest = Some(RemainingLines::default());
                Ok(false)
            }
            Beside::Other(other) => {
                self.found.differs_at = Some(self.local.line());
                let gathered = rest.insert(self.gather(Some(other))?);
                Ok(self.take(gathered, line))
            }
        }
    }

    fn take(&mut self, rest: &mut RemainingLines, line: &[u8]) -> bool {
        let taken = rest.take(line);
        if taken && !metadata::is_metadata(line) {
            self.found.only_stored = self.found.only_stored.saturating_sub(1);
        }
        taken
    }

    fn beside(&mut self, line: &[u8]) -> Result<Beside, GivenUp> {
        while let Some(stored) = self.stored.next_line()? {
            if stored == line {
                self.heard(&stored);
                return Ok(Beside::Equal);
            }
            if !metadata::is_metadata(&stored) {
                return Ok(Beside::Other(stored));
            }
            self.heard(&stored);
        }
        Ok(Beside::End)
    }

    /// Reads the stored side to its end.
    fn gather(&mut self, first: Option<Bytes>) -> Result<RemainingLines, GivenUp> {
        let mut rest = RemainingLines::default();
        let mut next = first;
        loop {
            let line = match next.take() {
                Some(line) => line,
                None => match self.stored.next_line()? {
                    Some(line) => line,
                    None => return Ok(rest),
                },
            };
            if !self.heard(&line) {
                self.found.only_stored += 1;
            }
            if self.found.differs_at.is_some() {
                rest.put(&line);
            }
        }
    }

    /// Takes note of a stored line; true: it is a metadata entry.
    fn heard(&mut self, line: &Bytes) -> bool {
        self.listener.stored(line);
        let is_metadata = metadata::is_metadata(line);
        if is_metadata {
            // A copy: the line shares the memory of its whole batch.
            self.found.metadata = Some(Bytes::copy_from_slice(without_lf(line)));
        }
        is_metadata
    }

    fn is_new(&mut self, line: &mut Vec<u8>) -> Result<(), CompareError<L::Stop>> {
        self.found.only_local += 1;
        let line = NewLine {
            line,
            number: self.local.line(),
            in_step: self.found.differs_at.is_none(),
        };
        self.listener.new_line(line).map_err(CompareError::Listener)
    }
}

pub(super) fn without_lf(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\n").unwrap_or(line)
}

#[cfg(test)]
mod tests;
