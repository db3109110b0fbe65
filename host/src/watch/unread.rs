use std::io;
use std::path::Path;

use super::mark::Mark;
use crate::agent::{Spooled, is_mirrored};
use crate::follow::Tail;
use crate::transcript::{LineError, check_entry};

/// How much is taken at a time.
const BLOCK: usize = 1 << 20;

/// The complete lines of a file that were not taken yet.
#[derive(Debug)]
pub(super) struct Unread {
    tail: Tail,
    mark: Mark,
    /// What is stored already, where that has to be told line by line.
    stored: Option<Spooled>,
    pub(super) odd: Odd,
}

/// Lines that are no entries.
#[derive(Debug, Default)]
pub(super) struct Odd {
    pub(super) lines: u64,
    pub(super) first: Option<String>,
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
    pub(super) fn open(path: &Path, mark: Mark, stored: Option<Spooled>) -> io::Result<Self> {
        Ok(Self {
            tail: Tail::open(path, mark.offset)?,
            mark,
            stored,
            odd: Odd::default(),
        })
    }

    /// The next lines that the agent mirrors and that are not stored: so many bytes, or a single larger line.
    pub(super) fn next_block(&mut self) -> Result<Block, LineError> {
        let (mut lines, mut bytes, mut is_full) = (Vec::new(), 0, true);
        while bytes < BLOCK {
            let Some(line) = self.tail.next_line()? else {
                is_full = false;
                break;
            };
            self.mark.advance(&line, self.tail.place());
            if self.is_wanted(&line) {
                bytes += line.len();
                lines.push(line);
            }
        }
        let mark = self.mark.clone();
        Ok(Block { lines, mark, is_full })
    }

    fn is_wanted(&mut self, line: &[u8]) -> bool {
        if !is_mirrored(line) || self.stored.as_mut().is_some_and(|stored| stored.take(line)) {
            return false;
        }
        match check_entry(line) {
            Ok(()) => true,
            Err(error) => {
                self.odd.lines += 1;
                self.odd.first.get_or_insert_with(|| error.to_string());
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_in_blocks_without_those_that_are_stored_or_not_mirrored() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s.jsonl");
        let large = format!("{{\"s\":\"{}\"}}", "x".repeat(BLOCK));
        let own = r#"{"type":"api-request"}"#;
        let text = format!("{{\"n\":1}}\n{own}\n{{\"n\":1}}\nodd\n{large}\n{{\"n\":2}}\n{{\"to");
        std::fs::write(&path, &text).unwrap();
        let mut stored = Spooled::default();
        stored.add(b"{\"n\":1}");
        let mut unread = Unread::open(&path, Mark::default(), Some(stored)).unwrap();
        let first = unread.next_block().unwrap();
        assert_eq!(
            first.lines,
            [b"{\"n\":1}".to_vec(), large.into_bytes()],
            "one of two equal lines is stored"
        );
        assert!(first.is_full);
        let second = unread.next_block().unwrap();
        assert_eq!(second.lines, [b"{\"n\":2}"]);
        assert!(!second.is_full);
        assert_eq!(second.mark.offset, (text.len() - "{\"to".len()) as u64);
        assert_eq!((unread.odd.lines, unread.odd.first.is_some()), (1, true));
        // And on from there.
        let mut rest = Unread::open(&path, second.mark, None).unwrap();
        assert_eq!(rest.next_block().unwrap().lines, [] as [Vec<u8>; 0]);
    }
}
