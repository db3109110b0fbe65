use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use futures_util::FutureExt as _;

use super::*;

/// Waits for a future that another thread completes, so that a lost wake-up fails instead of hanging for ever.
fn within_a_minute<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let limit = Duration::from_secs(60);
    runtime.block_on(async { tokio::time::timeout(limit, future).await.unwrap() })
}

#[test]
fn all_that_arrives_during_a_sync_shares_the_next() {
    let disk = Simulated::new();
    let spool = open(&disk);
    spool.append_blocking(&key("a"), &entries(0, 1)).unwrap();
    let file = file_of(&spool, &key("a"));
    let before = disk.syncs(&file);
    disk.hold_syncs();
    let calls: Vec<_> = (1..=100).map(|n| entries(n, 1)).collect();
    let appends = calls.iter().map(|call| spool.append(&key("a"), call));
    let mut appends: Vec<_> = appends.map(Box::pin).collect();
    assert!(appends[0].as_mut().now_or_never().is_none());
    disk.wait_held(1);
    assert!(appends.iter_mut().skip(1).all(|append| append.now_or_never().is_none()));
    disk.release();
    let ends = within_a_minute(futures_util::future::join_all(appends));
    let ends: Vec<_> = ends.into_iter().map(|end| end.unwrap().line).collect();
    assert_eq!(ends, (3..=102).collect::<Vec<_>>());
    assert_eq!(disk.syncs(&file) - before, 2);
    assert_eq!(read(&spool.stream(&key("a")).unwrap()), lines(&entries(0, 101)));
}

#[test]
fn nothing_is_shown_before_it_is_synced() {
    let disk = Simulated::new();
    let spool = open(&disk);
    spool.append_blocking(&key("a"), &entries(0, 1)).unwrap();
    let stream = spool.stream(&key("a")).unwrap();
    let mut follow = spool.follow();
    follow.mark_unchanged();
    let end = stream.end();
    disk.hold_syncs();
    let call = entries(1, 1);
    let mut append = Box::pin(spool.append(&key("a"), &call));
    assert!(append.as_mut().now_or_never().is_none());
    disk.wait_held(1);
    assert!(!follow.has_changed().unwrap());
    assert_eq!((stream.end(), read(&stream)), (end, lines(&entries(0, 1))));
    disk.release();
    within_a_minute(follow.changed()).unwrap();
    assert_eq!(stream.end(), within_a_minute(append).unwrap());
}

#[test]
fn streams_are_synced_side_by_side() {
    let disk = Simulated::new();
    let spool = open(&disk);
    let keys: Vec<_> = (0..20).map(|n| key(&n.to_string())).collect();
    for key in &keys {
        spool.append_blocking(key, &entries(0, 1)).unwrap();
    }
    disk.hold_syncs();
    let call = entries(1, 1);
    let mut appends: Vec<_> = keys.iter().map(|key| Box::pin(spool.append(key, &call))).collect();
    assert!(appends.iter_mut().all(|append| append.now_or_never().is_none()));
    disk.wait_held(20);
    disk.release();
    for append in appends {
        assert_eq!(within_a_minute(append).unwrap().line, 3);
    }
}

#[test]
fn a_dropped_append_that_was_accepted_is_written() {
    let disk = Simulated::new();
    let spool = open(&disk);
    let mut begun = spool.follow();
    disk.hold_syncs();
    let call = entries(0, 1);
    let mut append = Box::pin(spool.append(&key("a"), &call));
    assert!(append.as_mut().now_or_never().is_none());
    drop(append);
    disk.release();
    within_a_minute(begun.wait_for(|begun| *begun == 1)).unwrap();
    let stream = spool.stream(&key("a")).unwrap();
    assert_eq!(stream.end().line, 2);
    assert_eq!(read(&stream), lines(&entries(0, 1)));
}

