//! Destinations that are slow or away: the agent never notices.

use std::fs;

use mirrorbox_e2e::{Claude, Installation, Machine, Mirrored, Running, adapter};

/// A machine with the destinations `fs` and `faulty`.
fn machine(dir: &std::path::Path, mirrored: &Mirrored) -> Machine {
    let installed = Installation {
        config: mirrored.config(),
        state: mirrored.state(),
        store: dir.join("fs"),
    };
    Machine::new(dir, installed)
}

/// The only destination.
fn only_faulty(mirrored: &Mirrored) {
    for file in ["fs.wasm", "fs.toml"] {
        fs::remove_file(mirrored.config().join("adapters").join(file)).unwrap();
    }
}

/// The faulty destination lists nothing, but stores as the fs adapter does, which takes its place.
fn read_by_fs(mirrored: &Mirrored, machine: &Machine) {
    let adapters = mirrored.config().join("adapters");
    // By command: a destination that only lost its files is waited for.
    machine.installed.succeeds(["adapters", "remove", "faulty", "--yes"]);
    let [_, folder] = mirrored.folders();
    let manifest = format!("[grants]\ndirs = [{{ host = {folder:?}, guest = \"/data\" }}]\n");
    fs::write(adapters.join("fs.toml"), manifest).unwrap();
    fs::copy(adapter("fs"), adapters.join("fs.wasm")).unwrap();
}

#[test]
fn a_destination_that_is_away_all_the_while_gets_everything_later() {
    let Some(claude) = Claude::installed() else { return };
    let dir = tempfile::tempdir().unwrap();
    let mirrored = Mirrored::at(dir.path());
    only_faulty(&mirrored);
    mirrored.faulty.order("any before unavailable");
    let machine = machine(dir.path(), &mirrored);
    let options = ["--deliver", "100ms"];
    let told = machine.ask(&claude, &options, "The code is PINEAPPLE-42.");
    assert_eq!(
        told.code,
        Some(3),
        "the agent was content, but nothing is delivered: {told:#?}"
    );
    assert!(told.stderr.contains("faulty"), "{told:#?}");
    let resume = ["--resume", &told.session(), "--deliver", "100ms"];
    let refused = machine.ask(&claude, &resume, "RECALL");
    assert_eq!(refused.code, Some(1), "nobody has the whole session: {refused:#?}");

    mirrored.faulty.obey();
    machine.installed.succeeds(["drain"]);
    read_by_fs(&mirrored, &machine);
    assert_eq!(
        machine.stored_lines(&told.session()),
        machine.own_lines(&told.session())
    );
    let recalled = machine
        .ask(&claude, &["--resume", &told.session()], "RECALL")
        .succeeded();
    assert_eq!(recalled.result(), "PINEAPPLE-42");
}

/// By order, not by time: the line is out while the call that the store got for it is still open.
#[test]
fn a_result_is_passed_on_while_the_store_is_still_at_it() {
    let Some(claude) = Claude::installed() else { return };
    let dir = tempfile::tempdir().unwrap();
    let mirrored = Mirrored::at(dir.path());
    only_faulty(&mirrored);
    mirrored.set_up_faulty("timeout = \"1h\"");
    mirrored.faulty.keep_journal();
    mirrored.faulty.order("append before sleep");
    let machine = machine(dir.path(), &mirrored);
    let mut running = Running::start(machine.asking(&claude, &[], "hi"));
    running.wait_line("\"type\":\"result\"");
    let appends = mirrored.faulty.calls();
    let mut appends = appends.iter().filter(|call| call.operation == "append");
    assert!(appends.all(|call| !call.answered), "no append has ended");
    drop(running);
}
