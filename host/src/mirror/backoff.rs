use std::time::Duration;

use super::chance::Chance;

/// The first pause.
const FIRST: Duration = Duration::from_millis(200);

/// No pause is longer.
const LONGEST: Duration = Duration::from_secs(30);

/// Pauses that double, half of each random, so that those who failed together do not come back together.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// How often in a row it failed.
    pub(super) fn failures(&self) -> u32 {
        self.failures
    }

    /// After one more failure: how long to wait.
    pub(super) fn fail(&mut self, chance: &Chance) -> Duration {
        let doublings = self.failures.min(16);
        self.failures = self.failures.saturating_add(1);
        let pause = (FIRST * 2u32.pow(doublings)).min(LONGEST);
        pause.mul_f64(0.5 + chance.fraction() / 2.0)
    }

    /// After a success: how often it had failed before.
    pub(super) fn succeed(&mut self) -> u32 {
        std::mem::take(&mut self.failures)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let (chance, mut backoff) = (Chance::seeded(1), Backoff::default());
        let mut expected = FIRST;
        for failures in 1..40 {
            let pause = backoff.fail(&chance);
            assert!(pause >= expected / 2 && pause <= expected, "{failures}: {pause:?}");
            assert_eq!(backoff.failures(), failures);
            expected = (expected * 2).min(LONGEST);
        }
        assert_eq!(backoff.succeed(), 39);
        assert!(backoff.fail(&chance) <= FIRST);
    }
}
