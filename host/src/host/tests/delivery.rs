use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use super::fixture::{DEADLINE, Switched, builder, host, key, line, lines, stored};
use crate::config::Acknowledge;
use crate::host::AppendFailed;
use crate::mirror;
use crate::spool::Spool;

#[test]
fn remote_acknowledgement_waits_for_the_destination() {
    let (state, store) = (tempfile::tempdir().unwrap(), Switched::away());
    let host = builder(state.path(), store.clone())
        .acknowledge(Acknowledge::Remote)
        .build_blocking()
        .unwrap();
    let transcript = host.transcript(key("a"));
    let (answer, answered) = mpsc::channel();
    let appending = thread::spawn(move || answer.send(transcript.append_blocking(&[line(1)])).unwrap());
    store.refused();
    answered.try_recv().expect_err("it is not there yet");
    store.set_away(false);
    host.retry();
    answered.recv_timeout(DEADLINE).unwrap().unwrap();
    assert_eq!(stored(&store.inside, "a"), lines(1..=1));
    appending.join().unwrap();
    assert!(host.close_blocking(DEADLINE).unwrap().is_empty());
}

#[test]
fn remote_acknowledgement_ends_with_the_host() {
    let (state, store) = (tempfile::tempdir().unwrap(), Switched::away());
    let host = builder(state.path(), store.clone())
        .acknowledge(Acknowledge::Remote)
        .build_blocking()
        .unwrap();
    let transcript = host.transcript(key("a"));
    let appending = thread::spawn(move || transcript.append_blocking(&[line(1)]));
    store.refused();
    assert_eq!(host.close_blocking(Duration::ZERO).unwrap().entries(), 1);
    let error = appending.join().unwrap().unwrap_err();
    assert!(matches!(error, AppendFailed::NotDelivered) && !error.can_retry());
}

#[test]
fn what_a_closed_host_left_the_next_one_delivers() {
    let (state, store) = (tempfile::tempdir().unwrap(), Switched::away());
    let first = host(state.path(), store.clone());
    let writer = first.writer().to_owned();
    for number in 1..=3 {
        first.transcript(key("a")).append_blocking(&[line(number)]).unwrap();
    }
    store.refused();
    let left = first.close_blocking(Duration::ZERO).unwrap();
    let [left] = &left.left[..] else { panic!("{left:?}") };
    assert_eq!(
        (left.destination.as_str(), left.stream.clone(), left.entries),
        ("memory", key("a"), 3)
    );
    assert_eq!(left.writer.as_ref(), Some(&writer));
    assert!(left.can_retry);
    assert_eq!(Spool::look(state.path()).unwrap().len(), 1);
    store.set_away(false);
    let second = host(state.path(), store.clone());
    assert!(second.close_blocking(DEADLINE).unwrap().is_empty());
    assert_eq!(stored(&store.inside, "a"), lines(1..=3));
}

#[test]
fn two_hosts_on_one_state_directory_leave_each_other_alone() {
    let (state, store) = (tempfile::tempdir().unwrap(), Switched::new());
    let (first, second) = (host(state.path(), store.clone()), host(state.path(), store.clone()));
    for number in 1..=20 {
        let host = if number % 2 == 0 { &first } else { &second };
        let transcript = host.transcript(key("a"));
        transcript.append_blocking(&[line(number)]).unwrap();
        assert!(transcript.flush_blocking(DEADLINE).unwrap().is_empty());
    }
    let look = Spool::look(state.path()).unwrap();
    assert!(look.len() == 2 && look.iter().all(|spool| spool.is_alive), "{look:?}");
    assert_eq!(stored(&store.inside, "a"), lines(1..=20));
    assert!(first.close_blocking(DEADLINE).unwrap().is_empty());
    assert!(second.close_blocking(DEADLINE).unwrap().is_empty());
}

#[test]
fn a_delete_outlives_the_host_that_could_not_do_it() {
    let (state, store) = (tempfile::tempdir().unwrap(), Switched::new());
    let first = host(state.path(), store.clone());
    first.transcript(key("a")).append_blocking(&[line(1)]).unwrap();
    assert!(first.flush_blocking(DEADLINE).unwrap().is_empty());
    store.set_away(true);
    first.delete_blocking(&key("a")).unwrap();
    let left = first.close_blocking(Duration::ZERO).unwrap();
    assert!(matches!(&left.left[..], [left] if left.writer.is_none()), "{left:?}");
    store.set_away(false);
    let second = host(state.path(), store.clone());
    assert!(second.close_blocking(DEADLINE).unwrap().is_empty());
    assert!(stored(&store.inside, "a").is_empty());
    let look = mirror::look(state.path(), &[]).unwrap();
    assert!(look.is_delivered());
}
