use super::*;
use crate::disk::simulated::{Fault, Random};

#[test]
fn a_full_disk_is_said_and_passes() {
    let disk = Simulated::new();
    let spool = open(&disk);
    spool.append_blocking(&key("a"), &entries(0, 2)).unwrap();
    let stream = spool.stream(&key("a")).unwrap();
    for room in 0..200 {
        disk.set_room(Some(room));
        let error = spool.append_blocking(&key("a"), &entries(100, 10)).unwrap_err();
        assert!(error.is_full() && error.can_retry(), "{error}");
        assert!(error.to_string().contains("make room"), "{error}");
        assert_eq!(read(&stream), lines(&entries(0, 2)));
        disk.set_room(Some(0));
        assert!(
            spool
                .append_blocking(&key("new"), &entries(0, 1))
                .unwrap_err()
                .is_full()
        );
    }
    disk.set_room(None);
    spool.append_blocking(&key("new"), &entries(0, 1)).unwrap();
    spool.append_blocking(&key("a"), &entries(2, 2)).unwrap();
    assert_eq!(read(&stream), lines(&entries(0, 4)));
    let file = disk.files(file_of(&spool, &key("a")).to_str().unwrap()).remove(0).1;
    assert_eq!(String::from_utf8(file).unwrap(), lines(&entries(0, 4)));
}

#[test]
fn what_was_refused_for_want_of_room_stays_away_after_a_crash() {
    for seed in 0..200 {
        let disk = Simulated::new();
        let spool = open(&disk);
        spool.append_blocking(&key("a"), &entries(0, 2)).unwrap();
        disk.set_room(Some(60));
        spool.append_blocking(&key("a"), &entries(2, 10)).unwrap_err();
        let disk = disk.crash(&mut Random(seed));
        assert_eq!(read(&adopt_one(&disk).1), lines(&entries(0, 2)), "seed {seed}");
    }
}

/// The steps of an append are: write, sync, mark. The sync fails, the lines go to a fresh file.
#[test]
fn after_a_failed_sync_a_fresh_file_has_every_line() {
    let disk = Simulated::new();
    let spool = open(&disk);
    spool.append_blocking(&key("a"), &entries(0, 2)).unwrap();
    let mut alarms = spool.alarms();
    disk.fault_after(1, Fault::Fail);
    let end = spool.append_blocking(&key("a"), &entries(2, 2)).unwrap();
    assert_eq!(end.line, 5);
    assert!(matches!(alarms.try_recv().unwrap().trouble, FileTrouble::SyncFailed(_)));
    assert!(matches!(alarms.try_recv().unwrap().trouble, FileTrouble::Rewritten));
    let stream = spool.stream(&key("a")).unwrap();
    spool.append_blocking(&key("a"), &entries(4, 1)).unwrap();
    assert_eq!(read(&stream), lines(&entries(0, 5)));
    // And they are on disk, not in memory only.
    let disk = disk.crash(&mut Random(0));
    assert_eq!(read(&adopt_one(&disk).1), lines(&entries(0, 5)));
}

#[test]
fn a_disk_that_fails_for_a_while_is_said_and_passes() {
    let disk = Simulated::new();
    let spool = open(&disk);
    spool.append_blocking(&key("a"), &entries(0, 2)).unwrap();
    (1..40).for_each(|step| disk.fault_after(step, Fault::Fail));
    let error = spool.append_blocking(&key("a"), &entries(90, 2)).unwrap_err();
    assert!(matches!(error, AppendError::Sync { .. }), "{error}");
    spool.append_blocking(&key("a"), &entries(90, 2)).unwrap_err();
    let stream = spool.stream(&key("a")).unwrap();
    assert_eq!(read(&stream), lines(&entries(0, 2)));
    disk.clear_faults();
    spool.append_blocking(&key("a"), &entries(2, 2)).unwrap();
    assert_eq!(read(&stream), lines(&entries(0, 4)));
    for seed in 0..20 {
        let copy = disk.crash(&mut Random(seed));
        let (_, stream) = adopt_one(&copy);
        assert_eq!(read(&stream), lines(&entries(0, 4)));
    }
}

/// What a run was told: lines acknowledged, and how many of them are pruned.
#[derive(Debug, Default)]
struct Told {
    acknowledged: usize,
    pruned: usize,
    /// A call is under way, or failed, with so many lines more.
    tried: usize,
}

/// A first life that appends and prunes; stops at the first error if `stop`.
fn live(disk: &Simulated, told: &mut Told, stop: bool) {
    let Ok(spool) = Spool::on(Arc::new(disk.clone())) else {
        return;
    };
    for round in 0..4 {
        let next = entries(told.acknowledged, 3);
        told.tried = 3;
        let appended = spool.append_blocking(&key("a"), &next);
        match appended {
            Ok(_) => told.acknowledged += 3,
            Err(_) if stop => return,
            Err(_) => {}
        }
        if appended_ok(&spool) && round % 2 == 1 {
            let stream = spool.stream(&key("a")).unwrap();
            let lines = told.acknowledged as u64 - 1;
            told.pruned = told.acknowledged - 1;
            let pruned = stream.prune(Base { lines, stored: None });
            if pruned.is_err() && stop {
                return;
            }
        }
    }
}

