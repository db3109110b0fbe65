//! Retries a call of a store with pauses that double and are partly random.

use std::time::Duration;

use uuid::Uuid;

use crate::backoff::{self, Backoff};
use crate::store::StoreError;

/// Tests need not wait.
const FIRST: Duration = if cfg!(test) {
    Duration::from_millis(1)
} else {
    backoff::FIRST
};
const LONGEST: Duration = Duration::from_secs(5);
const TRIES: u32 = 5;

/// Patience with one call: a few tries, with pauses between them.
#[derive(Debug)]
pub(super) struct Retry {
    left: u32,
    backoff: Backoff,
}

impl Retry {
    pub(super) fn new() -> Self {
        Self::with_tries(TRIES)
    }

    pub(super) fn with_tries(tries: u32) -> Self {
        Self {
            left: tries.saturating_sub(1),
            backoff: Backoff::new(FIRST, LONGEST),
        }
    }

    /// Pauses if trying again can help and there is a try left; false: give up.
    pub(super) async fn again(&mut self, error: &StoreError) -> bool {
        if !error.can_retry() {
            return false;
        }
        self.pause(error.asked_pause()).await
    }

    /// Pauses, `at_least` this long, if there is a try left.
    pub(super) async fn pause(&mut self, at_least: Duration) -> bool {
        match self.next_pause() {
            Some(pause) => {
                tokio::time::sleep(pause.max(at_least)).await;
                true
            }
            None => false,
        }
    }

    /// How long to wait before the next try; none: that was the last one.
    fn next_pause(&mut self) -> Option<Duration> {
        self.left = self.left.checked_sub(1)?;
        let random = f64::from(Uuid::new_v4().as_fields().0) / f64::from(u32::MAX);
        Some(self.backoff.fail_jittered(random))
    }
}

/// Makes a call until it succeeds, fails for good, or the tries are used up.
pub(super) async fn retrying<T>(mut call: impl AsyncFnMut() -> Result<T, StoreError>) -> Result<T, StoreError> {
    let mut retry = Retry::new();
    loop {
        match call().await {
            Err(error) if retry.again(&error).await => {}
            done => return done,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::LONGEST_ASKED;

    #[test]
    fn pauses_double_and_end() {
        let mut retry = Retry::new();
        let pauses: Vec<_> = std::iter::from_fn(|| retry.next_pause()).collect();
        assert_eq!(pauses.len(), 4);
        for (pause, most) in pauses.iter().zip([1, 2, 4, 8].map(|times| FIRST * times)) {
            assert!((most / 2..=most).contains(pause), "{pauses:?}");
        }
    }

    #[test]
    fn pauses_stop_growing() {
        let mut retry = Retry::with_tries(40);
        let longest = std::iter::from_fn(|| retry.next_pause()).max();
        assert!(longest.is_some_and(|pause| pause <= LONGEST), "{longest:?}");
    }

    #[tokio::test]
    async fn a_store_that_comes_back_is_asked_again() {
        let mut calls = 0;
        let done = retrying(async || {
            calls += 1;
            if calls < 3 {
                Err(StoreError::Unavailable("away".into()))
            } else {
                Ok(calls)
            }
        });
        assert_eq!(done.await, Ok(3));
    }

    #[tokio::test]
    async fn a_store_that_stays_away_is_given_up() {
        let mut calls = 0;
        let done: Result<(), _> = retrying(async || {
            calls += 1;
            Err(StoreError::Unavailable("away".into()))
        })
        .await;
        assert_eq!((done, calls), (Err(StoreError::Unavailable("away".into())), TRIES));
    }

    #[tokio::test]
    async fn what_cannot_help_is_not_tried_again() {
        let mut calls = 0;
        let done: Result<(), _> = retrying(async || {
            calls += 1;
            Err(StoreError::Denied("no".into()))
        })
        .await;
        assert_eq!((done, calls), (Err(StoreError::Denied("no".into())), 1));
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_is_waited_for_longer_than_a_minute_a_try() {
        let start = tokio::time::Instant::now();
        let endless = Duration::from_millis(u32::MAX.into());
        let done: Result<(), _> = retrying(async || Err(StoreError::Throttled(endless))).await;
        assert_eq!(done, Err(StoreError::Throttled(endless)));
        assert_eq!(start.elapsed(), LONGEST_ASKED * (TRIES - 1));
    }

    #[tokio::test]
    async fn a_throttled_call_waits_as_long_as_it_was_asked_to() {
        let asked = Duration::from_millis(50);
        let mut calls = Vec::new();
        let done = retrying(async || {
            calls.push(std::time::Instant::now());
            if calls.len() == 1 {
                Err(StoreError::Throttled(asked))
            } else {
                Ok(())
            }
        })
        .await;
        assert_eq!(done, Ok(()));
        assert!(calls[1] - calls[0] >= asked);
    }
}
