//! Asking the destination, from time to time, to keep a stream in fewer objects.

use std::time::Duration;

use tokio::time::Instant;

use super::super::destination::Entered;
use super::super::trouble::Trouble;
use super::Delivery;
use crate::store::{Chain, StoreError};

/// So many new batches are worth a call; whether they are worth the work, the adapter decides.
pub(super) const BATCHES: u64 = 256;

/// What was replaced may be removed after ten minutes, by another call. By then, what another process was still writing
/// while a delete removed is removed by it, too.
const SETTLED: Duration = Duration::from_secs(11 * 60);

/// When a stream was compacted, and when it is to be again.
#[derive(Debug, Default)]
pub(super) struct Compaction {
    /// The end of the log at the last call; none before the first.
    through: Option<u64>,
    again: Option<Instant>,
}

impl Compaction {
    /// A call that was under way somewhere while a stream was deleted, and whose process died, may have left something:
    /// the destination is asked to tidy once more.
    pub(super) fn after_delete(&mut self) {
        self.again = Some(Instant::now() + SETTLED);
    }
}

impl Delivery {
    /// When the destination is to be asked again, though nothing new came.
    pub(super) fn compaction_due(&self) -> Option<Instant> {
        self.compaction.again
    }

    /// Compacts the stream where that is due and nothing waits to be delivered. A failure is no trouble of the
    /// stream's: it is tried again with the next batches.
    pub(super) async fn compact(&mut self, at: &Entered) -> Result<(), Trouble> {
        let number = self.log.as_ref().map_or(0, Chain::number);
        let has_grown = number >= self.compaction.through.unwrap_or(0) + BATCHES;
        let is_due = self.compaction.again.is_some_and(|again| again <= Instant::now());
        if !at.store.info().capabilities.compaction {
            self.compaction.again = None;
            return Ok(());
        }
        if !(has_grown || is_due) {
            return Ok(());
        }
        self.compaction.through = Some(number);
        self.compaction.again = has_grown.then(|| Instant::now() + SETTLED);
        match at.call(at.store.compact(&self.lane.key, number)).await {
            Ok(()) | Err(StoreError::Unsupported) => {}
            Err(error) => {
                let (destination, stream) = (&self.destination.name, &self.lane.key);
                tracing::warn!(destination, %stream, "cannot be compacted: {error}");
            }
        }
        Ok(())
    }
}
