//! What must not be touched by a hostile neighbour: another adapter's calls, and the host's memory.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join;
use mirrorbox::key::SessionKey;
use mirrorbox::store::{Batch, Chain, Reader, Store};
use mirrorbox_e2e::{draft, fs_adapter};
use tempfile::TempDir;

/// The most memory that this process may ever have had: several tests at a time, each with a guest of 128 MiB, what it
/// returned once or twice, and the compiler. A guest that hurts the host takes gigabytes.
const MOST_MEMORY: u64 = 2 << 30;

/// A batch that could be stored first.
pub(super) fn batch(key: &SessionKey) -> Batch {
    Chain::start(key).next(draft(1, "{}\n"))
}

/// An fs adapter that nobody does anything to, and what it stored.
pub(super) struct Healthy {
    store: Arc<dyn Store>,
    key: SessionKey,
    chain: Chain,
    stored: u64,
    /// Its folder, where that is removed with it.
    _dir: Option<TempDir>,
}

impl Healthy {
    pub(super) async fn open() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let healthy = Self::at(dir.path()).await;
        Self {
            _dir: Some(dir),
            ..healthy
        }
    }

    /// One that stores in this folder, where other sessions may lie.
    pub(super) async fn at(dir: &Path) -> Self {
        let key = SessionKey::main("project", "witness").unwrap();
        Self {
            store: Arc::new(fs_adapter(dir).await.unwrap()),
            chain: Chain::start(&key),
            key,
            stored: 0,
            _dir: None,
        }
    }

    /// Stores a line, asks for the end and reads the line back; how long all of it took.
    pub(super) async fn call(&mut self) -> Duration {
        let began = Instant::now();
        let before = self.stored;
        self.stored += 1;
        let line = format!("{{\"line\":{}}}\n", self.stored);
        let batch = self.chain.next(draft(self.stored, line));
        self.store.append(&self.key, &batch, None).await.unwrap();
        assert_eq!(self.store.end(&self.key).await.unwrap(), self.chain.position());
        assert_eq!(self.store.load(&self.key, before, 1 << 20).await.unwrap(), [batch]);
        began.elapsed()
    }

    /// Everything that it stored is there.
    pub(super) async fn check(self) {
        let mut reader = Reader::new(self.store, self.key);
        for line in 1..=self.stored {
            assert_eq!(reader.next().await.unwrap().unwrap().origin.line, line);
        }
    }
}

/// Commits a deed while a healthy adapter goes on: its calls before, during and after it succeed, and what it stored is
/// there. The host's memory stays within bounds.
pub(super) async fn beside_another<T>(deed: impl Future<Output = T>) -> T {
    let mut healthy = Healthy::open().await;
    let done = AtomicBool::new(false);
    let deed = async {
        let result = deed.await;
        done.store(true, Ordering::Relaxed);
        result
    };
    let witness = async {
        let mut last_round = false;
        while !last_round {
            // One more after the deed is done.
            last_round = done.load(Ordering::Relaxed);
            healthy.call().await;
        }
    };
    let (result, ()) = join(deed, witness).await;
    healthy.check().await;
    let peak = peak_memory();
    assert!(peak < MOST_MEMORY, "{} MiB", peak >> 20);
    result
}

fn peak_memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().unwrap();
    kib << 10
}
