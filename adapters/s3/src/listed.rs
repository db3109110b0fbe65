//! What listings of a transcript's folder show: its batches, and what stands beside them.

use std::collections::BTreeSet;

use mirrorbox_adapter::{Error, Result};

use crate::bucket::Listed;
use crate::cover::Cover;
use crate::layout::{self, Beside};

/// A batch in a listing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slot {
    pub(crate) number: u64,
    pub(crate) size: u64,
    /// Unix milliseconds, by the server's clock.
    pub(crate) modified: i64,
}

/// One listing's worth of batches, by number.
#[derive(Debug, Default)]
pub(crate) struct Slots {
    pub(crate) all: Vec<Slot>,
    /// Whether there are more behind them.
    pub(crate) more: bool,
    /// The name of an object that looks like a batch and is not one.
    pub(crate) foreign: Option<String>,
}

impl Slot {
    /// None where the name is no batch's.
    pub(crate) fn from_listed(object: &Listed) -> Option<Self> {
        Some(Self {
            number: layout::batch_number(&object.name)?,
            size: object.size,
            modified: object.modified,
        })
    }
}

impl Slots {
    /// Refuses what another program put among the batches, which lie at this URL.
    pub(crate) fn check(&self, url: &str) -> Result<()> {
        let Some(name) = &self.foreign else {
            return Ok(());
        };
        let before = self
            .all
            .iter()
            .rev()
            .find(|slot| layout::batch(slot.number).as_str() < name.as_str());
        let number = before.map_or(1, |slot| slot.number.saturating_add(1));
        Err(Error::corrupt(
            number,
            number,
            format!("{url}{name}: another program put this object among the batches"),
        ))
    }
}

/// What was seen beside the batches of a transcript.
#[derive(Debug, Default)]
pub(crate) struct Side {
    /// By their last numbers.
    pub(crate) covers: Vec<Cover>,
    /// How far each summary reaches.
    pub(crate) summaries: BTreeSet<u64>,
    /// Where tombstones stand, or were meant to.
    pub(crate) marks: BTreeSet<u64>,
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

    /// The keys of what a tombstone hides, in a transcript's folder.
    pub(crate) fn hidden_by(&self, tombstone: u64, folder: &str) -> Vec<String> {
        let covers = self.covers.iter().filter(|cover| *cover.numbers.end() < tombstone);
        let summaries = self
            .summaries
            .range(..=tombstone)
            .map(|through| Beside::Summary(*through));
        let marks = self.marks.range(..tombstone).map(|number| Beside::Tombstone(*number));
        let rest = summaries
            .chain(marks)
            .map(|beside| format!("{folder}{}", beside.name()));
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
    pub(crate) fn begin(self, beyond: u64) -> String {
        match self {
            Self::From(number) | Self::Covers(number) => layout::covers_from(number),
            Self::Summaries(number) => layout::summaries_beyond(number),
            Self::Tombstones => layout::tombstones_beyond(beyond),
        }
    }

    /// Where to go on behind a listing that ended with that name.
    pub(crate) fn go_on(self, end: String, beyond: u64) -> String {
        let tombstones = layout::tombstones_beyond(beyond);
        match self {
            Self::Covers(_) if layout::is_cover(&end) => end,
            Self::Summaries(_) => end,
            _ => tombstones.max(end),
        }
    }
}
