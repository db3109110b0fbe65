//! Two hosts at work on one stream: one acts before each request of the other, in turn; and both freely.

use std::sync::Barrier;
use std::thread;

use super::*;

/// Runs `work` once for each request that it makes, each time on a new stream of three batches, letting `other` act
/// just before; then lets `check` look at what came of it.
fn at_every_request<T, O: 'static>(
    work: impl Fn(&mut S3) -> T,
    other: impl Fn(&mut S3) -> O + Copy + Send + 'static,
    check: impl Fn(&Backend, &mut S3, T),
) {
    for at in 0.. {
        let (backend, _) = Backend::with(3);
        let (mut s3, wire) = backend.wired();
        let mut rival = backend.host();
        let act = move || drop(other(&mut rival));
        let (result, came_that_far) = wire.meanwhile(at, act, || work(&mut s3));
        check(&backend, &mut s3, result);
        if !came_that_far {
            assert!(at > 2, "only {at} requests were seen");
            return;
        }
    }
}

#[test]
fn one_of_two_appends_wins() {
    at_every_request(
        |s3| s3.append(&key(), entries(4), Some(summary(4))),
        |s3| s3.append(&key(), foreign(4), None),
        |_, s3, ours| {
            let stored = load(s3, &key()).unwrap().pop().unwrap();
            match ours {
                Ok(()) => assert_eq!(stored, entries(4)),
                Err(error) => assert_eq!((stored, error), (foreign(4), Error::Conflict)),
            }
        },
    );
}

#[test]
fn the_same_append_twice_at_once_succeeds_twice() {
    at_every_request(
        |s3| s3.append(&key(), entries(4), Some(summary(4))),
        |s3| s3.append(&key(), entries(4), Some(summary(4))).unwrap(),
        |_, s3, ours| {
            ours.unwrap();
            assert_eq!(numbers(s3), [1, 2, 3, 4]);
            assert_eq!(stored_summary(s3), Some(4));
        },
    );
}

#[test]
fn a_late_append_never_succeeds_behind_a_tombstone() {
    at_every_request(
        |s3| s3.append(&key(), entries(3), Some(summary(3))),
        |s3| s3.delete(&key(), tombstone(4)).unwrap(),
        |_, s3, _| {
            assert!(matches!(numbers(s3)[..], [4] | [1, 2, 3]));
            assert_eq!(stored_summary(s3).is_some(), numbers(s3) != [4]);
            s3.delete(&key(), tombstone(4)).unwrap();
            assert_eq!(s3.append(&key(), entries(3), None), Err(Error::Conflict));
            assert_eq!(numbers(s3), [4]);
        },
    );
}

/// A host numbers behind the end that it sees.
fn delete(s3: &mut S3) {
    let next = end(s3).unwrap() + 1;
    s3.delete(&key(), tombstone(next)).unwrap();
}

#[test]
fn an_append_and_a_delete_that_both_succeed_both_count() {
    at_every_request(
        |s3| s3.append(&key(), entries(4), Some(summary(4))),
        delete,
        |backend, s3, ours| {
            let deleted = numbers(s3).len() == 1;
            match ours {
                Ok(()) => assert!(end(s3) == Some(5) || !deleted, "it came before the delete"),
                Err(error) => assert_eq!((error, deleted), (Error::Conflict, true)),
            }
            if deleted {
                assert!(
                    backend.beside("summaries").is_empty(),
                    "a deleted session's summary is left"
                );
            }
        },
    );
}

#[test]
fn reading_meets_a_delete() {
    at_every_request(
        |s3| (load(s3, &key()), s3.end(&key()), s3.find_session("-srv-app", "session")),
        delete,
        |_, _, (loaded, end, session)| {
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
    at_every_request(
        |s3| (load(s3, &key()), s3.end(&key()), s3.find_session("-srv-app", "session")),
        |s3| {
            for number in [4, 5] {
                s3.append(&key(), entries(number), Some(summary(number))).unwrap();
            }
        },
        |_, _, (loaded, end, session)| {
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
    at_every_request(
        |s3| {
            s3.delete(&key(), tombstone(4)).ok();
            s3.append(&key(), foreign(2), None)
        },
        |s3| {
            let next = end(s3).unwrap() + 1;
            s3.delete(&key(), tombstone(next)).unwrap();
            s3.delete(&key(), tombstone(next + 1)).unwrap();
        },
        |_, s3, ours| {
            assert_eq!(ours, Err(Error::Conflict));
            assert_eq!(numbers(s3).len(), 1);
        },
    );
}

#[test]
fn one_of_two_deletes_wins() {
    let theirs = || batch(4, Kind::Tombstone, "them", b"");
    at_every_request(
        |s3| s3.delete(&key(), tombstone(4)),
        move |s3| s3.delete(&key(), theirs()),
        |_, s3, ours| {
            let stored = load(s3, &key()).unwrap();
            match ours {
                Ok(()) => assert_eq!(stored, [tombstone(4)]),
                Err(error) => assert_eq!((stored, error), (vec![theirs()], Error::Conflict)),
            }
        },
    );
}

#[test]
fn a_slow_writer_does_not_bring_an_old_summary_back() {
    at_every_request(
        |s3| s3.append(&key(), entries(4), Some(summary(4))),
        |s3| {
            s3.append(&key(), entries(4), Some(summary(4))).unwrap();
            s3.append(&key(), entries(5), Some(summary(5))).unwrap();
        },
        |_, s3, _| {
            assert!(matches!(
                (end(s3), stored_summary(s3)),
                (Some(4), Some(4)) | (Some(5), Some(5))
            ))
        },
    );
}

#[test]
fn every_number_has_one_winner() {
    const NUMBERS: u64 = 200;
    let backend = Backend::new();
    let writers = ["a", "b"];
    let together = Barrier::new(writers.len());
    let won: Vec<Vec<u64>> = thread::scope(|scope| {
        let hosts = writers.map(|writer| {
            let mut s3 = backend.host();
            let together = &together;
            scope.spawn(move || {
                let append = |number: &u64| {
                    together.wait();
                    let batch = batch(*number, Kind::Entries, writer, writer.as_bytes());
                    match s3.append(&key(), batch, Some(summary(*number))) {
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
    let mut s3 = backend.host();
    for batch in load(&mut s3, &key()).unwrap() {
        for (writer, won) in writers.iter().zip(&won) {
            assert_eq!(won.contains(&batch.number), batch.writer == *writer);
        }
    }
    assert_eq!(won.iter().map(Vec::len).sum::<usize>() as u64, NUMBERS);
    assert_eq!(stored_summary(&mut s3), Some(NUMBERS));
}

#[test]
fn reading_while_others_append_and_delete_never_finds_damage() {
    let backend = Backend::new();
    thread::scope(|scope| {
        let mut writer = backend.host();
        let writing = scope.spawn(move || {
            for number in 1..120 {
                match number % 20 {
                    0 => writer.delete(&key(), tombstone(number)).unwrap(),
                    _ => writer.append(&key(), entries(number), Some(summary(number))).unwrap(),
                }
            }
        });
        let mut s3 = backend.host();
        while !writing.is_finished() {
            let batches = load(&mut s3, &key()).unwrap();
            for (one, next) in batches.iter().zip(batches.iter().skip(1)) {
                assert!(next.number == one.number + 1 || next.kind == Kind::Tombstone);
            }
            s3.end(&key()).unwrap();
            s3.list_sessions("-srv-app", None, 9).unwrap();
        }
        writing.join().unwrap();
    });
}
