//! What must not be touched by a hostile neighbour: another adapter's calls, and the host's memory.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::join;
use mirrorbox::key::SessionKey;
use mirrorbox::store::{Batch, Chain, Reader, Store};
use mirrorbox_e2e::{draft, fs_adapter};

/// The most memory that this process may ever have had: several tests at a time, each with a guest of 128 MiB, what it
/// returned once or twice, and the compiler. A guest that hurts the host takes gigabytes.
const MOST_MEMORY: u64 = 2 << 30;

/// A batch that could be stored first.
pub(super) fn batch(key: &SessionKey) -> Batch {
    Chain::start(key).next(draft(1, "{}\n"))
}

/// Commits a deed while a healthy adapter goes on: its calls before, during and after it succeed, and what it stored is
/// there. The host's memory stays within bounds.
pub(super) async fn beside_another<T>(deed: impl Future<Output = T>) -> T {
    let dir = tempfile::tempdir().unwrap();
    let healthy: Arc<dyn Store> = Arc::new(fs_adapter(dir.path()).await.unwrap());
    let key = SessionKey::main("project", "witness").unwrap();
    let mut chain = Chain::start(&key);
    let mut stored = 0;
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
            stored += 1;
            let batch = chain.next(draft(stored, format!("{{\"line\":{stored}}}\n")));
            healthy.append(&key, &batch, None).await.unwrap();
            assert_eq!(healthy.end(&key).await.unwrap(), chain.position());
        }
    };
    let (result, ()) = join(deed, witness).await;
    let mut reader = Reader::new(healthy, key);
    for line in 1..=stored {
        assert_eq!(reader.next().await.unwrap().unwrap().origin.line, line);
    }
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
