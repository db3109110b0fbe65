//! Files that only grow.

use std::fs;

use mirrorbox_e2e::{Installation, Mirrored};

use crate::watcher::{Machine, stored, wait_for};

const S: &str = "-srv-app/s";
const FILE: &str = "-srv-app/s.jsonl";

#[test]
fn complete_lines_are_stored_byte_for_byte_and_a_torn_one_waits() {
    let dir = tempfile::tempdir().unwrap();
    let machine = Machine::at(dir.path());
    machine.add(FILE, "{\"type\":\"user\",\"n\":1}\n");
    let watcher = machine.watch(&[]);
    machine.wait_stored(S, &machine.read(FILE));
    let odd = "{ \"n\": 1e999, \"s\": \"\\ud800 \\u0000 ä\" , \"n\":-0}\r\n{\"type\":\"mode\"}\n{\"type\":\"mode\"}\n";
    machine.add(FILE, odd);
    let complete = machine.read(FILE);
    machine.add(FILE, "{\"torn\":");
    machine.wait_stored(S, &complete);
    // The first look at a new folder and file.
    machine.add("-srv-other/t.jsonl", "{\"type\":\"user\",\"n\":1}\n");
    machine.wait_stored("-srv-other/t", "{\"type\":\"user\",\"n\":1}\n");
    assert_eq!(machine.stored(S), complete, "a torn line is no line");
    machine.add(FILE, "true}\n");
    // What is complete is taken and delivered, however soon it is to stop.
    machine.add("-srv-other/t.jsonl", &"{\"type\":\"user\"}\n".repeat(3000));
    assert_eq!(watcher.stop(), Some(0));
    for (stream, file) in [(S, FILE), ("-srv-other/t", "-srv-other/t.jsonl")] {
        assert_eq!(machine.stored(stream), machine.read(file));
    }
    machine
        .installed
        .succeeds(["verify", "--projects-dir", machine.projects.to_str().unwrap()]);
}

#[test]
fn what_is_no_entry_is_stored_as_it_is_and_what_the_agent_keeps_to_itself_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let machine = Machine::at(dir.path());
    let watcher = machine.watch(&[]);
    machine.add(
        FILE,
        "{\"n\":1}\n{\"type\":\"api-request-shape\",\"n\":2}\nnot JSON\n[]\n{\"n\":3}\n",
    );
    // As an import would do it, in the file's order.
    machine.wait_stored(S, "{\"n\":1}\nnot JSON\n[]\n{\"n\":3}\n");
    watcher.wait_said("lines that are no entries, and are stored as they are: 2");
    machine.add(FILE, "\0\0\0\0{\"n\":4}\n\u{feff}{\"n\":5}\n");
    machine.wait_stored(
        S,
        "{\"n\":1}\nnot JSON\n[]\n{\"n\":3}\n\0\0\0\0{\"n\":4}\n\u{feff}{\"n\":5}\n",
    );
    assert_eq!(machine.status()["files"]["odd"], 4);
    assert_eq!(watcher.stop(), Some(0));
}

#[test]
fn a_sidecar_becomes_an_entry_whenever_it_says_something_new() {
    let dir = tempfile::tempdir().unwrap();
    let machine = Machine::at(dir.path());
    let stream = "-srv-app/s/subagents/agent-1";
    let sidecar = machine.file("-srv-app/s/subagents/agent-1.meta.json");
    fs::create_dir_all(sidecar.parent().unwrap()).unwrap();
    fs::write(&sidecar, "{\"agentType\":\"Explore\"}").unwrap();
    let watcher = machine.watch(&[]);
    let of = |text: &str| format!("{{\"agentType\":\"Explore\"{text},\"type\":\"agent_metadata\"}}\n");
    let store = stream_in_store(&machine);
    wait_for("the sidecar", || machine.stored(&store) == of(""));
    machine.add(&format!("{stream}.jsonl"), "{\"n\":1}\n");
    machine.wait_stored(&store, &(of("") + "{\"n\":1}\n"));
    fs::write(&sidecar, "{\"agentType\":\"Explore\",\"finished\":true}").unwrap();
    let all = of("") + "{\"n\":1}\n" + &of(",\"finished\":true");
    machine.wait_stored(&store, &all);
    watcher.kill();
    // It is known after a kill, too.
    let watcher = machine.watch(&[]);
    machine.add(&format!("{stream}.jsonl"), "{\"n\":2}\n");
    machine.wait_stored(&store, &(all + "{\"n\":2}\n"));
    assert_eq!(watcher.stop(), Some(0));
}

