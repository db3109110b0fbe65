use std::fmt;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::store::Position;

/// A place between two lines of a writer's copy of a stream. Pruning moves no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Place {
    /// The number of the line that begins here, from 1, those before the [`Base`] counted.
    pub line: u64,
    /// The bytes of the lines before it since the copy began, pruned ones counted.
    pub offset: u64,
}

impl Place {
    /// The place of the first line after a base, in a copy that begins there.
    pub(super) fn first(base: &Base) -> Self {
        Self {
            line: base.lines + 1,
            offset: 0,
        }
    }

    pub(crate) fn after(self, lines: u64, bytes: u64) -> Self {
        Self {
            line: self.line + lines,
            offset: self.offset + bytes,
        }
    }
}

/// What comes before the first line that a spool holds of a stream: nothing, unless the session was resumed or the
/// stream was pruned.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Base {
    /// So many lines of the stream come before; the first line here has the number after it.
    pub lines: u64,
    /// A destination that holds them.
    pub stored: Option<Stored>,
}

/// Where a destination holds what comes before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The destination's name.
    pub destination: String,
    /// The batch that reaches to the base.
    pub position: Position,
}

/// Lines of a file that may be at destinations already, under whichever writer. The mirror compares them there, line by
/// line, before it delivers any.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Doubt {
    /// The file's first line here. From there on, up to the next doubt, the copy holds the lines of one file in order.
    pub from: u64,
    /// The line after the last that the file held when it was found. What comes behind was seen growing.
    pub to: u64,
    /// So many of the first count as deleted where the stream was deleted: it is not known that they came after that.
    pub taken: u64,
}

/// What is about to be appended of a file that was found as it is: nobody saw it growing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Doubtful {
    /// How many lines.
    pub lines: u64,
    /// [`Doubt::taken`] of them.
    pub taken: u64,
    /// They come behind what this copy holds of the same file already.
    pub goes_on: bool,
}

impl Doubtful {
    /// Adds the doubt about lines that begin at a line to those that there are.
    pub(super) fn add_to(self, doubts: &mut Vec<Doubt>, from: u64) {
        let to = from + self.lines;
        match doubts.last_mut() {
            Some(last) if self.goes_on => last.to = to,
            _ => doubts.push(Doubt {
                from,
                to,
                taken: self.taken,
            }),
        }
    }
}

/// Consecutive synced lines, as many as fit a batch.
#[derive(Clone, PartialEq, Eq)]
pub struct Chunk {
    /// Where they begin.
    pub first: Place,
    /// The place after them.
    pub next: Place,
    /// JSON Lines, each ended by LF, as they were appended.
    pub payload: Bytes,
}

impl fmt::Debug for Chunk {
    /// Without the payload: it is a person's conversation.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chunk")
            .field("first", &self.first)
            .field("next", &self.next)
            .field("payload", &format_args!("{} bytes", self.payload.len()))
            .finish()
    }
}
