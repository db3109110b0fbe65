//! Which lanes of a destination have something to do, and who does it: a few workers, whatever the number of lanes.
//!
//! A lane that has nothing to do is an entry in a map. One that has is rung, waits in line, and gets a worker for one
//! turn ([`super::delivery`]): a batch at most. One that has to wait for a time is rung at that time.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Notify;
use tokio::time::Instant;

/// The lanes of one destination that have something to do ([`super::lane::Lane`]); only their [`Turn`] counts here.
#[derive(Debug)]
pub(super) struct Roster<L> {
    state: Mutex<RosterState<L>>,
    rung: Notify,
    turn_of: TurnOf<L>,
}

/// Where a lane keeps its turn, which the roster alone changes.
type TurnOf<L> = fn(&L) -> MutexGuard<'_, Turn>;

#[derive(Debug)]
struct RosterState<L> {
    ready: VecDeque<Arc<L>>,
    /// The number keeps those of one time apart.
    later: BTreeMap<(Instant, u64), Arc<L>>,
    numbers: u64,
}

/// Where a lane is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Turn {
    /// It has nothing to do.
    #[default]
    Asleep,
    /// It waits for a time.
    Later(Instant, u64),
    /// It waits in line.
    Ready,
    /// A worker has it.
    Working,
    /// A worker has it, and there was news since.
    WorkingAndRung,
}

/// When a lane wants its next turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NextTurn {
    /// As soon as those that wait have had theirs.
    Soon,
    At(Instant),
    /// With the next news.
    WithNews,
}

impl<L> Roster<L> {
    pub(super) fn new(turn_of: TurnOf<L>) -> Self {
        let state = RosterState {
            ready: VecDeque::new(),
            later: BTreeMap::new(),
            numbers: 0,
        };
        Self {
            state: Mutex::new(state),
            rung: Notify::new(),
            turn_of,
        }
    }

    /// There is news for a lane: it gets a turn.
    pub(super) fn ring(&self, lane: &Arc<L>) {
        let mut state = self.state();
        let mut turn = (self.turn_of)(lane);
        match *turn {
            Turn::Ready | Turn::WorkingAndRung => {}
            Turn::Working => *turn = Turn::WorkingAndRung,
            Turn::Asleep => {
                *turn = Turn::Ready;
                state.ready.push_back(lane.clone());
            }
            Turn::Later(at, number) => {
                *turn = Turn::Ready;
                state.later.remove(&(at, number));
                state.ready.push_back(lane.clone());
            }
        }
        drop(turn);
        drop(state);
        self.rung.notify_one();
    }

    /// The lane whose turn it is. Its worker gives it back ([`Roster::give_back`]), or drops everything.
    pub(super) async fn next(&self) -> Arc<L> {
        loop {
            let rung = self.rung.notified();
            let soonest = match self.pop() {
                Ok(lane) => return lane,
                Err(soonest) => soonest,
            };
            match soonest {
                None => rung.await,
                Some(at) => {
                    tokio::select! {
                        biased;
                        () = rung => {}
                        () = tokio::time::sleep_until(at) => self.wait_over(at),
                    }
                }
            }
        }
    }

    /// A worker is done with a lane for now.
    pub(super) fn give_back(&self, lane: &Arc<L>, next: NextTurn) {
        let mut state = self.state();
        let mut turn = (self.turn_of)(lane);
        let next = match *turn {
            Turn::WorkingAndRung => NextTurn::Soon,
            _ => next,
        };
        *turn = match next {
            NextTurn::WithNews => Turn::Asleep,
            NextTurn::Soon => {
                state.ready.push_back(lane.clone());
                Turn::Ready
            }
            NextTurn::At(at) => {
                state.numbers += 1;
                let number = state.numbers;
                state.later.insert((at, number), lane.clone());
                Turn::Later(at, number)
            }
        };
        drop(turn);
        drop(state);
        // An earlier time than those that others sleep for, or one more in line.
        self.rung.notify_one();
    }

    /// The first in line; else the time at which the next one comes, if there is one.
    fn pop(&self) -> Result<Arc<L>, Option<Instant>> {
        let mut state = self.state();
        state.move_due(Instant::now(), self.turn_of);
        let Some(lane) = state.ready.pop_front() else {
            return Err(state.later.first_key_value().map(|((at, _), _)| *at));
        };
        *(self.turn_of)(&lane) = Turn::Working;
        if !state.ready.is_empty() || !state.later.is_empty() {
            // Another worker takes the next one, or watches the clock.
            self.rung.notify_one();
        }
        Ok(lane)
    }

    /// Timers are coarser than instants: what was waited for is over, whatever the clock says.
    fn wait_over(&self, at: Instant) {
        self.state().move_due(at, self.turn_of);
    }

    fn state(&self) -> MutexGuard<'_, RosterState<L>> {
        self.state.lock()
    }
}

impl<L> RosterState<L> {
    fn move_due(&mut self, now: Instant, turn_of: TurnOf<L>) {
        while let Some(first) = self.later.first_entry().filter(|first| first.key().0 <= now) {
            let lane = first.remove();
            *turn_of(&lane) = Turn::Ready;
            self.ready.push_back(lane);
        }
    }
}
