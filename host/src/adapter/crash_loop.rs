//! How often in a row instances of one adapter ended badly, and when the next may be made. It has no clock: who asks
//! says what time it is.

use std::fmt;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::backoff::{self, FIRST, PARKED};
use crate::store::StoreError;

/// So many bad ends in a row are bad luck; from the next on there are pauses.
const FREE: u32 = 2;
/// No pause is longer. The mirror's own are, once they have grown: when it tries again, it is not turned away here.
const LONGEST: Duration = Duration::from_secs(10);
const _: () = assert!(LONGEST.as_secs() < backoff::LONGEST.as_secs());
/// So many crashes without one answered call, and the adapter is parked.
const PARKS: u32 = 20;

/// Whether an adapter may have fresh instances.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum InstanceState {
    /// It may.
    Ready,
    /// Instances crashed in a row: not before a pause is over. Calls that find no old instance fail meanwhile.
    BackingOff,
    /// It crashed 20 times without answering once: not before five minutes are over, or it is opened anew.
    Parked,
}

impl fmt::Display for InstanceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ready => "ready",
            Self::BackingOff => "backing off",
            Self::Parked => "parked",
        })
    }
}

/// How an instance came to a bad end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FatalEnd {
    /// It trapped, it did not start, or it computed past its deadline: nobody's fault but its own.
    Crashed,
    /// It waited past its deadline. The backend may be away, so nobody is parked for it.
    Waited,
}

/// The bad ends in a row.
#[derive(Debug, Default)]
pub(super) struct CrashLoop {
    ends: u32,
    crashes: u32,
    not_before: Option<Instant>,
    cause: String,
}

impl CrashLoop {
    /// An instance came to a bad end. Says for how long no other is made.
    pub(super) fn failed(&mut self, now: Instant, end: FatalEnd, cause: String) -> Option<Duration> {
        self.ends = self.ends.saturating_add(1);
        self.crashes = self.crashes.saturating_add(u32::from(end == FatalEnd::Crashed));
        self.cause = cause;
        let pause = self.pause()?;
        self.not_before = self.not_before.max(now.checked_add(pause));
        Some(pause)
    }

    /// An instance answered a call, whatever it said.
    pub(super) fn answered(&mut self) {
        // Almost always there is nothing to forget.
        if self.ends > 0 {
            *self = Self::default();
        }
    }

    pub(super) fn state(&self, now: Instant) -> InstanceState {
        match self.left(now) {
            None => InstanceState::Ready,
            Some(_) if self.crashes >= PARKS => InstanceState::Parked,
            Some(_) => InstanceState::BackingOff,
        }
    }

    /// Whether another instance may be made now.
    pub(super) fn check(&self, now: Instant) -> Result<(), StoreError> {
        let Some(left) = self.left(now) else {
            return Ok(());
        };
        let left = humantime::format_duration(Duration::from_millis((left.as_millis() as u64).max(1)));
        let cause = &self.cause;
        Err(StoreError::Unavailable(match self.state(now) {
            InstanceState::Parked => format!(
                "the adapter is parked: it crashed {} times without answering once, at last with: {cause}; it is tried \
                 again in {left}, or at once when its component or its manifest is replaced",
                self.crashes
            ),
            _ => format!(
                "the adapter broke down {} times in a row, at last with: {cause}; it is tried again in {left}",
                self.ends
            ),
        }))
    }

    fn left(&self, now: Instant) -> Option<Duration> {
        let left = self.not_before?.saturating_duration_since(now);
        (!left.is_zero()).then_some(left)
    }

    fn pause(&self) -> Option<Duration> {
        if self.crashes >= PARKS {
            return Some(PARKED);
        }
        let failures = self.ends.checked_sub(FREE).filter(|failures| *failures > 0)?;
        Some(backoff::doubled(FIRST, failures, LONGEST))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crash(crashes: &mut CrashLoop, now: Instant) -> Option<Duration> {
        crashes.failed(now, FatalEnd::Crashed, "unreachable".to_owned())
    }

    #[test]
    fn two_crashes_are_bad_luck_and_then_pauses_double() {
        let (now, mut crashes) = (Instant::now(), CrashLoop::default());
        assert_eq!((crash(&mut crashes, now), crash(&mut crashes, now)), (None, None));
        assert_eq!(crashes.check(now), Ok(()));
        let mut expected = FIRST;
        for _ in FREE + 1..PARKS {
            assert_eq!(crash(&mut crashes, now), Some(expected));
            assert_eq!(crashes.state(now), InstanceState::BackingOff);
            expected = (expected * 2).min(LONGEST);
        }
        assert_eq!(crashes.state(now + LONGEST), InstanceState::Ready);
    }

    #[test]
    fn one_answer_makes_good_for_all() {
        let (now, mut crashes) = (Instant::now(), CrashLoop::default());
        for _ in 0..PARKS - 1 {
            crash(&mut crashes, now);
        }
        crashes.answered();
        assert_eq!(crashes.check(now), Ok(()));
        assert_eq!(crash(&mut crashes, now), None);
    }

    #[test]
    fn who_only_crashes_is_parked_and_tried_once_every_five_minutes() {
        let (now, mut crashes) = (Instant::now(), CrashLoop::default());
        let pauses: Vec<_> = (0..PARKS).map(|_| crash(&mut crashes, now)).collect();
        assert_eq!(pauses.last(), Some(&Some(PARKED)));
        assert_eq!(crashes.state(now + PARKED / 2), InstanceState::Parked);
        let later = now + PARKED;
        assert_eq!(crashes.check(later), Ok(()));
        assert_eq!(crash(&mut crashes, later), Some(PARKED), "one more crash is enough");
        assert_eq!(crashes.state(later + PARKED / 2), InstanceState::Parked);
    }

    #[test]
    fn who_waits_for_a_backend_is_never_parked() {
        let (now, mut crashes) = (Instant::now(), CrashLoop::default());
        for _ in 0..10 * PARKS {
            let pause = crashes.failed(now, FatalEnd::Waited, "no answer".to_owned());
            assert!(pause <= Some(LONGEST), "{pause:?}");
        }
        assert_eq!(crashes.state(now), InstanceState::BackingOff);
    }

    #[test]
    fn an_end_that_was_long_under_way_shortens_no_pause() {
        let (now, mut crashes) = (Instant::now(), CrashLoop::default());
        for _ in 0..PARKS {
            crash(&mut crashes, now);
        }
        let earlier = now.checked_sub(PARKED).unwrap_or(now);
        crash(&mut crashes, earlier);
        assert_eq!(crashes.state(now), InstanceState::Parked);
    }

    #[test]
    fn who_is_turned_away_is_told_why_and_until_when() {
        let (now, mut crashes) = (Instant::now(), CrashLoop::default());
        for _ in 0..3 {
            crash(&mut crashes, now);
        }
        let error = crashes.check(now).unwrap_err();
        assert!(error.can_retry());
        for part in ["3 times in a row", "unreachable", "again in 200ms"] {
            assert!(error.to_string().contains(part), "{error}");
        }
        for _ in 3..PARKS {
            crash(&mut crashes, now);
        }
        let error = crashes.check(now).unwrap_err().to_string();
        assert!(error.contains("parked") && error.contains("5m"), "{error}");
    }
}
