//! What copies on this disk are still to bring to a log: it is counted as if it were there, so no copy brings it a
//! second time. What stands behind it in the file waits for it: `earlier`.

use super::super::super::content::LogLines;
use super::super::super::ledger::LedgerEntry;
use super::super::Delivery;
use super::first_doubt;
use crate::agent_format::{Bag, lines_of};
use crate::spool::{Doubt, Other, ReadError, StreamLook};

/// What one copy is to bring.
#[derive(Debug)]
pub(super) struct Foreseen {
    pub(super) writer: String,
    /// Its lines before this one are counted.
    pub(super) end: u64,
    /// Lines that no batch has brought yet.
    pub(super) coming: Bag,
}

/// Counts what another writer's spool will bring; `None` where that is nothing.
///
/// Of two copies of a file, the younger one gives way: else each could leave a line to the other.
pub(super) fn foresee(read: &mut LogLines, other: &Other, entry: &LedgerEntry) -> Result<Option<Foreseen>, ReadError> {
    let doubts = other.look.doubts();
    let from_line = entry.share(&other.writer).from_line;
    let first_doubt = first_doubt(doubts);
    let mut coming = Bag::default();
    each_line(&other.look, from_line, first_doubt, |number, line| {
        if !read.has(&other.writer, number) {
            coming.add(line);
        }
    })?;
    read.lines.add_all(&coming);
    let is_certain = !doubts.is_empty() && !other.is_older;
    let files = if is_certain { &[] } else { doubts };
    for (index, doubt) in files.iter().enumerate() {
        let next = files.get(index + 1);
        let file = lines_of_file(read, other, (doubt, next), from_line)?;
        // It brings what is lacking of a file by then.
        coming.add_all(&read.lines.raise_to(&file));
    }
    let end = if is_certain { first_doubt } else { other.look.end().line };
    Ok((end > other.look.start().line).then(|| Foreseen {
        writer: other.writer.clone(),
        end,
        coming,
    }))
}

/// The lines of one file in another writer's copy, up to where the next file begins.
fn lines_of_file(
    read: &LogLines,
    other: &Other,
    (doubt, next): (&Doubt, Option<&Doubt>),
    from_line: u64,
) -> Result<Bag, ReadError> {
    let kept_back = if read.has_tombstone {
        doubt.from + doubt.taken
    } else {
        0
    };
    let mut file = Bag::default();
    let from = doubt.from.max(from_line).max(kept_back);
    let end = next.map_or(u64::MAX, |next| next.from);
    each_line(&other.look, from, end, |_, line| file.add(line))?;
    Ok(file)
}

impl Delivery {
    /// Counts what waits beside a copy in this very lane and is delivered without being compared. Of files in doubt
    /// there, each is compared with what was stored before.
    pub(super) fn foresee_here(
        &self,
        index: usize,
        read: &mut LogLines,
        entry: &LedgerEntry,
    ) -> Result<Vec<Foreseen>, ReadError> {
        let mut foreseen = Vec::new();
        let beside = self.copies.iter().enumerate().filter(|(at, _)| *at != index);
        for (_, copy) in beside.filter(|(_, copy)| !copy.is_stopped) {
            let (stream, writer) = (&copy.stream, copy.stream.writer());
            let from = copy.next.line.max(entry.share(writer).from_line);
            // In this order: what is noted as in doubt is noted before it is there.
            let end = stream.end().line;
            let end = first_doubt(&stream.doubts()).min(end);
            if from >= end {
                continue;
            }
            let (mut coming, mut place) = (Bag::default(), stream.find(from)?);
            while place.line < end
                && let Some(chunk) = stream.read(place)?
            {
                for (number, line) in (place.line..end).zip(lines_of(&chunk.payload)) {
                    if !read.has(writer, number) {
                        coming.add(line);
                    }
                }
                place = chunk.next;
            }
            read.lines.add_all(&coming);
            let writer = writer.to_owned();
            foreseen.push(Foreseen { writer, end, coming });
        }
        Ok(foreseen)
    }

    /// Whether a writer's lines are in this lane, or it is known to have none.
    pub(super) fn is_reckoned_with(&self, writer: &str) -> bool {
        let is_here = self.copies.iter().any(|copy| copy.stream.writer() == writer);
        // Among the news there may be a copy of its that has not been looked at.
        is_here || self.shared.is_adopted_whole(writer) && self.lane.progress().copies.get(writer).is_none()
    }
}

/// Shows a spool's lines from one on and before another one.
fn each_line(stream: &StreamLook, from: u64, end: u64, mut show: impl FnMut(u64, &[u8])) -> Result<(), ReadError> {
    let (from, end) = (from.max(stream.start().line), end.min(stream.end().line));
    if from >= end {
        return Ok(());
    }
    let mut place = stream.find(from)?;
    while let Some(chunk) = stream.read(place)? {
        for (number, line) in (place.line..end).zip(lines_of(&chunk.payload)) {
            show(number, line);
        }
        place = chunk.next;
        if place.line >= end {
            break;
        }
    }
    Ok(())
}
