use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use crate::disk::may_fail;
use crate::transcript::{LineError, Lines, Next};

/// Enough that a system call is nothing beside the work on what it brings.
const BUFFER: usize = 256 << 10;

/// How much is looked through at a time for the end of a line: most lines are shorter.
const STEP: u64 = 4 << 10;

/// The complete lines of a file from a place on.
#[derive(Debug)]
pub(crate) struct Tail {
    from: u64,
    lines: Lines<BufReader<File>>,
    torn: u64,
}

impl Tail {
    /// Reads on at a byte, where a line begins.
    pub(crate) fn open(path: &Path, from: u64) -> io::Result<Self> {
        may_fail(path)?;
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(from))?;
        Ok(Self {
            from,
            lines: Lines::new(BufReader::with_capacity(BUFFER, file)),
            torn: 0,
        })
    }

    /// The next line without its line feed; none where no complete one is there. Blocks for the disk.
    pub(crate) fn next_line(&mut self) -> Result<Option<Vec<u8>>, LineError> {
        let mut line = Vec::new();
        Ok(match self.lines.next_line(&mut line)? {
            Next::Line => {
                line.pop();
                Some(line)
            }
            Next::Torn { bytes } => {
                self.torn = bytes;
                None
            }
            Next::End => None,
        })
    }

    /// Goes behind a line that was too long, and gives its bytes; `None` where its end is not there.
    pub(crate) fn pass_over(&mut self) -> Result<Option<u64>, LineError> {
        self.lines.pass_over()
    }

    /// How many bytes of a line that is not complete the file ended with, once its end was met.
    pub(crate) fn torn(&self) -> u64 {
        self.torn
    }

    /// The byte behind the last line that was read.
    pub(crate) fn place(&self) -> u64 {
        self.from + self.lines.offset()
    }
}

/// The byte behind the last complete line of a file's first bytes: where the line begins that comes next, or that is
/// torn there.
pub(crate) fn complete_lines(path: &Path, first: u64) -> io::Result<u64> {
    may_fail(path)?;
    let mut file = File::open(path)?;
    let mut end = file.seek(SeekFrom::End(0))?.min(first);
    while end > 0 {
        let begin = end.saturating_sub(STEP);
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(begin))?;
        (&mut file).take(end - begin).read_to_end(&mut bytes)?;
        if let Some(feed) = memchr::memrchr(b'\n', &bytes) {
            return Ok(begin + feed as u64 + 1);
        }
        end = begin;
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complete_lines_end_behind_the_last_line_feed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s.jsonl");
        let long = "x".repeat(2 * STEP as usize);
        for (text, first, end) in [
            ("", u64::MAX, 0),
            ("{", u64::MAX, 0),
            ("{}\n", u64::MAX, 3),
            ("{}\n{", u64::MAX, 3),
            (&*format!("{{}}\n{long}"), u64::MAX, 3),
            ("{}\n{}\n", 5, 3),
            ("{}\n{}\n", 3, 3),
            ("{}\n{}\n", 2, 0),
        ] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(complete_lines(&path, first).unwrap(), end, "{text}");
        }
    }

    #[test]
    fn complete_lines_are_read_and_the_torn_one_waits() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.jsonl");
        std::fs::write(&path, "{}\n{\"a\":1}\n{\"b").unwrap();
        let mut tail = Tail::open(&path, 3).unwrap();
        assert_eq!(tail.next_line().unwrap().unwrap(), b"{\"a\":1}");
        assert_eq!(tail.next_line().unwrap(), None);
        assert_eq!((tail.place(), tail.torn()), (11, 3));
    }
}
