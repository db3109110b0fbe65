//! Lines of other processes on this machine.

use super::*;
use crate::config::Keep;
use crate::host::tests::fixture::builder;

#[test]
fn lines_of_a_process_that_lives_are_read() {
    let (state, destination) = (tempfile::tempdir().unwrap(), Switched::away());
    let (one, other) = (
        Machine::new(state.path(), &destination),
        Machine::alone(state.path(), &destination),
    );
    one.append(&key("s"), &lines(1..=5));
    one.append(&sub("s", "x"), &lines(1..=1));
    assert_eq!(other.load(&key("s")), some(1..=5));
    assert_eq!(other.sessions("project"), ["s"]);
    assert_eq!(other.store.list_subkeys_blocking(&key("s")).unwrap(), ["x"]);
    other.append(&key("s"), &lines(6..=7));
    assert_eq!(one.load(&key("s")), some(1..=7));
    destination.set_away(false);
    for machine in [&one, &other] {
        machine.host.retry();
        machine.flush();
        let mut loaded = machine.load(&key("s")).unwrap();
        // Which of two processes that live was first there is not known.
        loaded.sort();
        assert_eq!(loaded.len(), 7, "{loaded:?}");
    }
    one.close();
    other.close();
}

#[test]
fn lines_of_a_process_that_is_gone_are_read() {
    let (state, destination) = (tempfile::tempdir().unwrap(), Switched::away());
    let dead = Machine::new(state.path(), &destination);
    dead.append(&key("s"), &lines(1..=5));
    dead.close();
    let machine = Machine::new(state.path(), &destination);
    assert_eq!(machine.load(&key("s")), some(1..=5));
    machine.append(&key("s"), &lines(6..=7));
    assert_eq!(machine.load(&key("s")), some(1..=7));
    destination.set_away(false);
    machine.host.retry();
    machine.flush();
    assert_eq!(machine.load(&key("s")), some(1..=7));
    machine.close();
}

#[test]
fn the_state_of_a_process_before_answers_alone() {
    let (state, destination) = (tempfile::tempdir().unwrap(), Switched::new());
    let keeping = || {
        let host = builder(state.path(), destination.clone()).keep(Keep::Forever);
        let host = host.build_blocking().unwrap();
        let store = host.session_store().while_away(WhileAway::AnswerFromHere);
        Machine { host, store }
    };
    let before = keeping();
    before.append(&key("s"), &lines(1..=5));
    before.flush();
    before.close();
    destination.set_away(true);
    let machine = keeping();
    assert_eq!(machine.load(&key("s")), some(1..=5));
    assert_eq!(machine.sessions("project"), ["s"]);
    machine.close();
}

#[test]
fn without_any_destination_the_spools_are_all_there_is() {
    let state = tempfile::tempdir().unwrap();
    let host = Host::builder(state.path()).build_blocking().unwrap();
    let store = host.session_store();
    let machine = Machine { host, store };
    assert_eq!(machine.load(&key("s")), None);
    machine.append(&key("s"), &lines(1..=5));
    assert_eq!(machine.load(&key("s")), some(1..=5));
    assert_eq!(machine.sessions("project"), ["s"]);
    machine.close();
}

#[test]
fn a_closed_host_is_an_error() {
    let (state, destination) = (tempfile::tempdir().unwrap(), Switched::new());
    let Machine { host, store } = Machine::new(state.path(), &destination);
    assert!(host.close_blocking(DEADLINE).unwrap().is_empty());
    store.append_blocking(&key("s"), &lines(1..=1)).unwrap_err();
    let closed = store.load_blocking(&key("s")).unwrap_err();
    assert!(matches!(closed, SessionStoreError::Host(_)), "{closed}");
}
