//! What holds whatever destinations, other commands and other folders do.

use std::fs;
use std::os::unix::fs::symlink;
use std::thread;

use mirrorbox_e2e::{Installation, Mirrored};

use crate::watcher::{Machine, stored, wait_for};

const S: &str = "-srv-app/s";
const FILE: &str = "-srv-app/s.jsonl";

fn numbered(numbers: impl IntoIterator<Item = u32>) -> String {
    let lines = numbers.into_iter().map(|number| format!("{{\"n\":{number}}}\n"));
    lines.collect()
}

fn machine_with_two(dir: &std::path::Path) -> (Mirrored, Machine) {
    let mirrored = Mirrored::at(dir);
    let [fs, _] = mirrored.folders();
    let installed = Installation {
        config: mirrored.config(),
        state: mirrored.state(),
        store: fs,
    };
    let machine = Machine::of(installed, dir);
    (mirrored, machine)
}

/// F-2: the spool of what was deleted is gone, the agent's file is not.
#[test]
fn a_deleted_session_begins_anew_with_what_comes_after_it() {
    let dir = tempfile::tempdir().unwrap();
    let machine = Machine::at(dir.path());
    let config = machine.installed.config.join("mirrorbox.toml");
    let text = fs::read_to_string(&config).unwrap_or_default();
    fs::write(&config, format!("keep = \"until-delivered\"\n{text}")).unwrap();
    machine.add(FILE, &numbered(1..4));
    let watcher = machine.watch(&[]);
    machine.wait_stored(S, &numbered(1..4));
    assert_eq!(watcher.stop(), Some(0));
    machine.installed.succeeds(["drain"]);
    machine.installed.succeeds(["delete", "s", "--yes"]);
    machine.add(FILE, &numbered(4..5));
    let watcher = machine.watch(&[]);
    machine.wait_stored(S, &numbered(4..5));
    watcher.wait_said("3 lines that its file held by then are not brought back");
    assert_eq!(watcher.stop(), Some(0));
    // Nobody remembers the file: all that it holds counts as deleted.
    fs::remove_dir_all(machine.installed.state.join("watch")).unwrap();
    let watcher = machine.watch(&[]);
    machine.add(FILE, &numbered(5..6));
    machine.wait_stored(S, &numbered(4..6));
    assert_eq!(watcher.stop(), Some(0));
}

/// F-4: what one destination answers says nothing about another.
#[test]
fn a_destination_that_is_away_is_compared_by_itself() {
    let dir = tempfile::tempdir().unwrap();
    let (mirrored, machine) = machine_with_two(dir.path());
    let [_, faulty] = mirrored.folders();
    machine.add(FILE, &numbered(1..4));
    let import = ["import", "--projects-dir", machine.projects.to_str().unwrap()];
    machine.installed.succeeds(import);
    let in_both = || machine.stored(S) == machine.read(FILE) && stored(&faulty, S) == machine.read(FILE);
    assert!(in_both());
    mirrored.faulty.order("any before unavailable");
    // Emptied meanwhile: it gets all of it from the file, even if another destination is away.
    fs::remove_dir_all(&machine.installed.store).unwrap();
    fs::create_dir(&machine.installed.store).unwrap();
    machine.add(FILE, &numbered(4..5));
    let watcher = machine.watch(&[]);
    machine.wait_stored(S, &numbered(1..5));
    mirrored.faulty.obey();
    wait_for("all at both", in_both);
    assert_eq!(watcher.stop(), Some(0));
    machine.installed.succeeds(["verify", "--between", "fs", "faulty"]);
    machine.installed.succeeds(["verify", "--spools"]);
}

/// Case 48, H4: no destination answers, and the agent cleans up.
#[test]
fn what_was_in_a_file_outlives_it_although_no_destination_ever_answered() {
    let dir = tempfile::tempdir().unwrap();
    let (mirrored, machine) = machine_with_two(dir.path());
    let [_, faulty] = mirrored.folders();
    fs::remove_file(machine.installed.config.join("adapters/fs.wasm")).unwrap();
    fs::remove_file(machine.installed.config.join("adapters/fs.toml")).unwrap();
    mirrored.faulty.order("any before sleep");
    machine.add(FILE, &numbered(1..4));
    let watcher = machine.watch(&[]);
    wait_for("all on local disk", || machine.status()["files"]["entries"] == 3);
    fs::remove_file(machine.file(FILE)).unwrap();
    watcher.wait_said("is gone");
    watcher.kill();
    mirrored.faulty.obey();
    let watcher = machine.watch(&[]);
    wait_for("all at the destination", || stored(&faulty, S) == numbered(1..4));
    assert_eq!(watcher.stop(), Some(0));
}

/// F-7: nobody can read it, root neither.
#[test]
fn what_cannot_be_read_is_named_and_stops_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let machine = Machine::at(dir.path());
    machine.add(FILE, &numbered(1..2));
    machine.add("-srv-app/t/memory.md", "");
    let subagents = machine.file("-srv-app/t/subagents");
    symlink(&subagents, &subagents).unwrap();
    symlink(machine.file(FILE), machine.file("-srv-app/link.jsonl")).unwrap();
    let elsewhere = dir.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    fs::write(elsewhere.join("u.jsonl"), numbered(1..3)).unwrap();
    symlink(&elsewhere, machine.file("-srv-linked")).unwrap();
    let watcher = machine.watch(&[]);
    machine.wait_stored(S, &numbered(1..2));
    machine.wait_stored("-srv-linked/u", &numbered(1..3));
    let status = machine.status();
    let files = &status["files"];
    assert_eq!(
        (&files["unreadable"], &files["links"]),
        (&1.into(), &1.into()),
        "{status}"
    );
    assert_eq!(files["unreadable_paths"][0]["path"], subagents.to_str().unwrap());
    assert!(!files["unreadable_paths"][0]["cause"].as_str().unwrap().is_empty());
    assert_eq!(
        files["link_paths"][0],
        machine.file("-srv-app/link.jsonl").to_str().unwrap()
    );
    // What is there goes on.
    machine.add(FILE, &numbered(2..3));
    machine.wait_stored(S, &numbered(1..3));
    fs::remove_file(&subagents).unwrap();
    wait_for("a folder that can be read", || {
        machine.status()["files"]["unreadable"] == 0
    });
    // The link is still there.
    assert_eq!(watcher.stop(), Some(3));
}

/// docs/watch.md warned of it.
#[test]
fn an_import_beside_it_doubles_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let machine = Machine::at(dir.path());
    machine.add(FILE, &numbered(0..1));
    let watcher = machine.watch(&[]);
    let projects = machine.projects.to_str().unwrap();
    let import = || drop(machine.installed.run(["import", "--projects-dir", projects]));
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| (0..4).for_each(|_| import()));
        }
        for number in 1..400 {
            machine.add(FILE, &numbered(number..number + 1));
            // Lines that say the same are lines of their own.
            machine.add(FILE, "{\"type\":\"mode\"}\n");
        }
    });
    let sorted = |text: String| {
        let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    let all = sorted(machine.read(FILE));
    wait_for("every line once", || sorted(machine.stored(S)) == all);
    assert_eq!(watcher.stop(), Some(0));
    assert_eq!(sorted(machine.stored(S)), all);
}
