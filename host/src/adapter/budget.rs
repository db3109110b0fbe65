//! What all adapters of a process share: places in the pool of instances, and descriptors. What an adapter may come to
//! need is set aside when it is opened, so that nobody can take it away from it later.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use parking_lot::{Mutex, MutexGuard};

use super::AdapterError;
use super::place::REPLACED;

/// What an instance of a component is made of: itself, core instances, memories and tables.
pub(super) type PoolParts = [u32; 4];

const NAMES: [&str; 4] = ["instances", "core instances", "memories", "tables"];

/// What the pool has room for: it reserves addresses, not memory. A component that a compiler for systems languages
/// makes has one memory and up to three tables and four core instances.
pub(super) const POOLED: PoolParts = [512, 4_096, 1_024, 2_048];
/// One adapter may have a part of it: a quarter.
const SHARE: u32 = 4;

/// Of the descriptors that the process may open, guests may have so many in all: half. The rest is the spool's and the
/// agent's.
const GUESTS_PART: u64 = 2;
/// What one adapter's guests may hold: an eighth of what is left, within these. With fewer no adapter works, for each
/// of its instances opens a few files or connections.
const DESCRIPTORS_PART: usize = 8;
const FEWEST_DESCRIPTORS: usize = 16;
const MOST_DESCRIPTORS: usize = 1_000;
/// What an instance has open by itself: its thread's events, and a granted directory or two.
const OF_AN_INSTANCE: usize = 5;

/// What is left for adapters that open.
#[derive(Debug)]
pub(super) struct Budget(Mutex<Unclaimed>);

#[derive(Debug)]
struct Unclaimed {
    parts: PoolParts,
    descriptors: usize,
}

impl Budget {
    /// For a process that may open so many descriptors.
    pub(super) fn new(descriptors: u64) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Unclaimed {
            parts: POOLED,
            descriptors: usize::try_from(descriptors / GUESTS_PART).unwrap_or(usize::MAX),
        })))
    }

    /// Sets aside what an adapter of so many instances may come to need, each made of these parts. Some more stand in
    /// for those that hang.
    pub(super) fn share(self: &Arc<Self>, instances: u16, each: PoolParts) -> Result<Arc<AdapterShare>, AdapterError> {
        let own = usize::from(instances) * OF_AN_INSTANCE;
        let instances = u32::from(instances) + u32::from(REPLACED);
        let parts = each.map(|part| part.saturating_mul(instances));
        let mut left = self.lock();
        for (((name, wanted), most), left) in NAMES.iter().zip(parts).zip(POOLED).zip(left.parts) {
            let most = most / SHARE;
            if wanted > most.min(left) {
                return Err(AdapterError::NoRoom {
                    reason: format!("with {REPLACED} in reserve it may need {wanted} {name}, and may have {most}"),
                    left: (wanted <= most).then_some(left.into()),
                });
            }
        }
        let rest = left.descriptors.saturating_sub(own);
        if rest < FEWEST_DESCRIPTORS {
            return Err(AdapterError::NoRoom {
                reason: format!("it may need {} open files and connections", own + FEWEST_DESCRIPTORS),
                left: Some(left.descriptors as u64),
            });
        }
        let descriptors = (rest / DESCRIPTORS_PART).clamp(FEWEST_DESCRIPTORS, MOST_DESCRIPTORS);
        for (left, part) in left.parts.iter_mut().zip(parts) {
            *left -= part;
        }
        left.descriptors -= own + descriptors;
        Ok(Arc::new(AdapterShare {
            budget: self.clone(),
            parts,
            set_aside: own + descriptors,
            most: descriptors,
            held: AtomicUsize::new(0),
        }))
    }

    fn lock(&self) -> MutexGuard<'_, Unclaimed> {
        self.0.lock()
    }
}

/// What was set aside for one adapter, until it is gone.
#[derive(Debug)]
pub(super) struct AdapterShare {
    budget: Arc<Budget>,
    parts: PoolParts,
    set_aside: usize,
    /// Descriptors that its guests may hold, and do.
    most: usize,
    held: AtomicUsize,
}

impl AdapterShare {
    /// How many descriptors the adapter's guests may hold together.
    pub(super) fn most_descriptors(&self) -> usize {
        self.most
    }

