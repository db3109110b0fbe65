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
