use std::fs::File;
use std::io::{self, BufReader, Seek, SeekFrom};
use std::path::Path;

use crate::disk::may_fail;
use crate::transcript::{LineError, Lines, Next};

/// Enough that a system call is nothing beside the work on what it brings.
const BUFFER: usize = 256 << 10;

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

#[cfg(test)]
mod tests {
    use super::*;

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
