//! What was refused to one adapter: each thing once, and how often.

use parking_lot::{Mutex, MutexGuard};

use serde::Serialize;
use tokio::sync::broadcast;

use crate::config::network::Refusal;

/// The most different refusals that are kept; more are only counted.
const MOST: usize = 256;
/// How many new refusals a listener may be behind.
const BEHIND: usize = 64;

/// Something that was refused, and how often.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Refused {
    /// What, and what would allow it.
    #[serde(flatten)]
    pub refusal: Refusal,
    /// How often.
    pub times: u64,
}

/// The refusals of one adapter, in the order in which each was first met.
#[derive(Debug)]
pub(super) struct Refusals {
    met: Mutex<Met>,
    new: broadcast::Sender<Refusal>,
}

#[derive(Debug, Default)]
struct Met {
    each: Vec<Refused>,
    total: u64,
}

impl Default for Refusals {
    fn default() -> Self {
        Self {
            met: Mutex::default(),
            new: broadcast::Sender::new(BEHIND),
        }
    }
}

impl Refusals {
    /// Counts a refusal. Returns true if it is new and kept: one that is repeated is reported once.
    pub(super) fn add(&self, refusal: &Refusal) -> bool {
        let mut met = self.lock();
        met.total += 1;
        if let Some(known) = met.each.iter_mut().find(|known| known.refusal == *refusal) {
            known.times += 1;
            return false;
        }
        if met.each.len() == MOST {
            return false;
        }
        let refusal = refusal.clone();
        met.each.push(Refused {
            refusal: refusal.clone(),
            times: 1,
        });
        drop(met);
        // Nobody has to listen.
        let _ = self.new.send(refusal);
        true
    }

    pub(super) fn each(&self) -> Vec<Refused> {
        self.lock().each.clone()
    }

    pub(super) fn total(&self) -> u64 {
        self.lock().total
    }

    pub(super) fn listen(&self) -> broadcast::Receiver<Refusal> {
        self.new.subscribe()
    }

    fn lock(&self) -> MutexGuard<'_, Met> {
        self.met.lock()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(what: impl ToString) -> Refusal {
        Refusal {
            what: what.to_string(),
            remedy: "nothing allows it".to_owned(),
        }
    }

    #[test]
    fn each_refusal_is_told_once_and_counted() {
        let refusals = Refusals::default();
        let mut new = refusals.listen();
        let told: Vec<_> = ["a", "b", "a", "a"].map(|what| refusals.add(&refusal(what))).into();
        assert_eq!(told, [true, true, false, false]);
        assert_eq!(new.try_recv(), Ok(refusal("a")));
        assert_eq!(new.try_recv(), Ok(refusal("b")));
        assert!(new.try_recv().is_err());
        let counted: Vec<_> = refusals
            .each()
            .into_iter()
            .map(|each| (each.refusal.what, each.times))
            .collect();
        assert_eq!(counted, [("a".to_owned(), 3), ("b".to_owned(), 1)]);
        assert_eq!(refusals.total(), 4);
    }

    #[test]
    fn who_tries_everything_fills_no_memory() {
        let refusals = Refusals::default();
        for what in 0..3 * MOST {
            refusals.add(&refusal(what));
        }
        assert_eq!(refusals.each().len(), MOST);
        assert_eq!(refusals.total(), 3 * MOST as u64);
        assert_eq!(refusals.each()[0].refusal, refusal(0));
    }
}
