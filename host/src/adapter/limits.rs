//! What one instance may use, as far as no manifest says it. How long a call may take, a manifest says (`timeout`);
//! `instance` ends one that takes longer.

use wasmtime::ResourceLimiter;

/// An instance that grew past this is retired after its call: 64 MiB.
pub(super) const RETIRE_ABOVE: usize = 64 << 20;
/// An instance is retired after this many calls, whatever leaks inside it.
pub(super) const RETIRE_AFTER: u32 = 10_000;
/// The most handles (files, sockets, streams) that an instance may hold.
pub(super) const MAX_HANDLES: usize = 1_024;
/// The most random bytes that one call of `wasi:random` may give.
pub(super) const MAX_RANDOM: u64 = 1 << 20;
/// The most that the headers of one HTTP message may take, in bytes.
pub(super) const MAX_HEADERS: usize = 128 << 10;
/// The most elements that one table may have.
const MAX_TABLE: usize = 100_000;
/// The most core instances, tables and memories of one component: what the largest language runtimes need, and more.
pub(super) const MAX_PARTS: usize = 256;

/// Counts the memory of one instance over all its linear memories.
#[derive(Debug)]
pub(super) struct Limits {
    most: usize,
    used: usize,
    /// Whether the instance asked for more than it may have since [`Limits::take_refusal`].
    refused: bool,
}

impl Limits {
    pub(super) fn new(most: u64) -> Self {
        Self {
            most: usize::try_from(most).unwrap_or(usize::MAX),
            used: 0,
            refused: false,
        }
    }

    /// The memory that the instance holds, in bytes. Linear memory never shrinks.
    pub(super) fn used(&self) -> usize {
        self.used
    }

    /// Whether memory was refused since the last call.
    pub(super) fn take_refusal(&mut self) -> bool {
        std::mem::take(&mut self.refused)
    }
}

impl ResourceLimiter for Limits {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        let total = self.used.saturating_sub(current).saturating_add(desired);
        if total > self.most {
            self.refused = true;
            return Ok(false);
        }
        let fits = maximum.is_none_or(|maximum| desired <= maximum);
        if fits {
            self.used = total;
        }
        Ok(fits)
    }

    fn table_growing(&mut self, _current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        Ok(desired <= MAX_TABLE.min(maximum.unwrap_or(usize::MAX)))
    }

    fn instances(&self) -> usize {
        MAX_PARTS
    }

    fn tables(&self) -> usize {
        MAX_PARTS
    }

    fn memories(&self) -> usize {
        MAX_PARTS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memories_are_summed() {
        let mut limits = Limits::new(100);
        assert!(limits.memory_growing(0, 60, None).unwrap());
        assert!(limits.memory_growing(0, 30, None).unwrap());
        assert!(!limits.memory_growing(30, 50, None).unwrap());
        assert!(limits.memory_growing(30, 40, None).unwrap());
        assert_eq!(limits.used(), 100);
        assert!(limits.take_refusal());
        assert!(!limits.take_refusal());
    }

    #[test]
    fn a_memory_beyond_its_own_maximum_is_not_counted() {
        let mut limits = Limits::new(100);
        assert!(!limits.memory_growing(0, 60, Some(50)).unwrap());
        assert_eq!(limits.used(), 0);
    }
}