    /// One more descriptor. Returns `None` if the adapter holds all that it may.
    pub(super) fn hold(self: &Arc<Self>) -> Option<HeldDescriptors> {
        let mut held = HeldDescriptors {
            share: self.clone(),
            count: 0,
        };
        held.set(1).then_some(held)
    }

    /// A count of descriptors that begins with none.
    pub(super) fn none_yet(self: &Arc<Self>) -> HeldDescriptors {
        HeldDescriptors {
            share: self.clone(),
            count: 0,
        }
    }
}

impl Drop for AdapterShare {
    fn drop(&mut self) {
        let mut left = self.budget.lock();
        for (left, part) in left.parts.iter_mut().zip(self.parts) {
            *left += part;
        }
        left.descriptors += self.set_aside;
    }
}

/// Descriptors that are counted for an adapter until this is dropped.
#[derive(Debug)]
pub(super) struct HeldDescriptors {
    share: Arc<AdapterShare>,
    count: usize,
}

impl HeldDescriptors {
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Counts so many from now on, if the adapter may hold as many; fewer are always counted.
    pub(super) fn set(&mut self, count: usize) -> bool {
        let most = self.share.most;
        let others = |held: usize| held - self.count;
        let fits = |held: usize| (count <= self.count || others(held) + count <= most).then(|| others(held) + count);
        let is_counted = self.share.held.fetch_update(Relaxed, Relaxed, fits).is_ok();
        if is_counted {
            self.count = count;
        }
        is_counted
    }
}

impl Drop for HeldDescriptors {
    fn drop(&mut self) {
        self.share.held.fetch_sub(self.count, Relaxed);
    }
}

/// How many descriptors this process may open.
#[cfg(unix)]
pub(super) fn descriptor_limit() -> u64 {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    limit.current.unwrap_or(u64::MAX)
}

/// There is no such limit.
#[cfg(not(unix))]
pub(super) fn descriptor_limit() -> u64 {
    u64::MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORDINARY: PoolParts = [1, 4, 1, 3];

    fn reason(refused: Result<Arc<AdapterShare>, AdapterError>) -> (String, bool) {
        let error = refused.unwrap_err();
        (error.to_string(), error.can_retry())
    }

    #[test]
    fn an_ordinary_adapter_may_have_as_many_instances_as_a_manifest_allows() {
        Budget::new(1_024).share(64, ORDINARY).unwrap();
    }

    #[test]
    fn who_is_made_of_many_parts_may_have_few_instances() {
        let budget = Budget::new(20_000);
        let (reason, can_retry) = reason(budget.share(4, [1, 127, 127, 1]));
        assert!(
            reason.contains("1016 memories") || reason.contains("core instances"),
            "{reason}"
        );
        assert!(!can_retry, "{reason}");
        budget.share(1, [1, 50, 50, 1]).unwrap();
    }

    #[test]
    fn what_was_set_aside_comes_back() {
        let budget = Budget::new(20_000);
        let shares: Vec<_> = (0..SHARE).map(|_| budget.share(1, [1, 200, 50, 1]).unwrap()).collect();
        let (reason, can_retry) = reason(budget.share(1, [1, 200, 50, 1]));
        assert!(can_retry && reason.contains("other adapters"), "{reason}");
        drop(shares);
        budget.share(1, [1, 200, 50, 1]).unwrap();
    }

    #[test]
    fn an_adapter_holds_no_more_descriptors_than_its_own() {
        let budget = Budget::new(1_024);
        let (one, other) = (budget.share(4, ORDINARY).unwrap(), budget.share(4, ORDINARY).unwrap());
        let mut held = one.none_yet();
        assert!(held.set(one.most_descriptors() - 1));
        let last = one.hold().unwrap();
        assert!(one.hold().is_none() && !held.set(one.most_descriptors()));
        assert!(other.hold().is_some());
        drop(last);
        assert!(held.set(one.most_descriptors()) && held.set(1));
        assert!(one.most_descriptors() + other.most_descriptors() < 512);
    }

    #[test]
    fn ten_adapters_open_where_a_process_may_open_little() {
        let budget = Budget::new(1_024);
        let opened: Vec<_> = (0..10).map(|_| budget.share(4, ORDINARY).unwrap()).collect();
        let most: Vec<_> = opened.iter().map(|share| share.most_descriptors()).collect();
        assert!(most.iter().all(|most| *most >= FEWEST_DESCRIPTORS), "{most:?}");
    }
}
