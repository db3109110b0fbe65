//! What stands beside the batches of a transcript: covers, summaries, tombstones.

use std::collections::BTreeSet;

use mirrorbox_adapter::{Kind, Piece, Result};

use crate::bucket::Listed;
use crate::cover::Cover;
use crate::layout::{self, Beside, SIDE};
use crate::stream::{LOOKS, Stream};

/// Summaries that were replaced are removed this many at once: a request each would be a waste.
const SUMMARIES_KEPT: usize = 8;

/// What was seen of it.
#[derive(Debug, Default)]
pub(crate) struct Side {
    /// By their last numbers.
    pub(crate) covers: Vec<Cover>,
    /// How far each summary reaches.
    pub(crate) summaries: BTreeSet<u64>,
    /// Where tombstones stand, or were meant to.
    marks: BTreeSet<u64>,
    /// The newest that stands; 0 where none does.
    pub(crate) tombstone: u64,
    /// There may be covers behind those.
    pub(crate) is_cut: bool,
}

impl Side {
    /// Takes in an object of that folder's, if it is one of ours.
    pub(crate) fn take(&mut self, folder: &str, object: &Listed) {
        match Beside::from_name(&object.name) {
            Some(Beside::Cover(numbers)) => self.covers.push(Cover {
                numbers,
                key: format!("{folder}{}", object.name),
                size: object.size,
                modified: object.modified,
            }),
            Some(Beside::Summary(through)) => drop(self.summaries.insert(through)),
            Some(Beside::Tombstone(number)) => drop(self.marks.insert(number)),
            None => {}
        }
    }

    /// Whether a tombstone may stand.
    pub(crate) fn is_marked(&self) -> bool {
        !self.marks.is_empty()
    }

    /// The cover that holds a number.
    pub(crate) fn cover_of(&self, number: u64) -> Option<&Cover> {
        self.covers
            .iter()
            .filter(|cover| cover.holds(number))
            .max_by_key(|cover| *cover.numbers.end())
    }

    /// The keys of what a tombstone hides.
    pub(crate) fn hidden_by(&self, tombstone: u64, stream: &Stream<'_>) -> Vec<String> {
        let covers = self.covers.iter().filter(|cover| *cover.numbers.end() < tombstone);
        let summaries = self
            .summaries
            .range(..=tombstone)
            .map(|through| Beside::Summary(*through));
        let marks = self.marks.range(..tombstone).map(|number| Beside::Tombstone(*number));
        let rest = summaries.chain(marks).map(|beside| stream.beside(&beside));
        covers.map(|cover| cover.key.clone()).chain(rest).collect()
    }
}

/// Which part of what stands beside the batches a call has to see. Names are sorted: covers, summaries, tombstones. A
/// listing begins where the part does, and passes over what the call does not need, so that a request or two are enough
/// however many covers there are.
#[derive(Clone, Copy, Debug)]
pub(crate) enum View {
    /// Covers that may hold this number or what follows, as many as one listing shows; summaries, if it comes so far.
    From(u64),
    /// Every cover that may hold this number or what follows.
    Covers(u64),
    /// Every summary that reaches beyond this number.
    Summaries(u64),
    /// Tombstones alone.
    Tombstones,
}

impl View {
    fn begin(self, beyond: u64) -> String {
        match self {
            Self::From(number) | Self::Covers(number) => layout::covers_from(number),
            Self::Summaries(number) => layout::summaries_beyond(number),
            Self::Tombstones => layout::tombstones_beyond(beyond),
        }
    }

    /// Where to go on behind a listing that ended with that name.
    fn go_on(self, end: String, beyond: u64) -> String {
        let tombstones = layout::tombstones_beyond(beyond);
        match self {
            Self::Covers(_) if layout::is_cover(&end) => end,
            Self::Summaries(_) => end,
            _ => tombstones.max(end),
        }
    }
}

impl Stream<'_> {
    /// A part of what stands beside the batches, with the newest tombstone beyond a number.
    pub(crate) async fn side(&self, view: View, beyond: u64) -> Result<Side> {
        let mut looked_at = BTreeSet::new();
        for _ in 0..LOOKS {
            let mut side = self.list_side(view, beyond).await?;
            let marks = side.marks.iter().rev().take_while(|mark| **mark > beyond);
            let mut gone = false;
            for mark in marks
                .filter(|mark| !looked_at.contains(*mark))
                .copied()
                .collect::<Vec<_>>()
            {
                match self.header(mark).await? {
                    Some(header) if header.kind == Kind::Tombstone => {
                        side.tombstone = mark;
                        return Ok(side);
                    }
                    Some(_) => {}
                    // It never stood, or was removed below a newer one, whose mark is there by now.
                    None => gone = true,
                }
                looked_at.insert(mark);
            }
            if !gone {
                return Ok(side);
            }
        }
        Err(self.restless())
    }

    /// The newest tombstone beyond a number; 0 where none stands.
    pub(crate) async fn tombstone_beyond(&self, number: u64) -> Result<u64> {
        Ok(self.side(View::Tombstones, number).await?.tombstone)
    }

    /// As [`Stream::side`], without a look at what the marks stand for.
    pub(crate) async fn list_side(&self, view: View, beyond: u64) -> Result<Side> {
        let folder = self.side_folder();
        let mut side = Side::default();
        let mut next = Some(view.begin(beyond));
        while let Some(after) = next {
            let listing = self.bucket.list_deep(&folder, &after).await?;
            for object in &listing.objects {
                side.take(&folder, object);
            }
            side.is_cut |= listing.next.as_deref().is_some_and(layout::is_cover);
            next = listing.next.map(|end| view.go_on(end, beyond));
        }
        Ok(side)
    }

    /// Removes what stands beside the batches that a tombstone hides, or a piece of it.
    pub(crate) async fn remove_beside(&self, tombstone: u64, piece: &Piece) -> Result<()> {
        let folder = self.side_folder();
        let mut next = Some(String::new());
        while let Some(after) = next {
            let listing = self.bucket.list_deep(&folder, &after).await?;
            let mut side = Side::default();
            for object in &listing.objects {
                side.take(&folder, object);
            }
            self.bucket.remove(&side.hidden_by(tombstone, self)).await?;
            next = listing.next;
            if next.is_some() && piece.is_over() {
                return Err(Piece::more());
            }
        }
        Ok(())
    }

    fn side_folder(&self) -> String {
        format!("{}{SIDE}", self.folder)
    }

    /// Removes the summaries that a newer one replaced.
    pub(crate) async fn tidy_summaries(&self, side: &Side) -> Result<()> {
        if side.summaries.len() <= SUMMARIES_KEPT {
            return Ok(());
        }
        let replaced = side.summaries.iter().rev().skip(1);
        let replaced: Vec<_> = replaced
            .map(|through| self.beside(&Beside::Summary(*through)))
            .collect();
        self.bucket.tidy(&replaced).await
    }
}
