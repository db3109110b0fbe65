//! What it is all for: a container goes, and another one goes on with the conversation.

use std::fs;

use mirrorbox_e2e::{Answer, Backend, Claude, Installation, Machine};

#[test]
fn a_conversation_goes_on_elsewhere_with_fs() {
    goes_on_elsewhere("fs");
}

#[test]
fn a_conversation_goes_on_elsewhere_with_s3() {
    goes_on_elsewhere("s3");
}

#[test]
fn a_conversation_goes_on_elsewhere_with_redis() {
    goes_on_elsewhere("redis");
}

#[test]
fn a_conversation_goes_on_elsewhere_with_postgres() {
    goes_on_elsewhere("postgres");
}

/// Nothing but the store is left of the first machine.
fn goes_on_elsewhere(adapter: &str) {
    let Some(claude) = Claude::installed() else { return };
    let [first, second, store] = [(); 3].map(|()| tempfile::tempdir().unwrap());
    let Some(backend) = Backend::start(adapter, store.path()) else {
        return;
    };
    let machine = Machine::new(first.path(), Installation::with(first.path(), &backend));
    let told = machine.ask(&claude, &[], "The code is PINEAPPLE-42.").succeeded();
    let own = machine.own_lines(&told.session());
    drop(first);

    let machine = Machine::new(second.path(), Installation::with(second.path(), &backend));
    assert_eq!(machine.stored_lines(&told.session()), own);
    let recalled = machine
        .ask(&claude, &["--resume", &told.session()], "RECALL")
        .succeeded();
    check(&machine, &told, &recalled);
    assert!(
        machine.stored_lines(&told.session()).starts_with(&own),
        "what was there stays as it was"
    );

    // And once more, from where the second one left it.
    let again = machine
        .ask(&claude, &["--resume", &told.session()[..8]], "RECALL")
        .succeeded();
    check(&machine, &told, &again);
    machine.installed.succeeds(["verify"]);
}

fn check(machine: &Machine, told: &Answer, recalled: &Answer) {
    assert_eq!(recalled.result(), "PINEAPPLE-42");
    assert_eq!(recalled.session(), told.session());
    let stored = machine.stored_lines(&told.session());
    let questions = stored.iter().filter(|line| line.contains("\"RECALL\"")).count();
    assert!(questions > 0, "the second turn is stored, too");
    // The directory that was made for the agent is gone, and so are the account's traces in it.
    let left = fs::read_dir(machine.installed.state.join("agents")).unwrap();
    let left: Vec<_> = left
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect();
    assert_eq!(left, [] as [std::path::PathBuf; 0]);
}
