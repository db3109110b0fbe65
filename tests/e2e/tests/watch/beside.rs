//! Others who work on the same state directory, or who stored the same sessions before.

use std::fs;
use std::path::{Path, PathBuf};

use crate::watcher::{Machine, stored, wait_for};

const S: &str = "-srv-app/s";
const FILE: &str = "-srv-app/s.jsonl";

#[test]
fn one_process_follows_for_a_state_directory() {
    let dir = tempfile::tempdir().unwrap();
    let machine = Machine::at(dir.path());
    let watcher = machine.watch(&[]);
    let second = machine.command(&[]).output().unwrap();
    assert_eq!(second.status.code(), Some(2));
    let said = String::from_utf8(second.stderr).unwrap();
    assert!(said.contains(&format!("process {}", watcher.pid())), "{said}");
    watcher.kill();
    let watcher = machine.watch(&[]);
    assert_eq!(watcher.stop(), Some(0));
}

#[test]
fn what_was_imported_is_not_stored_again() {
    let dir = tempfile::tempdir().unwrap();
    let machine = Machine::at(dir.path());
    let import = || {
        let projects = machine.projects.to_str().unwrap();
        machine.installed.succeeds(["import", "--projects-dir", projects]);
    };
    machine.add(FILE, "{\"n\":1}\n{\"type\":\"mode\"}\n{\"type\":\"mode\"}\n");
    import();
    machine.add(FILE, "{\"n\":2}\n");
    let watcher = machine.watch(&[]);
    machine.wait_stored(S, &machine.read(FILE));
    machine.add(FILE, "{\"type\":\"mode\"}\n");
    machine.wait_stored(S, &machine.read(FILE));
    assert_eq!(watcher.stop(), Some(0));
    // And while nobody follows.
    machine.add(FILE, "{\"n\":3}\n");
    import();
    machine.add(FILE, "{\"n\":4}\n");
    let watcher = machine.watch(&[]);
    machine.wait_stored(S, &machine.read(FILE));
    assert_eq!(watcher.stop(), Some(0));
    assert_eq!(machine.stored(S), machine.read(FILE));
}

#[test]
fn status_asks_whoever_follows_and_else_reads_from_disk() {
    let dir = tempfile::tempdir().unwrap();
    let machine = Machine::at(dir.path());
    assert_eq!(machine.status()["source"], "disk");
    machine.add(FILE, "{\"n\":1}\n");
    let watcher = machine.watch(&[]);
    machine.wait_stored(S, "{\"n\":1}\n");
    let status = machine.status();
    assert_eq!(status["source"], "watch", "{status}");
    assert_eq!(status["pid"], watcher.pid());
    assert_eq!(status["files"]["transcripts"], 1);
    assert_eq!(status["destinations"][0]["destination"], "fs");
    assert!(
        machine
            .installed
            .run(["status"])
            .stdout
            .contains(&format!("process {}", watcher.pid()))
    );
    let socket = machine.installed.state.join("watch/status.sock");
    let mode = |path: &Path| std::os::unix::fs::PermissionsExt::mode(&path.metadata().unwrap().permissions());
    assert_eq!(
        (mode(&socket) & 0o777, mode(socket.parent().unwrap()) & 0o777),
        (0o600, 0o700)
    );
    watcher.kill();
    // What a dead process left is no answer, and is in nobody's way.
    assert_eq!(machine.status()["source"], "disk");
    let watcher = machine.watch(&[]);
    assert_eq!(machine.status()["pid"], watcher.pid());
    assert_eq!(watcher.stop(), Some(0));
}

/// A second destination beside `fs`, which keeps transcripts in a folder of its own.
fn second(machine: &Machine, dir: &Path) -> PathBuf {
    let adapters = machine.installed.config.join("adapters");
    let folder = dir.join("second");
    fs::create_dir(&folder).unwrap();
    fs::copy(adapters.join("fs.wasm"), adapters.join("second.wasm")).unwrap();
    let manifest =
        format!("[grants]\ndirs = [{{ host = {folder:?}, guest = \"/data\" }}]\n[mirror]\nflush = \"eager\"\n");
    fs::write(adapters.join("second.toml"), manifest).unwrap();
    folder
}

#[test]
fn a_destination_that_has_nothing_gets_the_whole_session() {
    let dir = tempfile::tempdir().unwrap();
    let machine = Machine::at(dir.path());
    machine.add(FILE, "{\"n\":1}\n{\"n\":2}\n");
    machine
        .installed
        .succeeds(["import", "--projects-dir", machine.projects.to_str().unwrap()]);
    let second = second(&machine, dir.path());
    machine.add(FILE, "{\"n\":3}\n");
    let watcher = machine.watch(&[]);
    let both_have_all = || machine.stored(S) == machine.read(FILE) && stored(&second, S) == machine.read(FILE);
    wait_for("all at both", both_have_all);
    assert_eq!(watcher.stop(), Some(0));
}

#[test]
fn what_was_imported_to_each_destination_is_doubled_at_none() {
    let dir = tempfile::tempdir().unwrap();
    let machine = Machine::at(dir.path());
    let second = second(&machine, dir.path());
    machine.add(FILE, "{\"n\":1}\n{\"n\":2}\n");
    machine
        .installed
        .succeeds(["import", "--projects-dir", machine.projects.to_str().unwrap()]);
    let both_have_all = || machine.stored(S) == machine.read(FILE) && stored(&second, S) == machine.read(FILE);
    assert!(both_have_all());
    for number in 3..6 {
        let watcher = machine.watch(&[]);
        machine.add(FILE, &format!("{{\"n\":{number}}}\n"));
        wait_for("all at both", both_have_all);
        assert_eq!(watcher.stop(), Some(0));
        assert!(both_have_all(), "nothing is doubled later");
    }
}
