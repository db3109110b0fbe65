//! The lines of a stream, each once: a destination's in the order of its log, then those that only spools hold.

use std::collections::HashMap;
use std::ops::Range;

use bytes::{Bytes, BytesMut};

use super::stream::KnownStream;
use super::{Answer, SessionStore};
use crate::agent_format::{Bag, lines_of, metadata};
use crate::key::SessionKey;
use crate::spool::{Base, Place, ReadError, Stored};
use crate::store::{Batch, Kind, Position};

/// So often the spools may change while they are read: what was delivered is removed from them.
const TRIES: u32 = 5;

/// Reads a stream to its end.
#[derive(Debug)]
pub(super) struct StreamReading {
    store: SessionStore,
    key: SessionKey,
    stream: KnownStream,
    given: GivenLines,
    /// What was given, as far as lines of files are to be set off against it.
    said: Option<Bag>,
    /// What the log begins with, if it was deleted.
    tombstone: Option<Position>,
    is_log_read: bool,
    /// Lines of the log were given.
    is_of_log: bool,
    /// How many lines were given.
    lines: u64,
    copy: usize,
    place: Option<Place>,
    tries: u32,
}

impl StreamReading {
    pub(super) async fn new(store: SessionStore, key: SessionKey) -> Answer<Self> {
        let stream = store.know(&key).await?;
        let has_files = stream.copies.iter().any(|copy| !copy.look.doubts().is_empty());
        Ok(Self {
            store,
            key,
            stream,
            given: GivenLines::default(),
            said: has_files.then(Bag::default),
            tombstone: None,
            is_log_read: false,
            is_of_log: false,
            lines: 0,
            copy: 0,
            place: None,
            tries: 0,
        })
    }

    pub(super) fn store(&self) -> &SessionStore {
        &self.store
    }

    pub(super) fn key(&self) -> &SessionKey {
        &self.key
    }

    /// The next lines, each with its LF; none at the end. Blocks for the disk.
    pub(super) async fn next(&mut self) -> Answer<Option<Bytes>> {
        loop {
            let lines = if !self.is_log_read {
                self.next_of_log().await?
            } else if let Some(copy) = self.stream.copies.get(self.copy) {
                let first = self.stream.first(copy, self.tombstone)?;
                match self.next_of_copy(first) {
                    Ok(lines) => lines,
                    Err(error) => {
                        self.begin_again(error).await?;
                        continue;
                    }
                }
            } else {
                return Ok(None);
            };
            if !lines.is_empty() {
                self.lines += memchr::memchr_iter(b'\n', &lines).count() as u64;
                return Ok(Some(lines));
            }
        }
    }

    /// What comes behind what was read begins with this; none where that was nothing.
    pub(super) fn base(&self) -> Option<Base> {
        let log = self.stream.log.as_ref().filter(|_| self.is_of_log);
        let end = log.and_then(|log| Some((log.destination.clone(), log.reader.chain().position()?)));
        match end {
            Some((destination, position)) => Some(Base {
                lines: 0,
                stored: Some(Stored { destination, position }),
            }),
            None if self.lines > 0 => Some(Base {
                lines: self.lines,
                stored: None,
            }),
            None => None,
        }
    }

    async fn next_of_log(&mut self) -> Answer<Bytes> {
        let batch = match &mut self.stream.log {
            Some(log) if !log.is_hidden => match log.first.take() {
                Some(first) => Some(first),
                None => log.reader.next().await?,
            },
            _ => None,
        };
        let Some(batch) = batch else {
            self.is_log_read = true;
            return Ok(Bytes::new());
        };
        if batch.kind == Kind::Tombstone {
            self.tombstone = Some(batch.position());
        }
        let Batch {
            kind, origin, payload, ..
        } = batch;
        if kind != Kind::Entries {
            return Ok(Bytes::new());
        }
        let lines = self.given.take(&origin.writer, origin.line, payload, |_| true);
        if let Some(said) = &mut self.said {
            said.add_payload(&lines);
        }
        self.is_of_log |= !lines.is_empty();
        Ok(lines)
    }

