//! What stands beside the batches of a transcript, in one listing: covers, summaries, tombstones.

use std::collections::BTreeSet;

use mirrorbox_adapter::{Kind, Result};

use crate::bucket::Listed;
use crate::cover::Cover;
use crate::layout::{Beside, SIDE};
use crate::stream::{LOOKS, Stream};

/// Summaries that were replaced are removed this many at once: a request each would be a waste.
const SUMMARIES_KEPT: usize = 8;

/// What one listing saw.
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

impl Stream<'_> {
    /// What stands beside the batches, with the newest tombstone.
    pub(crate) async fn side(&self) -> Result<Side> {
        self.side_beyond(0).await
    }

    /// [`Stream::side`], but only a tombstone beyond that number matters.
    pub(crate) async fn side_beyond(&self, number: u64) -> Result<Side> {
        let mut looked_at = BTreeSet::new();
        for _ in 0..LOOKS {
            let mut side = self.list_side().await?;
            let beyond = side.marks.iter().rev().take_while(|mark| **mark > number);
            let mut gone = false;
            for mark in beyond
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

    pub(crate) async fn list_side(&self) -> Result<Side> {
        let folder = format!("{}{SIDE}", self.folder);
        let mut side = Side::default();
        for object in self.bucket.list_all(&folder).await? {
            side.take(&folder, &object);
        }
        Ok(side)
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
        self.bucket.remove(&replaced).await
    }
}