#[test]
fn a_spool_that_is_dropped_writes_what_it_accepted() {
    let disk = Simulated::new();
    let spool = open(&disk);
    disk.hold_syncs();
    let call = entries(0, 1);
    let mut append = Box::pin(spool.append(&key("a"), &call));
    assert!(append.as_mut().now_or_never().is_none());
    drop(spool);
    disk.release();
    assert_eq!(within_a_minute(append).unwrap().line, 2);
}

/// Bytes that count how often they were looked at.
struct Watched(Vec<u8>, AtomicUsize);

impl AsRef<[u8]> for Watched {
    fn as_ref(&self) -> &[u8] {
        self.1.fetch_add(1, Ordering::Relaxed);
        &self.0
    }
}

#[test]
fn a_caller_that_waits_for_room_has_nothing_copied() {
    let disk = Simulated::new();
    let spool = open(&disk);
    spool.append_blocking(&key("a"), &entries(0, 1)).unwrap();
    disk.hold_syncs();
    let large = || format!("{{\"a\":\"{}\"}}", "x".repeat(5 << 20)).into_bytes();
    let calls = [(); 3].map(|()| [Watched(large(), AtomicUsize::new(0))]);
    let looks = || calls.each_ref().map(|[call]| call.1.load(Ordering::Relaxed));
    let mut appends: Vec<_> = calls
        .iter()
        .map(|call| Box::pin(spool.append(&key("a"), call)))
        .collect();
    assert!(appends.iter_mut().all(|append| append.now_or_never().is_none()));
    // To check it, and to copy it.
    assert_eq!(looks(), [2, 1, 1]);
    disk.release();
    for end in within_a_minute(futures_util::future::join_all(appends)) {
        end.unwrap();
    }
    assert_eq!(looks(), [2, 2, 2]);
}

#[test]
fn callers_wait_where_too_much_waits() {
    let disk = Simulated::new();
    let spool = open(&disk);
    spool.append_blocking(&key("a"), &entries(0, 1)).unwrap();
    disk.hold_syncs();
    let large = [format!("{{\"a\":\"{}\"}}", "x".repeat(5 << 20))];
    let mut appends: Vec<_> = (0..3).map(|_| Box::pin(spool.append(&key("a"), &large))).collect();
    assert!(appends.iter_mut().all(|append| append.now_or_never().is_none()));
    // One stream's callers leave room for another's.
    let call = entries(0, 1);
    let mut other = Box::pin(spool.append(&key("b"), &call));
    assert!(other.as_mut().now_or_never().is_none());
    disk.wait_held(2);
    disk.release();
    within_a_minute(other).unwrap();
    let ends = within_a_minute(futures_util::future::join_all(appends));
    let ends: Vec<_> = ends.into_iter().map(|end| end.unwrap().line).collect();
    assert_eq!(ends, [3, 4, 5]);
}

/// On a real disk: every writer's lines are there, each writer's in its order.
#[test]
fn threads_append_at_once() {
    const THREADS: usize = 8;
    const CALLS: usize = 20;
    let state = tempfile::tempdir().unwrap();
    let spool = Spool::open(state.path()).unwrap();
    let append = &|thread: usize| {
        let call = |call: usize| {
            let entry = format!("{{\"thread\":{thread},\"call\":{call}}}");
            spool.append_blocking(&key("a"), &[entry]).unwrap().line
        };
        (0..CALLS).map(call).collect::<Vec<_>>()
    };
    let mut ends: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|n| scope.spawn(move || append(n))).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    ends.sort_unstable();
    assert_eq!(ends, (2..=1 + (THREADS * CALLS) as u64).collect::<Vec<_>>());
    let all = read(&spool.stream(&key("a")).unwrap());
    for thread in 0..THREADS {
        let prefix = format!("{{\"thread\":{thread},");
        let calls: Vec<_> = all.lines().filter(|line| line.starts_with(&prefix)).collect();
        let expected: Vec<_> = (0..CALLS).map(|call| format!("{prefix}\"call\":{call}}}")).collect();
        assert_eq!(calls, expected);
    }
}