    fn next_of_copy(&mut self, first: u64) -> Result<Bytes, ReadError> {
        let Some(copy) = self.stream.copies.get(self.copy) else {
            return Ok(Bytes::new());
        };
        let end = copy.end();
        let place = match self.place {
            Some(place) => place,
            None => match first {
                first if first >= end => copy.look.end(),
                first if first == copy.look.start().line => copy.look.start(),
                first => copy.look.find(first)?,
            },
        };
        let chunk = match place.line < end {
            true => copy.look.read_before(place, copy.look.end())?,
            false => None,
        };
        let Some(chunk) = chunk else {
            (self.copy, self.place) = (self.copy + 1, None);
            return Ok(Bytes::new());
        };
        self.place = Some(chunk.next);
        let file = copy.look.doubts().first().map_or(u64::MAX, |doubt| doubt.from);
        let mut said = self.said.as_mut();
        let is_wanted = |found: FoundLine<'_>| match &mut said {
            Some(said) if found.number >= file => is_new(said, found.line),
            Some(said) if !found.is_given => {
                said.add(found.line);
                true
            }
            _ => true,
        };
        let lines = self
            .given
            .take(&copy.writer, chunk.first.line, chunk.payload, is_wanted);
        Ok(lines)
    }

    /// Lines went from a spool while it was read, because a destination has them: it is asked once more, and what was
    /// given is not given again.
    async fn begin_again(&mut self, error: ReadError) -> Answer<()> {
        self.tries += 1;
        if self.tries >= TRIES {
            return Err(error.into());
        }
        self.stream = self.store.know(&self.key).await?;
        (self.is_log_read, self.tombstone, self.copy, self.place) = (false, None, 0, None);
        Ok(())
    }
}

/// Whether a line of a file is said nowhere yet; it is from now on.
fn is_new(said: &mut Bag, line: &[u8]) -> bool {
    if metadata::is_metadata(line) {
        let is_last = said.metadata.as_deref() == Some(line);
        said.metadata = Some(line.to_owned());
        return !is_last;
    }
    // One that was said stands for one that is found, and for no other.
    !said.take(line)
}

/// A line as it is met.
struct FoundLine<'a> {
    number: u64,
    /// Without its LF.
    line: &'a [u8],
    is_given: bool,
}

/// Which lines were given, by writer.
#[derive(Debug, Default)]
struct GivenLines {
    writers: HashMap<String, Vec<Range<u64>>>,
}

impl GivenLines {
    /// Those of consecutive lines that were not given yet and that are wanted; all of them count as given.
    fn take(
        &mut self,
        writer: &str,
        first: u64,
        payload: Bytes,
        mut is_wanted: impl FnMut(FoundLine<'_>) -> bool,
    ) -> Bytes {
        if !self.writers.contains_key(writer) {
            self.writers.insert(writer.to_owned(), Vec::new());
        }
        let Some(ranges) = self.writers.get_mut(writer) else {
            return payload;
        };
        let (mut kept, mut left_out, mut number, mut at) = (BytesMut::new(), false, first, 0);
        for line in payload.split_inclusive(|byte| *byte == b'\n') {
            let is_given = ranges.iter().any(|range| range.contains(&number));
            let found = FoundLine {
                number,
                line: lines_of(line).next().unwrap_or_default(),
                is_given,
            };
            match is_wanted(found) && !is_given {
                true if left_out => kept.extend_from_slice(line),
                true => {}
                false if left_out => {}
                false => {
                    // All before this one are wanted.
                    kept.extend_from_slice(payload.get(..at).unwrap_or_default());
                    left_out = true;
                }
            }
            (number, at) = (number + 1, at + line.len());
        }
        add(ranges, first..number);
        match left_out {
            true => kept.freeze(),
            false => payload,
        }
    }
}

/// Lines come mostly one behind the other: there is one range, or few.
fn add(ranges: &mut Vec<Range<u64>>, lines: Range<u64>) {
    match ranges.last_mut() {
        Some(last) if last.end == lines.start => last.end = lines.end,
        _ => ranges.push(lines),
    }
}
