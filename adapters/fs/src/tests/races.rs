//! Two hosts at work on one stream: one acts before each step of the other, in turn; and both freely.

use std::thread;

use super::*;
use crate::disk::steps::meanwhile;

/// Runs `work` once for each time that it uses the disk, each time on a new backend with three batches, letting `other`
/// act just before; then lets `check` look at what came of it.
fn at_every_step<T, O: 'static>(
    work: impl Fn(&mut Fs) -> T,
    other: impl Fn(&mut Fs) -> O + Copy + 'static,
    check: impl Fn(&mut Fs, T),
) {
    for step in 0.. {
        let (backend, mut fs) = Backend::with(3);
        let mut rival = backend.host();
        let act = move || drop(other(&mut rival));
        let (result, came_that_far) = meanwhile(step, act, || work(&mut fs));
        check(&mut fs, result);
        if !came_that_far {
            assert!(step > 3, "only {step} uses of the disk were seen");
            return;
        }
    }
}

#[test]
fn one_of_two_appends_wins() {
    at_every_step(
        |fs| fs.append(&key(), entries(4), Some(summary(4))),
        |fs| fs.append(&key(), foreign(4), None),
        |fs, ours| {
            let stored = load(fs, &key()).unwrap().pop().unwrap();
            match ours {
                Ok(()) => assert_eq!(stored, entries(4)),
                Err(error) => assert_eq!((stored, error), (foreign(4), Error::Conflict)),
            }
        },
    );
}

#[test]
fn the_same_append_twice_at_once_succeeds_twice() {
    at_every_step(
        |fs| fs.append(&key(), entries(4), Some(summary(4))),
        |fs| fs.append(&key(), entries(4), Some(summary(4))).unwrap(),
        |fs, ours| {
            ours.unwrap();
            assert_eq!(numbers(fs), [1, 2, 3, 4]);
            assert_eq!(stored_summary(fs), Some(4));
        },
    );
}

#[test]
fn a_late_append_never_succeeds_behind_a_tombstone() {
    at_every_step(
        |fs| fs.append(&key(), entries(3), Some(summary(3))),
        |fs| fs.delete(&key(), tombstone(4)).unwrap(),
        |fs, _| {
            assert!(matches!(numbers(fs)[..], [4] | [1, 2, 3]));
            assert_eq!(stored_summary(fs).is_some(), numbers(fs) != [4]);
            fs.delete(&key(), tombstone(4)).unwrap();
            assert_eq!(fs.append(&key(), entries(3), None), Err(Error::Conflict));
            assert_eq!(numbers(fs), [4]);
        },
    );
}

/// A host numbers behind the end that it sees.
fn delete(fs: &mut Fs) {
    let next = end(fs).unwrap() + 1;
    fs.delete(&key(), tombstone(next)).unwrap();
}

#[test]
fn an_append_and_a_delete_that_both_succeed_both_count() {
    at_every_step(
        |fs| fs.append(&key(), entries(4), Some(summary(4))),
        delete,
        |fs, ours| {
            let deleted = numbers(fs).len() == 1;
            match ours {
                Ok(()) => assert!(end(fs) == Some(5) || !deleted, "it came before the delete"),
                Err(error) => assert_eq!((error, deleted), (Error::Conflict, true)),
            }
            let summaries = fs.layout.root().join("-srv-app/session/summary");
            let left = std::fs::read_dir(summaries).unwrap().count();
            assert_eq!(left, usize::from(!deleted), "a deleted session's summary is left");
        },
    );
}

#[test]
fn reading_meets_a_delete() {
    at_every_step(
        |fs| (load(fs, &key()), fs.end(&key()), fs.find_session("-srv-app", "session")),
        delete,
        |_, (loaded, end, session)| {
            let numbers: Vec<_> = loaded.unwrap().iter().map(|batch| batch.number).collect();
            let all = [1, 2, 3, 4];
            let whole = (0..=3).any(|read| numbers[..] == [&all[..read], &[4]].concat()) || numbers == all[..3];
            assert!(whole, "{numbers:?}");
            assert!(matches!(end.unwrap().unwrap().number, 3 | 4));
            assert!(session.unwrap().is_none_or(|session| session.last == 3));
        },
    );
}

