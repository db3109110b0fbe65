//! What was listed for one page, kept for the page that follows.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::listed::{Side, Slot, Slots};

/// How long a listing of batches serves the pages that follow. What compaction covered is removed ten minutes later, so
/// until then no slot is free that a listing showed taken, but for a delete's: tombstones are looked for with each
/// page.
pub(crate) const KEPT_FOR: Duration = Duration::from_secs(30);

/// What the listings showed.
#[derive(Debug)]
pub(crate) struct Shelf {
    pub(crate) side: Side,
    pub(crate) slots: BTreeMap<u64, Slot>,
    listed: Instant,
}

impl Shelf {
    pub(crate) fn new(side: Side, slots: Slots) -> Self {
        Self {
            side,
            slots: slots.all.into_iter().map(|slot| (slot.number, slot)).collect(),
            listed: Instant::now(),
        }
    }

    pub(crate) fn holds(&self, number: u64) -> bool {
        self.slots.contains_key(&number) || self.side.cover_of(number).is_some()
    }

    /// Whether a page may begin there without another look.
    pub(crate) fn is_good_for(&self, next: u64) -> bool {
        self.listed.elapsed() < KEPT_FOR && self.holds(next)
    }

    /// The first number from there on that anything holds.
    pub(crate) fn at_or_behind(&self, number: u64) -> Option<u64> {
        let covers = self.side.covers.iter().filter(|cover| *cover.numbers.end() >= number);
        let covered = covers.map(|cover| *cover.numbers.start().max(&number)).min();
        let slot = self.slots.range(number..).next().map(|(number, _)| *number);
        covered.into_iter().chain(slot).min()
    }

    /// The numbers from there on that have their own objects and no cover, until they have that many bytes.
    pub(crate) fn run(&self, from: u64, bytes: u64) -> Vec<u64> {
        let mut numbers = Vec::new();
        let mut sum = 0;
        for (number, slot) in self.slots.range(from..) {
            let follows = numbers
                .last()
                .is_none_or(|last: &u64| last.checked_add(1) == Some(*number));
            let enough = !numbers.is_empty() && sum >= bytes;
            if enough || !follows || self.side.cover_of(*number).is_some() {
                break;
            }
            numbers.push(*number);
            sum += slot.size;
        }
        numbers
    }
}