fn appended_ok(spool: &Spool) -> bool {
    spool.stream(&key("a")).is_some_and(|stream| stream.end().line > 1)
}

/// Whatever is there begins at a line not pruned, in order, up to the last acknowledged one at least.
fn check(told: &Told, stream: &Stream) {
    let first = stream.start().line as usize - 1;
    let last = stream.end().line as usize - 1;
    assert!(first <= told.pruned, "{told:?} {stream:?}");
    assert!(
        (told.acknowledged..=told.acknowledged + told.tried).contains(&last),
        "{told:?} {stream:?}"
    );
    assert_eq!(stream.damage(), None);
    assert_eq!(read(stream), lines(&entries(first, last - first)));
}

/// The streams that are there in a second life.
fn adopt_all(disk: &Simulated, told: &Told) {
    let adoption = open(disk).adopt().unwrap();
    assert!(adoption.refused.is_empty(), "{:?}", adoption.refused);
    let streams: Vec<_> = adoption.spools.iter().flat_map(Adopted::streams).collect();
    assert!(
        streams.len() == 1 || (streams.is_empty() && told.acknowledged == 0),
        "{told:?}"
    );
    streams.iter().for_each(|stream| check(told, stream));
}

fn steps_of_a_life() -> u64 {
    let disk = Simulated::new();
    live(&disk, &mut Told::default(), true);
    disk.steps()
}

#[test]
fn a_fault_at_any_step_loses_nothing() {
    for step in 0..steps_of_a_life() {
        for seed in 0..8 {
            let disk = Simulated::new();
            let mut told = Told::default();
            disk.fault_after(step, Fault::Fail);
            live(&disk, &mut told, false);
            let disk = if seed == 0 {
                disk.kill()
            } else {
                disk.crash(&mut Random(seed))
            };
            eprintln!("fault at step {step}, seed {seed}");
            adopt_all(&disk, &told);
        }
    }
}

#[test]
fn a_death_at_any_step_loses_nothing() {
    for step in 0..steps_of_a_life() {
        for seed in 0..20 {
            let disk = Simulated::new();
            let mut told = Told::default();
            disk.fault_after(step, Fault::Die);
            live(&disk, &mut told, true);
            assert!(disk.is_dead() || step + 1 >= steps_of_a_life());
            let disk = if seed == 0 {
                disk.kill()
            } else {
                disk.crash(&mut Random(seed))
            };
            eprintln!("death at step {step}, seed {seed}");
            adopt_all(&disk, &told);
        }
    }
}

#[test]
fn a_fault_or_death_at_any_step_of_an_adoption_loses_nothing() {
    for fault in [Fault::Fail, Fault::Die] {
        for seed in 0..40 {
            for step in 0..20 {
                let random = &mut Random(seed);
                let disk = Simulated::new();
                let mut told = Told::default();
                let death = random.below(steps_of_a_life() as usize) as u64;
                disk.fault_after(death, Fault::Die);
                live(&disk, &mut told, true);
                let disk = disk.crash(random);
                disk.fault_after(step, fault);
                drop(Spool::on(Arc::new(disk.clone())).map(|spool| spool.adopt().map(drop)));
                let disk = disk.crash(random);
                eprintln!("death at step {death}, then {fault:?} at {step}, seed {seed}");
                adopt_all(&disk, &told);
            }
        }
    }
}

/// Only the mark tells such lines from what a crash left: they are there for good once they were accepted, and where
/// they were not they are not.
#[test]
fn lines_that_are_no_entries_are_accepted_with_their_mark() {
    for (step, is_crash) in (0..8).flat_map(|step| [(step, false), (step, true)]) {
        let disk = Simulated::new();
        let spool = open(&disk);
        spool.append_blocking(&key("a"), &entries(0, 2)).unwrap();
        disk.fault_after(step, Fault::Fail);
        let accepted = block_on(spool.append_lines(&key("a"), &["odd"])).is_ok();
        let odd = if accepted { "odd\n" } else { "" };
        let expected = lines(&entries(0, 2)) + odd;
        assert_eq!(read(&spool.stream(&key("a")).unwrap()), expected, "step {step}");
        let disk = if is_crash {
            disk.crash(&mut Random(step))
        } else {
            disk.kill()
        };
        assert_eq!(read(&adopt_one(&disk).1), expected, "step {step}");
    }
}

/// Where it can be marked neither at once nor once more.
#[test]
fn lines_that_are_no_entries_are_refused_without_a_mark() {
    let disk = Simulated::new();
    let spool = open(&disk);
    spool.append_blocking(&key("a"), &entries(0, 2)).unwrap();
    for step in [2, 3] {
        disk.fault_after(step, Fault::Fail);
    }
    block_on(spool.append_lines(&key("a"), &["odd"])).unwrap_err();
    assert_eq!(read(&spool.stream(&key("a")).unwrap()), lines(&entries(0, 2)));
    block_on(spool.append_lines(&key("a"), &["odd"])).unwrap();
    let disk = disk.kill();
    assert_eq!(read(&adopt_one(&disk).1), lines(&entries(0, 2)) + "odd\n");
}
