//! Pauses between tries: each twice the one before, up to a longest one. No clock, and no chance but the caller's.

use std::time::Duration;

/// The first pause, unless a caller says otherwise: a server that restarts is back after a few of them.
pub(crate) const FIRST: Duration = Duration::from_millis(200);

/// No pause is longer, unless a caller says otherwise: what comes back is used again within half a minute.
pub(crate) const LONGEST: Duration = Duration::from_secs(30);

/// The pause where trying again cannot help before a person has done something.
pub(crate) const PARKED: Duration = Duration::from_secs(300);

/// How often in a row something failed, and how long to wait after that.
#[derive(Debug)]
pub(crate) struct Backoff {
    first: Duration,
    longest: Duration,
    failures: u32,
}

impl Default for Backoff {
    fn default() -> Self {
        Self::new(FIRST, LONGEST)
    }
}

impl Backoff {
    pub(crate) fn new(first: Duration, longest: Duration) -> Self {
        Self {
            first,
            longest,
            failures: 0,
        }
    }

    /// How often in a row it failed.
    pub(crate) fn failures(&self) -> u32 {
        self.failures
    }

    /// After one more failure: how long to wait.
    pub(crate) fn fail(&mut self) -> Duration {
        self.failures = self.failures.saturating_add(1);
        doubled(self.first, self.failures, self.longest)
    }

    /// The same with half of it left to chance, a `fraction` from 0 to 1, so that those who failed together do not come
    /// back together.
    pub(crate) fn fail_jittered(&mut self, fraction: f64) -> Duration {
        self.fail().mul_f64(0.5 + fraction / 2.0)
    }

    /// After a success: how often it had failed before.
    pub(crate) fn succeed(&mut self) -> u32 {
        std::mem::take(&mut self.failures)
    }
}

/// The pause after so many failures in a row.
pub(crate) fn doubled(first: Duration, failures: u32, longest: Duration) -> Duration {
    // More doublings would overflow, and no pause is that long.
    let doublings = failures.saturating_sub(1).min(16);
    (first * 2u32.pow(doublings)).min(longest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let mut backoff = Backoff::default();
        let mut expected = FIRST;
        for failures in 1..40 {
            assert_eq!((backoff.fail(), backoff.failures()), (expected, failures));
            expected = (expected * 2).min(LONGEST);
        }
        assert_eq!(backoff.succeed(), 39);
        assert_eq!(backoff.fail(), FIRST);
    }

    #[test]
    fn half_of_a_pause_is_left_to_chance() {
        for (fraction, pause) in [(0.0, FIRST / 2), (0.5, FIRST * 3 / 4), (1.0, FIRST)] {
            assert_eq!(Backoff::default().fail_jittered(fraction), pause);
        }
    }
}
