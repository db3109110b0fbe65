use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::disk::simulated::Random;

/// Everything that is left to chance in a simulation: one seed decides it.
#[derive(Clone, Debug)]
pub(crate) struct Dice(Arc<Mutex<Random>>);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(Random(seed))))
    }

    pub(crate) fn below(&self, bound: usize) -> usize {
        self.0.lock().unwrap().below(bound)
    }

    pub(crate) fn within(&self, range: Range<usize>) -> usize {
        range.start + self.below(range.len())
    }

    /// Whether something happens that does so many times in a hundred.
    pub(crate) fn percent(&self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub(crate) fn millis(&self, range: Range<usize>) -> Duration {
        Duration::from_millis(self.within(range) as u64)
    }

    /// One of these.
    pub(crate) fn one<'a, T>(&self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }

    pub(crate) fn random(&self) -> Random {
        Random(self.below(usize::MAX) as u64)
    }
}
