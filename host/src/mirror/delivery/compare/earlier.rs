//! Lines that come before others in their file, and that another copy on this disk is to bring: what stands behind them
//! waits for them.

use std::time::Duration;

use tokio::time::Instant;

use super::super::Delivery;
use crate::mirror::trouble::Trouble;
use crate::store::{Chain, Position};

/// The longest pause before it is looked again: another process may be about to store the lines, or to die.
pub(in super::super) const LOOK: Duration = Duration::from_secs(2);

/// So long nothing moves in the log before the order is given up: a process that lives and does not deliver keeps back
/// nobody's lines for ever. Longer than its own pauses, and than one that is tried again every five minutes waits.
const PATIENCE: Duration = Duration::from_secs(400);

/// Since when lines wait, and where the log ended then.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Waits {
    since: Instant,
    end: Option<Position>,
}

impl Delivery {
    /// The copy whose lines are stored next. What a file's passed lines were left to comes first.
    pub(in super::super) fn next_copy(&self) -> Option<usize> {
        let mut index = self.copies.iter().position(super::super::copy::LocalCopy::is_behind)?;
        // Each copy once at most, whatever they were left to.
        for _ in 1..self.copies.len() {
            match self.brings_first(index) {
                Some(first) => index = first,
                None => break,
            }
        }
        Some(index)
    }

    /// Another copy here to which a copy's passed lines were left.
    fn brings_first(&self, index: usize) -> Option<usize> {
        let met = self.copies.get(index)?.met.as_ref().filter(|met| met.awaits_lines())?;
        let mut beside = self.copies.iter().enumerate().filter(|(at, _)| *at != index);
        let first = beside.find(|(_, copy)| {
            let end = met.foreseen.get(copy.stream.writer()).copied().unwrap_or_default();
            copy.is_behind() && copy.next.line < end
        });
        first.map(|(at, _)| at)
    }

    /// Whether the next lines of a copy have to wait for lines of others. In this lane it is the others' turn then; for
    /// other processes the error says to look again. One that died meanwhile is looked for.
    pub(super) fn waits_for_earlier(&mut self, index: usize) -> Result<bool, Trouble> {
        let Some(met) = self.copies.get(index).and_then(|copy| copy.met.as_ref()) else {
            return Ok(false);
        };
        if !met.awaits_lines() {
            return Ok(false);
        }
        if self.brings_first(index).is_some() {
            return Ok(true);
        }
        let writers: Vec<_> = met.foreseen.keys().cloned().collect();
        let end = self.log.as_ref().and_then(Chain::position);
        let now = Instant::now();
        let waits = self.waits.filter(|waits| waits.end == end);
        let is_moved = self.waits.is_some() && waits.is_none();
        let since = self.waits.insert(waits.unwrap_or(Waits { since: now, end })).since;
        if now.saturating_duration_since(since) > PATIENCE {
            tracing::warn!(
                "{}: lines are stored before earlier ones that {writers:?} did not bring",
                self.lane.key
            );
            if let Some(met) = self.copies.get_mut(index).and_then(|copy| copy.met.as_mut()) {
                met.await_no_more();
            }
            return Ok(false);
        }
        if is_moved && let Some(copy) = self.copies.get_mut(index) {
            // The lines may have come by another way than the one that was foreseen.
            copy.forget_met();
        }
        self.shared.adopt_again();
        Err(Trouble::Earlier { writers })
    }
}
