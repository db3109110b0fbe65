//! A host dies before each time that it uses the disk, in turn.

use super::*;
use crate::disk::steps::crash_at;

/// Runs `work` once for each time that it uses the disk, each time on a new backend with three batches, dying just
/// before; then lets `check` look at what another host finds.
fn at_every_step<T>(work: impl Fn(&mut Fs) -> T, check: impl Fn(&Backend, &mut Fs)) {
    for step in 0.. {
        let (backend, mut fs) = Backend::with(3);
        let finished = crash_at(step, || work(&mut fs));
        drop(fs);
        check(&backend, &mut backend.host());
        if finished.is_some() {
            assert!(step > 5, "only {step} uses of the disk were seen");
            return;
        }
    }
}

#[test]
fn an_append_is_there_or_not_and_can_be_retried() {
    at_every_step(
        |fs| fs.append(&key(), entries(4), Some(summary(4))),
        |_, fs| {
            let found = numbers(fs);
            assert!(found == [1, 2, 3] || found == [1, 2, 3, 4], "{found:?}");
            assert_eq!(end(fs), found.last().copied());
            let summary = stored_summary(fs).unwrap();
            assert!(
                summary >= 3 && Some(summary) <= found.last().copied(),
                "{summary} of {found:?}"
            );
            fs.append(&key(), entries(4), Some(super::summary(4))).unwrap();
            assert_eq!(load(fs, &key()).unwrap(), (1..=4).map(entries).collect::<Vec<_>>());
            assert_eq!(stored_summary(fs), Some(4));
        },
    );
}

#[test]
fn the_number_of_an_append_that_died_is_free_or_taken() {
    at_every_step(
        |fs| fs.append(&key(), entries(4), None),
        |_, fs| {
            let landed = end(fs) == Some(4);
            let other = fs.append(&key(), foreign(4), None);
            assert_eq!(other, if landed { Err(Error::Conflict) } else { Ok(()) });
        },
    );
}

#[test]
fn the_first_append_of_a_long_key_can_be_retried() {
    let long = SessionKey::main("P".repeat(4096), "s".repeat(300)).with_subpath("ü".repeat(2048));
    at_every_step(
        |fs| fs.append(&long, entries(1), None),
        |_, fs| {
            fs.append(&long, entries(1), None).unwrap();
            assert_eq!(load(fs, &long).unwrap(), [entries(1)]);
            let subpaths = fs.list_subkeys(&long.project_key, &long.session_id, None, 9).unwrap();
            assert_eq!(Some(&subpaths.items[0]), long.subpath.as_ref());
        },
    );
}

#[test]
fn a_delete_hides_everything_or_nothing_and_goes_on_when_retried() {
    at_every_step(
        |fs| fs.delete(&key(), tombstone(4)),
        |backend, fs| {
            let found = numbers(fs);
            assert!(found == [1, 2, 3] || found == [4], "{found:?}");
            assert_eq!(end(fs), found.last().copied());
            assert_eq!(stored_summary(fs).is_some(), found != [4]);
            fs.delete(&key(), tombstone(4)).unwrap();
            assert_eq!(numbers(fs), [4]);
            for number in 1..4 {
                let slot = format!("-srv-app/session/{number:020}.jsonl");
                assert!(!backend.0.path().join(slot).exists());
            }
        },
    );
}

#[test]
fn the_session_can_start_anew_behind_a_delete_that_died() {
    at_every_step(
        |fs| fs.delete(&key(), tombstone(4)),
        |_, fs| {
            let deleted = end(fs) == Some(4);
            fs.append(&key(), entries(5), Some(summary(5))).unwrap();
            if deleted {
                assert_eq!(numbers(fs), [4, 5]);
                assert_eq!(fs.append(&key(), foreign(2), None), Err(Error::Conflict));
                assert_eq!(numbers(fs), [4, 5]);
            }
        },
    );
}

#[test]
fn what_a_crash_left_is_removed_when_it_is_old() {
    let (backend, mut fs) = Backend::with(0);
    // Dies between writing and linking.
    crash_at(8, || fs.append(&key(), entries(1), None));
    let temporary = backend.0.path().join(".tmp");
    let left = || {
        std::fs::read_dir(&temporary)
            .unwrap()
            .map(|entry| entry.unwrap().path())
    };
    assert_eq!(left().count(), 1);
    backend.host();
    assert_eq!(left().count(), 1, "another host may be using it");
    let hours_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(2 * 60 * 60);
    let file = std::fs::File::options()
        .write(true)
        .open(left().next().unwrap())
        .unwrap();
    file.set_modified(hours_ago).unwrap();
    backend.host();
    assert_eq!(left().count(), 0);
}
