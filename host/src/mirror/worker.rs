//! The workers of a destination, and their memory of lanes between turns.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};

use super::delivery::Delivery;
use super::destination::MirrorDestination;
use super::lane::Lane;
use super::roster::NextTurn;
use super::shared::Shared;
use crate::key::SessionKey;

/// More than there may be calls, for some of them wait for the disk.
const MORE_THAN_CALLS: usize = 4;

/// Of so many lanes it is kept in memory how their logs stand; of others the cursor tells, at the price of one
/// question.
const REMEMBERED: usize = 1024;

/// How many workers a destination with so many calls at once has.
pub(super) fn workers(calls: usize) -> usize {
    calls.max(1) + MORE_THAN_CALLS
}

/// The state of lanes between their turns. Only workers hold it, so it goes with them.
#[derive(Debug, Default)]
pub(super) struct Memory(Mutex<Remembered>);

#[derive(Debug, Default)]
struct Remembered {
    deliveries: HashMap<SessionKey, (u64, Box<Delivery>)>,
    /// Those that can be forgotten, by how long ago they were used; those that were used since have another number.
    order: VecDeque<(u64, SessionKey)>,
    uses: u64,
}

/// Works at one lane after the other. Never ends: the task's owner drops it.
pub(super) async fn work(shared: Arc<Shared>, destination: Arc<MirrorDestination>) {
    let memory = destination.memory();
    loop {
        let lane = destination.roster.next().await;
        let mut delivery = memory
            .take(&lane)
            .unwrap_or_else(|| Box::new(Delivery::new(shared.clone(), destination.clone(), lane.clone())));
        let next = tokio::select! {
            biased;
            () = lane.retired() => {
                // Nobody rings it any more.
                destination.roster.give_back(&lane, NextTurn::WithNews);
                continue;
            }
            next = delivery.turn() => next,
        };
        memory.put(&lane, delivery);
        destination.settle(&lane);
        destination.roster.give_back(&lane, next);
    }
}

impl Memory {
    fn take(&self, lane: &Arc<Lane>) -> Option<Box<Delivery>> {
        let mut remembered = self.lock();
        // A lane that was retired and began anew is another one.
        let is_same = remembered.deliveries.get(&lane.key)?.1.is_of(lane);
        let (_, delivery) = is_same.then(|| remembered.deliveries.remove(&lane.key))??;
        Some(delivery)
    }

    fn put(&self, lane: &Arc<Lane>, delivery: Box<Delivery>) {
        let mut remembered = self.lock();
        if remembered.deliveries.len() >= REMEMBERED && delivery.is_blank() {
            // It waits for its first batch, as very many do when a host meets them for the first time.
            return;
        }
        remembered.uses += 1;
        let number = remembered.uses;
        // What cannot be forgotten now has more turns to come.
        if delivery.can_be_forgotten() {
            remembered.order.push_back((number, lane.key.clone()));
        }
        remembered.deliveries.insert(lane.key.clone(), (number, delivery));
        remembered.forget_some();
    }

    fn lock(&self) -> MutexGuard<'_, Remembered> {
        self.0.lock()
    }
}

impl Remembered {
    /// Forgets those that were used longest ago, if a cursor can still tell as much.
    fn forget_some(&mut self) {
        while self.order.len() > REMEMBERED {
            let Some((number, key)) = self.order.pop_front() else {
                return;
            };
            let known = self.deliveries.get(&key);
            if known.is_some_and(|(used, delivery)| *used == number && delivery.can_be_forgotten()) {
                self.deliveries.remove(&key);
            }
        }
    }
}
