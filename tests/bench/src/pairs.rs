//! Two things measured in turns.

use std::time::{Duration, Instant};

/// The times of many short calls of two things, in turns.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    a: Vec<Duration>,
    b: Vec<Duration>,
}

impl Turns {
    pub(crate) async fn a<T, E>(&mut self, call: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        let start = Instant::now();
        let result = call.await;
        self.a.push(start.elapsed());
        result
    }

    pub(crate) fn b<T, E>(&mut self, call: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        let start = Instant::now();
        let result = call();
        self.b.push(start.elapsed());
        result
    }
}

/// The times of two things, round by round.
#[derive(Debug, Default)]
pub(crate) struct Pairs {
    rounds: Vec<(f64, f64)>,
}

/// The middle of some figures, and how far they reach.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

impl Pairs {
    pub(crate) fn add(&mut self, a: Duration, b: Duration) {
        self.rounds.push((a.as_secs_f64(), b.as_secs_f64()));
    }

    /// A round of many calls: one slow sync among them does not make it slow.
    pub(crate) fn add_medians(&mut self, turns: Turns) {
        let median = |times: &[Duration]| Spread::of(times.iter().map(Duration::as_secs_f64)).median;
        self.rounds.push((median(&turns.a), median(&turns.b)));
    }

    /// A's time for one of B's, round by round.
    pub(crate) fn ratio(&self) -> Spread {
        Spread::of(self.rounds.iter().map(|(a, b)| a / b))
    }

    /// How much longer A takes than B, in seconds.
    pub(crate) fn difference(&self) -> Spread {
        Spread::of(self.rounds.iter().map(|(a, b)| a - b))
    }

    pub(crate) fn a(&self) -> Spread {
        Spread::of(self.rounds.iter().map(|(a, _)| *a))
    }

    pub(crate) fn b(&self) -> Spread {
        Spread::of(self.rounds.iter().map(|(_, b)| *b))
    }
}

impl Spread {
    fn of(figures: impl Iterator<Item = f64>) -> Self {
        let mut figures: Vec<_> = figures.collect();
        figures.sort_by(f64::total_cmp);
        let at = |index: usize| figures.get(index).copied().unwrap_or(f64::NAN);
        Self {
            median: at(figures.len() / 2),
            min: at(0),
            max: at(figures.len().saturating_sub(1)),
        }
    }
}