#[test]
fn reading_meets_an_append() {
    at_every_step(
        |fs| (load(fs, &key()), fs.end(&key()), fs.find_session("-srv-app", "session")),
        |fs| {
            for number in [4, 5] {
                fs.append(&key(), entries(number), Some(summary(number))).unwrap();
            }
        },
        |_, (loaded, end, session)| {
            assert!(matches!(loaded.unwrap().len(), 3 | 5));
            assert!(matches!(end.unwrap().unwrap().number, 3 | 5));
            let session = session.unwrap().unwrap();
            assert!(matches!(session.last, 3 | 5));
            assert!(matches!(session.summary.unwrap().through, 3 | 5));
        },
    );
}

#[test]
fn an_append_is_a_conflict_when_the_session_was_deleted_twice_meanwhile() {
    at_every_step(
        |fs| {
            fs.delete(&key(), tombstone(4)).ok();
            fs.append(&key(), foreign(2), None)
        },
        |fs| {
            let next = end(fs).unwrap() + 1;
            fs.delete(&key(), tombstone(next)).unwrap();
            fs.delete(&key(), tombstone(next + 1)).unwrap();
        },
        |fs, ours| {
            assert_eq!(ours, Err(Error::Conflict));
            assert_eq!(numbers(fs).len(), 1);
        },
    );
}

#[test]
fn one_of_two_deletes_wins() {
    let theirs = || batch(4, Kind::Tombstone, "them", b"");
    at_every_step(
        |fs| fs.delete(&key(), tombstone(4)),
        move |fs| fs.delete(&key(), theirs()),
        |fs, ours| {
            let stored = load(fs, &key()).unwrap();
            match ours {
                Ok(()) => assert_eq!(stored, [tombstone(4)]),
                Err(error) => assert_eq!((stored, error), (vec![theirs()], Error::Conflict)),
            }
        },
    );
}

#[test]
fn a_slow_writer_does_not_bring_an_old_summary_back() {
    at_every_step(
        |fs| fs.append(&key(), entries(4), Some(summary(4))),
        |fs| {
            fs.append(&key(), entries(4), Some(summary(4))).unwrap();
            fs.append(&key(), entries(5), Some(summary(5))).unwrap();
        },
        |fs, _| {
            assert!(matches!(
                (end(fs), stored_summary(fs)),
                (Some(4), Some(4)) | (Some(5), Some(5))
            ))
        },
    );
}

#[test]
fn every_number_has_one_winner() {
    const NUMBERS: u64 = 100;
    let backend = Backend::new();
    let writers = ["a", "b", "c"];
    let won: Vec<Vec<u64>> = thread::scope(|scope| {
        let hosts = writers.map(|writer| {
            let mut fs = backend.host();
            scope.spawn(move || {
                let append = |number: &u64| {
                    let batch = batch(*number, Kind::Entries, writer, writer.as_bytes());
                    match fs.append(&key(), batch, Some(summary(*number))) {
                        Ok(()) => true,
                        Err(error) => {
                            assert_eq!(error, Error::Conflict);
                            false
                        }
                    }
                };
                (1..=NUMBERS).filter(append).collect()
            })
        });
        hosts.map(|host| host.join().unwrap()).into()
    });
    let mut fs = backend.host();
    for batch in load(&mut fs, &key()).unwrap() {
        for (writer, won) in writers.iter().zip(&won) {
            assert_eq!(won.contains(&batch.number), batch.writer == *writer);
        }
    }
    assert_eq!(won.iter().map(Vec::len).sum::<usize>() as u64, NUMBERS);
    assert_eq!(stored_summary(&mut fs), Some(NUMBERS));
}

#[test]
fn reading_while_others_append_and_delete_never_finds_damage() {
    let backend = Backend::new();
    thread::scope(|scope| {
        let mut writer = backend.host();
        let writing = scope.spawn(move || {
            for number in 1..400 {
                match number % 20 {
                    0 => writer.delete(&key(), tombstone(number)).unwrap(),
                    _ => writer.append(&key(), entries(number), Some(summary(number))).unwrap(),
                }
            }
        });
        let mut fs = backend.host();
        while !writing.is_finished() {
            let batches = load(&mut fs, &key()).unwrap();
            for (one, next) in batches.iter().zip(batches.iter().skip(1)) {
                assert!(next.number == one.number + 1 || next.kind == Kind::Tombstone);
            }
            fs.end(&key()).unwrap();
            fs.list_sessions("-srv-app", None, 9).unwrap();
        }
        writing.join().unwrap();
    });
}
