use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// How far a long command is. Totals are 0 while they are not known; some grow while it works.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Streams that are finished, well or not.
    pub streams: u64,
    /// Streams that are known of.
    pub total_streams: u64,
    /// Lines that are done: passed over, appended, read or written.
    pub entries: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Bytes that are known of. What is tried again counts again: `bytes` can be a little more.
    pub total_bytes: u64,
}

/// Is called with the newest figures every 256 KiB and after each stream, from any thread. It must not block.
pub type OnProgress = Arc<dyn Fn(Progress) + Send + Sync>;

/// How many bytes go by between two calls.
const STEP: u64 = 256 << 10;

/// Tells nobody.
pub fn silent() -> OnProgress {
    Arc::new(|_| ())
}

/// Counts for everybody who works on one command.
#[derive(Clone)]
pub(super) struct Meter {
    counters: Arc<ProgressCounters>,
    tell: OnProgress,
}

#[derive(Debug, Default)]
struct ProgressCounters {
    streams: AtomicU64,
    total_streams: AtomicU64,
    entries: AtomicU64,
    bytes: AtomicU64,
    total_bytes: AtomicU64,
}

impl fmt::Debug for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Meter").field("counters", &self.counters).finish()
    }
}

impl Meter {
    pub(super) fn new(tell: OnProgress) -> Self {
        Self {
            counters: Arc::default(),
            tell,
        }
    }

    pub(super) fn expect(&self, streams: u64, bytes: u64) {
        self.counters.total_streams.fetch_add(streams, Relaxed);
        self.counters.total_bytes.fetch_add(bytes, Relaxed);
        self.tell();
    }

    pub(super) fn moved(&self, entries: u64, bytes: u64) {
        self.counters.entries.fetch_add(entries, Relaxed);
        let before = self.counters.bytes.fetch_add(bytes, Relaxed);
        if before / STEP != before.wrapping_add(bytes) / STEP {
            self.tell();
        }
    }

    pub(super) fn finished_stream(&self) {
        self.counters.streams.fetch_add(1, Relaxed);
        self.tell();
    }

    fn tell(&self) {
        let ProgressCounters {
            streams,
            total_streams,
            entries,
            bytes,
            total_bytes,
        } = &*self.counters;
        (self.tell)(Progress {
            streams: streams.load(Relaxed),
            total_streams: total_streams.load(Relaxed),
            entries: entries.load(Relaxed),
            bytes: bytes.load(Relaxed),
            total_bytes: total_bytes.load(Relaxed),
        });
    }
}
