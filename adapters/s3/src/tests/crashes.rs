//! A host dies at each of its requests, in turn: before it arrives, or before its answer does.

use super::*;

/// Runs `work` once for each way to die, each time on a new stream of three batches; then lets `check` look at what
/// another host finds.
fn at_every_request<T>(work: impl Fn(&mut S3) -> T, check: impl Fn(&Backend, &mut S3)) {
    for (at, arrives) in (0..).flat_map(|at| [(at, false), (at, true)]) {
        let (backend, _) = Backend::with(3);
        let (mut s3, wire) = backend.wired();
        let finished = wire.crash_at(at, arrives, || work(&mut s3));
        check(&backend, &mut backend.host());
        if finished.is_some() {
            assert!(at > 2, "only {at} requests were seen");
            return;
        }
    }
}

#[test]
fn an_append_is_there_or_not_and_can_be_retried() {
    at_every_request(
        |s3| s3.append(&key(), entries(4), Some(summary(4))),
        |_, s3| {
            let found = numbers(s3);
            assert!(found == [1, 2, 3] || found == [1, 2, 3, 4], "{found:?}");
            assert_eq!(end(s3), found.last().copied());
            let summary = stored_summary(s3).unwrap();
            assert!(summary >= 3 && Some(summary) <= found.last().copied());
            s3.append(&key(), entries(4), Some(super::summary(4))).unwrap();
            assert_eq!(load(s3, &key()).unwrap(), (1..=4).map(entries).collect::<Vec<_>>());
            assert_eq!(stored_summary(s3), Some(4));
        },
    );
}

#[test]
fn the_number_of_an_append_that_died_is_free_or_taken() {
    at_every_request(
        |s3| s3.append(&key(), entries(4), Some(summary(4))),
        |_, s3| {
            let landed = end(s3) == Some(4);
            let other = s3.append(&key(), foreign(4), None);
            assert_eq!(other, if landed { Err(Error::Conflict) } else { Ok(()) });
        },
    );
}

#[test]
fn the_first_append_of_a_long_key_can_be_retried() {
    let long = SessionKey::main("P".repeat(4096), "s".repeat(300)).with_subpath("7".repeat(2048));
    at_every_request(
        |s3| s3.append(&long, entries(1), None),
        |_, s3| {
            s3.append(&long, entries(1), None).unwrap();
            assert_eq!(load(s3, &long).unwrap(), [entries(1)]);
            let subpaths = s3.list_subkeys(&long.project_key, &long.session_id, None, 9).unwrap();
            assert_eq!(Some(&subpaths.items[0]), long.subpath.as_ref());
        },
    );
}

#[test]
fn a_delete_hides_everything_or_nothing_and_goes_on_when_retried() {
    at_every_request(
        |s3| s3.delete(&key(), tombstone(4)),
        |backend, s3| {
            let found = numbers(s3);
            assert!(found == [1, 2, 3] || found == [4], "{found:?}");
            assert_eq!(end(s3), found.last().copied());
            assert_eq!(stored_summary(s3).is_some(), found != [4]);
            s3.delete(&key(), tombstone(4)).unwrap();
            assert_eq!(numbers(s3), [4]);
            assert_eq!(backend.batches(), ["00000000000000000004.jsonl"]);
            assert!(backend.beside("summaries").is_empty());
        },
    );
}

#[test]
fn the_session_can_start_anew_behind_a_delete_that_died() {
    at_every_request(
        |s3| s3.delete(&key(), tombstone(4)),
        |_, s3| {
            let deleted = end(s3) == Some(4);
            s3.append(&key(), entries(5), Some(summary(5))).unwrap();
            if deleted {
                assert_eq!(numbers(s3), [4, 5]);
                assert_eq!(s3.append(&key(), foreign(2), None), Err(Error::Conflict));
                assert_eq!(numbers(s3), [4, 5]);
            }
        },
    );
}