/// Where the fs adapter keeps the only subagent.
fn stream_in_store(machine: &Machine) -> String {
    let root = machine.installed.store.join("-srv-app/s");
    let mut found = None;
    wait_for("a subagent's folder", || {
        found = batches_below(&root);
        found.is_some()
    });
    let path = found.unwrap();
    path.strip_prefix(&machine.installed.store)
        .unwrap()
        .to_str()
        .unwrap()
        .to_owned()
}

/// The first folder with a batch: those above it are there a moment earlier.
fn batches_below(dir: &std::path::Path) -> Option<std::path::PathBuf> {
    for entry in fs::read_dir(dir).ok()? {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|end| end == "jsonl") {
            return Some(dir.to_owned());
        }
        if let Some(found) = batches_below(&path) {
            return Some(found);
        }
    }
    None
}

#[test]
fn from_now_takes_what_comes_after_it_even_after_a_kill() {
    let dir = tempfile::tempdir().unwrap();
    let machine = Machine::at(dir.path());
    machine.add(FILE, "{\"old\":1}\n{\"to");
    let watcher = machine.watch(&["--from-now"]);
    machine.add(FILE, "rn\":1}\n{\"n\":1}\n");
    machine.add("-srv-app/t.jsonl", "{\"n\":1}\n");
    machine.wait_stored(S, "{\"torn\":1}\n{\"n\":1}\n");
    machine.wait_stored("-srv-app/t", "{\"n\":1}\n");
    watcher.kill();
    machine.add(FILE, "{\"n\":2}\n");
    let watcher = machine.watch(&["--from-now"]);
    machine.wait_stored(S, "{\"torn\":1}\n{\"n\":1}\n{\"n\":2}\n");
    assert_eq!(watcher.stop(), Some(0));
}

#[test]
fn the_clock_alone_will_do_and_the_directory_may_come_later() {
    let dir = tempfile::tempdir().unwrap();
    let machine = Machine::at(dir.path());
    fs::remove_dir_all(&machine.projects).unwrap();
    let watcher = machine.watch(&["--poll"]);
    machine.add(FILE, "{\"n\":1}\n");
    machine.wait_stored(S, "{\"n\":1}\n");
    machine.add(FILE, "{\"n\":2}\n");
    machine.wait_stored(S, "{\"n\":1}\n{\"n\":2}\n");
    assert_eq!(watcher.stop(), Some(0));
}

#[test]
fn a_destination_that_is_away_gets_everything_once_it_is_back() {
    let dir = tempfile::tempdir().unwrap();
    let mirrored = Mirrored::at(dir.path());
    let [fs, faulty] = mirrored.folders();
    let installed = Installation {
        config: mirrored.config(),
        state: mirrored.state(),
        store: fs,
    };
    let machine = Machine::of(installed, dir.path());
    machine.add(FILE, "{\"n\":0}\n");
    let watcher = machine.watch(&["--deliver", "100ms"]);
    mirrored.faulty.order("any before unavailable");
    for number in 1..50 {
        machine.add(FILE, &format!("{{\"n\":{number}}}\n"));
    }
    machine.wait_stored(S, &machine.read(FILE));
    wait_for("a stream that is behind", || {
        let status = machine.status();
        let destinations = status["destinations"].as_array().unwrap().clone();
        destinations
            .iter()
            .any(|one| one["destination"] == "faulty" && one["streams_behind"] == 1)
    });
    // Stopped meanwhile, it says that something remains.
    assert_eq!(watcher.stop(), Some(3));
    machine.add(FILE, "{\"n\":50}\n");
    let watcher = machine.watch(&[]);
    mirrored.faulty.obey();
    let all = machine.read(FILE);
    wait_for("everything at both", || {
        stored(&faulty, S) == all && machine.stored(S) == all
    });
    assert_eq!(watcher.stop(), Some(0));
}
