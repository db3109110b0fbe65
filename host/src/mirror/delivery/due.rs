//! When the lines that wait of a copy are due. No clock, and nothing else of a delivery.

use std::time::Duration;

use tokio::time::Instant;

use crate::config::Flush;
use crate::store::{BATCH_BYTES, BATCH_ENTRIES};

/// Lines that do not fill a batch wait this long for more.
const MAX_DELAY: Duration = Duration::from_secs(5);

/// What waits.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct WaitingLines {
    pub(super) lines: u64,
    pub(super) bytes: u64,
    /// The caller asked for some of it: a flush, or the end of a turn.
    pub(super) is_asked_for: bool,
}

impl WaitingLines {
    /// Whether it waits no longer: the caller asked for it, it fills a batch, or nothing here waits for more.
    pub(super) fn is_due(self, flush: Flush) -> bool {
        let fills_a_batch = self.lines >= BATCH_ENTRIES || self.bytes >= BATCH_BYTES as u64;
        self.is_asked_for || fills_a_batch || (flush == Flush::Eager && self.lines > 0)
    }

    /// The moment at which lines that have waited since `since` become due.
    pub(super) fn due(self, flush: Flush, since: Instant, now: Instant) -> Instant {
        match self.is_due(flush) {
            true => now,
            false => since + MAX_DELAY,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_batch_a_wish_and_an_eager_destination_wait_for_nothing() {
        let waiting = |lines, bytes, is_asked_for| WaitingLines {
            lines,
            bytes,
            is_asked_for,
        };
        for (waiting, batched, eager) in [
            (waiting(0, 0, false), false, false),
            (waiting(1, 1, false), false, true),
            (waiting(1, 1, true), true, true),
            (waiting(BATCH_ENTRIES - 1, BATCH_BYTES as u64 - 1, false), false, true),
            (waiting(BATCH_ENTRIES, 1, false), true, true),
            (waiting(1, BATCH_BYTES as u64, false), true, true),
        ] {
            assert_eq!(waiting.is_due(Flush::Batched), batched, "{waiting:?}");
            assert_eq!(waiting.is_due(Flush::Eager), eager, "{waiting:?}");
            let since = Instant::now();
            let now = since + Duration::from_secs(1);
            let due = if batched { now } else { since + MAX_DELAY };
            assert_eq!(waiting.due(Flush::Batched, since, now), due);
        }
    }
}
