use std::io;
use std::path::Path;

use super::mark::Mark;
use crate::agent_format::is_mirrored;
use crate::follow::Tail;
use crate::transcript::{LineError, check_entry};

/// How much is taken at a time.
const BLOCK: usize = 1 << 20;

/// The complete lines of a file that were not taken yet.
#[derive(Debug)]
pub(super) struct Unread {
    tail: Tail,
    mark: Mark,
    pub(super) odd: Odd,
}

/// Lines that are not as the agent writes them.
#[derive(Debug, Default)]
pub(super) struct Odd {
    /// How many are no entries. They are taken as they are.
    pub(super) lines: u64,
    /// What is wrong with the first.
    pub(super) first: Option<String>,
    /// Those that are too long to be taken.
    pub(super) too_long: Vec<TooLong>,
}

/// A line that nobody takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooLong {
    /// The byte at which it begins.
    pub(super) at: u64,
    pub(super) bytes: u64,
}

/// Some lines, and how far the file is taken with them.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) lines: Vec<Vec<u8>>,
    pub(super) mark: Mark,
    /// There is more.
    pub(super) is_full: bool,
}

impl Unread {
    /// Blocks for the disk, as all that is here.
    pub(super) fn open(path: &Path, mark: Mark) -> io::Result<Self> {
        Ok(Self {
            tail: Tail::open(path, mark.offset)?,
            mark,
            odd: Odd::default(),
        })
    }

    /// The next lines that the agent mirrors: so many bytes, or a single larger line.
    pub(super) fn next_block(&mut self) -> Result<Block, LineError> {
        let (mut lines, mut bytes, mut is_full) = (Vec::new(), 0, true);
        while bytes < BLOCK {
            let Some(line) = self.next_line()? else {
                is_full = false;
                break;
            };
            if is_mirrored(&line) {
                bytes += line.len();
                self.note(&line);
                lines.push(line);
            }
        }
        let mark = self.mark.clone();
        Ok(Block { lines, mark, is_full })
    }

    /// The next complete line that is not too long.
    fn next_line(&mut self) -> Result<Option<Vec<u8>>, LineError> {
        loop {
            let at = self.tail.place();
            match self.tail.next_line() {
                Ok(line) => {
                    let place = self.tail.place();
                    line.iter().for_each(|line| self.mark.advance(line, place));
                    return Ok(line);
                }
                Err(LineError::TooLong { .. }) => match self.tail.pass_over()? {
                    Some(bytes) => {
                        self.odd.too_long.push(TooLong { at, bytes });
                        self.mark.pass(self.tail.place());
                    }
                    // Its end is not there yet.
                    None => return Ok(None),
                },
                Err(error) => return Err(error),
            }
        }
    }

    fn note(&mut self, line: &[u8]) {
        if let Err(error) = check_entry(line) {
            self.odd.lines += 1;
            self.odd.first.get_or_insert_with(|| error.to_string());
        }
    }
}

/// How many lines there are to be taken behind a mark, and how many of them before a byte.
pub(super) fn count(path: &Path, mark: Mark, before: u64) -> io::Result<(u64, u64)> {
    let mut unread = Unread::open(path, mark)?;
    let (mut all, mut known) = (0, 0);
    while let Some(line) = unread.next_line().map_err(io::Error::other)? {
        if is_mirrored(&line) {
            all += 1;
            known += u64::from(unread.mark.offset <= before);
        }
    }
    Ok((all, known))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_in_blocks_as_they_are_without_those_that_are_not_mirrored() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s.jsonl");
        let large = format!("{{\"s\":\"{}\"}}", "x".repeat(BLOCK));
        let own = r#"{"type":"api-request"}"#;
        let text = format!("\u{feff}{{\"n\":1}}\n{own}\n\0\0\0\nodd\n{large}\n{{\"n\":2}}\n{{\"to");
        std::fs::write(&path, &text).unwrap();
        let mut unread = Unread::open(&path, Mark::default()).unwrap();
        let first = unread.next_block().unwrap();
        let odd = ["\u{feff}{\"n\":1}", "\0\0\0", "odd", &large].map(|line| line.as_bytes().to_vec());
        assert_eq!(first.lines, odd);
        assert!(first.is_full);
        let second = unread.next_block().unwrap();
        assert_eq!(second.lines, [b"{\"n\":2}"]);
        assert!(!second.is_full);
        assert_eq!(second.mark.offset, (text.len() - "{\"to".len()) as u64);
        assert_eq!((unread.odd.lines, unread.odd.first.is_some()), (3, true));
        assert_eq!(count(&path, Mark::default(), first.mark.offset).unwrap(), (5, 4));
        // And on from there.
        let mut rest = Unread::open(&path, second.mark).unwrap();
        assert_eq!(rest.next_block().unwrap().lines, [] as [Vec<u8>; 0]);
    }

    #[test]
    fn a_line_that_is_too_long_is_passed_over_and_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s.jsonl");
        let file = std::fs::File::create(&path).unwrap();
        // A hole: it reads as NULs.
        let long = crate::transcript::MAX_LINE as u64 + 9;
        std::os::unix::fs::FileExt::write_all_at(&file, b"{\"n\":1}\n", 0).unwrap();
        std::os::unix::fs::FileExt::write_all_at(&file, b"\n{\"n\":2}\n", 8 + long).unwrap();
        let mut unread = Unread::open(&path, Mark::default()).unwrap();
        let block = unread.next_block().unwrap();
        assert_eq!(block.lines, [b"{\"n\":1}", b"{\"n\":2}"]);
        assert_eq!(unread.odd.too_long, [TooLong { at: 8, bytes: long + 1 }]);
        assert_eq!(block.mark.offset, file.metadata().unwrap().len());
    }
}
