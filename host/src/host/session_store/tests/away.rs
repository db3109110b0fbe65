//! Reads while the destination is away.

use super::*;
use crate::host::tests::fixture::stored;
use crate::session;

#[test]
fn what_is_delivered_and_what_waits_is_one_transcript() {
    let (state, destination) = (tempfile::tempdir().unwrap(), Switched::new());
    let machine = Machine::new(state.path(), &destination);
    machine.append(&key("s"), &lines(1..=5));
    machine.flush();
    destination.set_away(true);
    machine.append(&key("s"), &lines(6..=10));
    assert_eq!(machine.load(&key("s")), some(1..=10));
    destination.set_away(false);
    assert_eq!(machine.load(&key("s")), some(1..=10));
    machine.host.retry();
    machine.flush();
    assert_eq!(machine.load(&key("s")), some(1..=10));
    assert_eq!(stored(&destination.inside, "s"), lines(1..=10));
    machine.close();
}

#[test]
fn what_nobody_can_tell_is_an_error_that_says_what_is_missing() {
    let (state, destination) = (tempfile::tempdir().unwrap(), Switched::away());
    let machine = Machine::new(state.path(), &destination);
    is_away(
        machine.try_load(&key("s")),
        "no spool of this machine holds anything of it",
    );
    is_away(machine.store.list_sessions_blocking("project"), "other machines");
    is_away(machine.store.list_subkeys_blocking(&key("s")), "other machines");
    machine.append(&key("s"), &lines(1..=2));
    assert_eq!(machine.load(&key("s")), some(1..=2));
    machine.close();
}

#[test]
fn a_session_of_another_machine_is_never_read_short() {
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let destination = Switched::new();
    let machine = Machine::new(first.path(), &destination);
    machine.append(&key("s"), &lines(1..=5));
    machine.flush();
    machine.close();
    let machine = Machine::alone(second.path(), &destination);
    assert_eq!(machine.load(&key("s")), some(1..=5));
    machine.append(&key("s"), &lines(6..=7));
    machine.append(&key("s"), &lines(8..=8));
    assert_eq!(machine.load(&key("s")), some(1..=8));
    destination.set_away(true);
    is_away(machine.try_load(&key("s")), "what comes before lies at `memory`");
    machine.close();
    // Nor by the process after it.
    let machine = Machine::alone(second.path(), &destination);
    is_away(machine.try_load(&key("s")), "what comes before lies at `memory`");
    destination.set_away(false);
    machine.host.retry();
    machine.flush();
    assert_eq!(machine.load(&key("s")), some(1..=8));
    assert_eq!(stored(&destination.inside, "s"), lines(1..=8));
    machine.close();
}

#[test]
fn a_row_that_follows_another_machines_is_not_the_beginning() {
    let (state, destination) = (tempfile::tempdir().unwrap(), Switched::away());
    let machine = Machine::alone(state.path(), &destination);
    machine.append(&key("s"), &[r#"{"type":"user","parentUuid":"elsewhere","uuid":"2"}"#]);
    is_away(machine.try_load(&key("s")), "its first row follows another");
    let root = [r#"{"type":"mode"}"#, r#"{"type":"user","parentUuid":null,"uuid":"1"}"#];
    machine.append(&key("t"), &root);
    assert_eq!(machine.load(&key("t")).map(|lines| lines.len()), Some(2));
    machine.close();
}

#[test]
fn a_delete_while_away_holds_when_the_destination_is_back() {
    let (state, destination) = (tempfile::tempdir().unwrap(), Switched::new());
    let machine = Machine::new(state.path(), &destination);
    machine.append(&key("s"), &lines(1..=5));
    machine.append(&sub("s", "x"), &lines(1..=5));
    machine.flush();
    destination.set_away(true);
    machine.store.delete_blocking(&key("s")).unwrap();
    assert_eq!((machine.load(&key("s")), machine.load(&sub("s", "x"))), (None, None));
    machine.append(&key("s"), &lines(6..=6));
    assert_eq!(machine.load(&key("s")), some(6..=6));
    destination.set_away(false);
    // Whether or not it is done by now.
    assert_eq!(machine.load(&key("s")), some(6..=6));
    assert_eq!(machine.load(&sub("s", "x")), None);
    assert_eq!(machine.sessions("project"), ["s"]);
    assert!(machine.store.list_subkeys_blocking(&key("s")).unwrap().is_empty());
    machine.host.retry();
    machine.flush();
    assert_eq!(machine.load(&key("s")), some(6..=6));
    assert_eq!(stored(&destination.inside, "s"), lines(6..=6));
    machine.close();
}

#[test]
fn what_another_host_deleted_stays_deleted_though_a_spool_holds_it() {
    let (state, destination) = (tempfile::tempdir().unwrap(), Switched::new());
    let machine = Machine::new(state.path(), &destination);
    machine.append(&key("s"), &lines(1..=5));
    machine.flush();
    let session = key("s");
    let deleted = session::delete(destination.inside.clone(), &session);
    crate::block_on::block_on(deleted).unwrap();
    assert_eq!(machine.load(&key("s")), None);
    assert!(machine.sessions("project").is_empty());
    machine.close();
}
