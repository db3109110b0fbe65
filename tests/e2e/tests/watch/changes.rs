//! Files that do not only grow: what is stored stays, nothing is doubled, and each change is reported.

use std::fs;

use crate::watcher::Machine;

const S: &str = "-srv-app/s";
const FILE: &str = "-srv-app/s.jsonl";

fn numbered(numbers: impl IntoIterator<Item = u32>) -> String {
    let lines = numbers
        .into_iter()
        .map(|number| format!("{{\"type\":\"user\",\"n\":{number}}}\n"));
    lines.collect()
}

#[test]
fn rewritten_shortened_and_replaced_files_add_what_is_new() {
    let dir = tempfile::tempdir().unwrap();
    let machine = Machine::at(dir.path());
    let watcher = machine.watch(&[]);
    machine.add(FILE, &numbered(0..10));
    machine.wait_stored(S, &numbered(0..10));

    // A row is removed and two are added, in place.
    fs::write(machine.file(FILE), numbered((0..10).filter(|n| *n != 4).chain(10..12))).unwrap();
    machine.wait_stored(S, &numbered(0..12));
    watcher.wait_said("-srv-app/s was rewritten; it is compared where it is delivered");

    // It is cut, and grows again.
    fs::write(machine.file(FILE), numbered(0..3)).unwrap();
    watcher.wait_said("-srv-app/s was shortened; it is compared where it is delivered");
    machine.add(FILE, &numbered(20..22));
    machine.wait_stored(S, &numbered((0..12).chain(20..22)));

    // Another file takes its place.
    let new = machine.file("-srv-app/s.new");
    fs::write(&new, numbered((1..12).chain(20..22).chain(30..33))).unwrap();
    fs::rename(new, machine.file(FILE)).unwrap();
    machine.wait_stored(S, &numbered((0..12).chain(20..22).chain(30..33)));
    watcher.wait_said("-srv-app/s was replaced by another file; it is compared where it is delivered");
    machine.add(FILE, &numbered(40..41));
    machine.wait_stored(S, &numbered((0..12).chain(20..22).chain(30..33).chain(40..41)));
    assert_eq!(watcher.stop(), Some(0));
}

#[test]
fn a_file_that_was_rewritten_while_nobody_followed_is_compared() {
    let dir = tempfile::tempdir().unwrap();
    let machine = Machine::at(dir.path());
    machine.add(FILE, &numbered(0..10));
    let watcher = machine.watch(&[]);
    machine.wait_stored(S, &numbered(0..10));
    assert_eq!(watcher.stop(), Some(0));
    fs::write(
        machine.file(FILE),
        numbered((0..10).filter(|n| n % 2 == 0).chain(10..13)),
    )
    .unwrap();
    let watcher = machine.watch(&[]);
    machine.wait_stored(S, &numbered(0..13));
    assert_eq!(watcher.stop(), Some(0));
}

#[test]
fn a_file_that_moves_is_followed_under_its_new_name() {
    let dir = tempfile::tempdir().unwrap();
    let machine = Machine::at(dir.path());
    let watcher = machine.watch(&[]);
    machine.add(FILE, &numbered(0..5));
    machine.wait_stored(S, &numbered(0..5));
    fs::create_dir(machine.file("-srv-other")).unwrap();
    fs::rename(machine.file(FILE), machine.file("-srv-other/s.jsonl")).unwrap();
    machine.add("-srv-other/s.jsonl", &numbered(5..7));
    machine.wait_stored("-srv-other/s", &numbered(0..7));
    watcher.wait_said("-srv-app/s was moved, and is followed as -srv-other/s");
    assert_eq!(machine.stored(S), numbered(0..5), "what is stored stays");
    fs::remove_file(machine.file("-srv-other/s.jsonl")).unwrap();
    watcher.wait_said("the file of -srv-other/s is gone");
    assert_eq!(watcher.stop(), Some(0));
}
