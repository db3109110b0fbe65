//! What other processes of a state directory left.

use std::fs;
use std::time::{Duration, Instant};

use super::fixture::{DEADLINE, Switched, builder, host, key, line, lines, stored};
use crate::block_on::block_on;
use crate::host::{Host, HostError};
use crate::mirror::Trouble;
use crate::spool::Spool;

#[test]
fn what_a_process_leaves_is_delivered_by_one_that_lives() {
    let (state, store) = (tempfile::tempdir().unwrap(), Switched::new());
    let living = host(state.path(), store.clone());
    living.transcript(key("a")).append_blocking(&[line(1)]).unwrap();
    // One that dies before it has any destination.
    let other = Host::builder(state.path()).build_blocking().unwrap();
    other.transcript(key("b")).append_blocking(&[line(1)]).unwrap();
    drop(other);
    let give_up = Instant::now() + DEADLINE;
    while stored(&store.inside, "b") != lines(1..=1) {
        assert!(Instant::now() < give_up, "nobody adopted it");
        living.adopt_again();
        assert!(living.flush_blocking(DEADLINE).unwrap().is_empty());
        std::thread::sleep(Duration::from_millis(20));
    }
    drop(living.close_blocking(DEADLINE).unwrap());
}

/// Where a copy of a stream cannot be read, it is tried again while the host lives, and not only at the next start.
#[test]
fn what_could_not_be_read_is_delivered_once_it_can_be() {
    let (state, store) = (tempfile::tempdir().unwrap(), Switched::new());
    let other = Host::builder(state.path()).build_blocking().unwrap();
    for session in ["a", "b"] {
        other.transcript(key(session)).append_blocking(&[line(1)]).unwrap();
    }
    let streams = state.path().join("spool").join(other.writer()).join("streams");
    drop(other.close_blocking(DEADLINE).unwrap());
    let record = streams.join(key("a").fingerprint()).join("stream.json");
    let whole = fs::read(&record).unwrap();
    fs::write(&record, "{").unwrap();
    let living = host(state.path(), store.clone());
    // Until every copy was tried.
    while living.flush_blocking(Duration::from_millis(20)).unwrap().adopting {}
    while stored(&store.inside, "b") != lines(1..=1) {
        drop(living.flush_blocking(Duration::from_millis(20)).unwrap());
    }
    assert_eq!(stored(&store.inside, "a"), Vec::<String>::new());
    fs::write(&record, whole).unwrap();
    let give_up = Instant::now() + DEADLINE;
    while stored(&store.inside, "a") != lines(1..=1) {
        assert!(Instant::now() < give_up, "nobody tried again");
        drop(living.flush_blocking(Duration::from_millis(20)).unwrap());
    }
    assert!(living.close_blocking(DEADLINE).unwrap().is_empty());
}

/// A delete that misses lines which nobody can read says so; once they can be read, it deletes them.
#[test]
fn a_delete_says_what_it_could_not_read() {
    let (state, store) = (tempfile::tempdir().unwrap(), Switched::new());
    let other = Host::builder(state.path()).build_blocking().unwrap();
    other.transcript(key("a")).append_blocking(&[line(1)]).unwrap();
    let streams = state.path().join("spool").join(other.writer()).join("streams");
    drop(other.close_blocking(DEADLINE).unwrap());
    let record = streams.join(key("a").fingerprint()).join("stream.json");
    let whole = fs::read(&record).unwrap();
    fs::write(&record, "{").unwrap();
    let living = host(state.path(), store.clone());
    let error = living.delete_blocking(&key("a")).unwrap_err();
    assert!(
        matches!(&error, HostError::Mirror(Trouble::NotAllDeleted(_))),
        "{error}"
    );
    fs::write(&record, whole).unwrap();
    let give_up = Instant::now() + DEADLINE;
    while let Err(error) = living.delete_blocking(&key("a")) {
        assert!(Instant::now() < give_up, "{error}");
        drop(living.flush_blocking(Duration::from_millis(20)).unwrap());
    }
    assert!(living.flush_blocking(DEADLINE).unwrap().is_empty());
    assert_eq!(stored(&store.inside, "a"), Vec::<String>::new());
    assert!(living.close_blocking(DEADLINE).unwrap().is_empty());
}

#[test]
fn what_other_living_processes_have_is_seen_beside_a_hosts_own() {
    let (state, store) = (tempfile::tempdir().unwrap(), Switched::away());
    let living = host(state.path(), store.clone());
    living.transcript(key("a")).append_blocking(&[line(1)]).unwrap();
    let other = host(state.path(), store.clone());
    other.transcript(key("b")).append_blocking(&[line(1)]).unwrap();
    let others = Spool::look_at_others(state.path(), &living.writers()).unwrap();
    let [others] = &others[..] else { panic!("{others:?}") };
    assert_eq!((others.writer.as_str(), others.is_alive), (other.writer(), true));
    assert_eq!(others.streams().unwrap()[0].end().line, 2);
    drop(other.close_blocking(Duration::ZERO).unwrap());
    drop(living.close_blocking(Duration::ZERO).unwrap());
}

#[test]
fn nobody_is_asked_for_what_was_delivered_by_a_process_before() {
    let (state, store) = (tempfile::tempdir().unwrap(), Switched::new());
    let first = host(state.path(), store.clone());
    for session in 0..20 {
        first
            .transcript(key(&session.to_string()))
            .append_blocking(&[line(1)])
            .unwrap();
    }
    assert!(first.close_blocking(DEADLINE).unwrap().is_empty());
    // Every call to it fails.
    store.set_away(true);
    let second = host(state.path(), store.clone());
    assert!(second.flush_blocking(DEADLINE).unwrap().is_empty());
    assert!(second.close_blocking(DEADLINE).unwrap().is_empty());
    store.set_away(false);

    // A destination that is named later gets all of it.
    let (late, options) = (Switched::new(), crate::mirror::DestinationOptions::default());
    let third = builder(state.path(), store.clone()).store_with("late", late.clone(), options);
    let third = third.build_blocking().unwrap();
    assert!(third.close_blocking(DEADLINE).unwrap().is_empty());
    for session in 0..20 {
        assert_eq!(stored(&late.inside, &session.to_string()), lines(1..=1));
    }
}

#[test]
fn a_delete_reaches_what_a_process_before_delivered() {
    let (state, store) = (tempfile::tempdir().unwrap(), Switched::new());
    let first = host(state.path(), store.clone());
    first.transcript(key("a")).append_blocking(&[line(1)]).unwrap();
    assert!(first.close_blocking(DEADLINE).unwrap().is_empty());
    let second = host(state.path(), store.clone());
    second.delete_blocking(&key("a")).unwrap();
    assert!(second.close_blocking(DEADLINE).unwrap().is_empty());
    let (late, options) = (Switched::new(), crate::mirror::DestinationOptions::default());
    let third = builder(state.path(), store.clone()).store_with("late", late.clone(), options);
    assert!(
        block_on(third.build())
            .unwrap()
            .close_blocking(DEADLINE)
            .unwrap()
            .is_empty()
    );
    for store in [store, late] {
        assert_eq!(stored(&store.inside, "a"), Vec::<String>::new());
    }
}
