//! What many streams cost: files, and writes at the next start.

use super::*;
use crate::disk::simulated::Fault;

/// The files under a directory that this process has open.
#[cfg(target_os = "linux")]
fn open_under(dir: &std::path::Path) -> usize {
    let open = std::fs::read_dir("/proc/self/fd").unwrap();
    // One that was closed meanwhile is another test's.
    let names = open.filter_map(|entry| std::fs::read_link(entry.unwrap().path()).ok());
    names.filter(|name| name.starts_with(dir)).count()
}

#[cfg(target_os = "linux")]
#[test]
fn idle_streams_keep_no_file_open() {
    let state = tempfile::tempdir().unwrap();
    let spool = Spool::open(state.path()).unwrap();
    let append = |n: usize, first| spool.append_blocking(&key(&n.to_string()), &entries(first, 1)).unwrap();
    for first in [0, 1] {
        for n in 0..300 {
            append(n, first);
        }
    }
    assert!(open_under(state.path()) < 100, "{}", open_under(state.path()));
    let looks = Spool::look(state.path()).unwrap();
    assert!(open_under(state.path()) < 100, "{}", open_under(state.path()));
    assert_eq!(looks[0].streams().unwrap().len(), 300);
    for stream in looks[0].streams().unwrap() {
        assert!(stream.read(stream.start()).unwrap().unwrap().next.line == 3);
    }
    spool
        .streams()
        .iter()
        .for_each(|stream| assert_eq!(read(stream), lines(&entries(0, 2))));
    spool.close_blocking();
    drop(spool);
    let next = Spool::open(state.path()).unwrap();
    let adoption = next.adopt().unwrap();
    assert_eq!(adoption.spools[0].streams().len(), 300);
    assert!(open_under(state.path()) < 100, "{}", open_under(state.path()));
}

/// How many writes, syncs and changes of names it takes to adopt a dead spool for the second time.
fn steps_of_second_adoption(streams: usize) -> u64 {
    let disk = Simulated::new();
    let spool = open(&disk);
    for n in 0..streams {
        spool.append_blocking(&key(&n.to_string()), &entries(0, 2)).unwrap();
    }
    drop(spool);
    let disk = disk.kill();
    assert_eq!(open(&disk).adopt().unwrap().spools[0].streams().len(), streams);
    let disk = disk.kill();
    let before = disk.steps();
    let adoption = open(&disk).adopt().unwrap();
    let adopted = &adoption.spools[0];
    assert_eq!((adopted.streams().len(), adopted.alarms().len()), (streams, 0));
    adopted
        .streams()
        .iter()
        .for_each(|stream| assert_eq!(read(stream), lines(&entries(0, 2))));
    disk.steps() - before
}

#[test]
fn what_was_recovered_once_is_opened_without_a_write() {
    assert_eq!(steps_of_second_adoption(40), steps_of_second_adoption(4));
}

#[test]
fn a_spool_that_was_closed_is_opened_without_a_write() {
    let disk = Simulated::new();
    let spool = open(&disk);
    for n in 0..40 {
        spool.append_blocking(&key(&n.to_string()), &entries(0, 2)).unwrap();
    }
    spool.close_blocking();
    spool.note_end(None);
    drop(spool);
    let disk = disk.kill();
    let before = disk.steps();
    assert_eq!(open(&disk).adopt().unwrap().spools[0].streams().len(), 40);
    assert!(disk.steps() - before < 40, "{}", disk.steps() - before);
}

/// The steps of an append are: write, sync, mark.
#[test]
fn a_panic_while_writing_keeps_nobody_from_writing_later() {
    let disk = Simulated::new();
    let spool = open(&disk);
    spool.append_blocking(&key("a"), &entries(0, 2)).unwrap();
    disk.fault_after(1, Fault::Panic);
    let error = spool.append_blocking(&key("a"), &entries(2, 1)).unwrap_err();
    assert!(error.can_retry() && error.to_string().contains("panic"), "{error}");
    spool.append_blocking(&key("a"), &entries(2, 2)).unwrap();
    assert_eq!(read(&spool.stream(&key("a")).unwrap()), lines(&entries(0, 4)));
}
