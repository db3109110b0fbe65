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

const RUN: &str = "9b0e8f4e-0000-4000-8000-000000000001";

/// Runs an agent that is a script: `add ROW` adds to its transcript. Its home is in this folder.
fn run(machine: &Machine, dir: &Path, home: &str, options: &[&str], script: &str) -> Option<i32> {
    let (home, here) = (dir.join(home), dir.join("here"));
    fs::create_dir_all(&here).unwrap();
    let f = home
        .join(".claude/projects")
        .join(folder(dir))
        .join(format!("{RUN}.jsonl"));
    fs::create_dir_all(f.parent().unwrap()).unwrap();
    let script = format!("add() {{ echo \"$1\" >>{f:?}; }}; {script}; sleep 0.5");
    let mut run = machine.installed.command(["run"]);
    run.args(options).args(["--", "sh", "-c", &script]);
    run.current_dir(&here)
        .env("HOME", &home)
        .env_remove("CLAUDE_CONFIG_DIR");
    run.env_remove("CLAUDE_CODE_PROJECT_DIR_NAME").status().unwrap().code()
}

/// The agent's own folder for what is started in `here`.
fn folder(dir: &Path) -> String {
    mirrorbox::agent_format::project_key_named(&dir.join("here"), false, None)
}

/// What is stored of a run's session; nothing if there is no such session.
fn of_run(machine: &Machine) -> String {
    machine.installed.run(["show", RUN, "--json"]).stdout
}

/// What a run has spooled and not delivered yet is not stored by an import beside it.
#[test]
fn an_import_leaves_what_waits_to_the_mirror() {
    let dir = tempfile::tempdir().unwrap();
    let mut machine = Machine::at(dir.path());
    machine.projects = dir.path().join("home/.claude/projects");
    let import = ["import", "--projects-dir", machine.projects.to_str().unwrap()];
    fs::remove_dir_all(&machine.installed.store).unwrap();
    assert_eq!(
        run(&machine, dir.path(), "home", &["--deliver", "1s"], "add '{\"n\":1}'"),
        Some(3)
    );
    fs::create_dir(&machine.installed.store).unwrap();
    let said = machine.installed.run(import);
    assert_eq!(said.code, Some(3), "{said:#?}");
    assert!(said.stderr.contains("`mirrorbox drain` delivers them"), "{said:#?}");
    assert_eq!(of_run(&machine), "");
    machine.installed.succeeds(["drain"]);
    machine.installed.succeeds(import);
    assert_eq!(of_run(&machine), "{\"n\":1}\n");
}

/// Another process's lines wait, and an event was counted: `watch` and the disk say the same.
#[test]
fn status_counts_what_others_left_and_shows_their_events() {
    let dir = tempfile::tempdir().unwrap();
    let machine = Machine::at(dir.path());
    // Its folder is not there.
    fs::remove_dir(second(&machine, dir.path())).unwrap();
    let watcher = machine.watch(&[]);
    assert_eq!(
        run(
            &machine,
            dir.path(),
            "elsewhere",
            &["--deliver", "1s"],
            "add '{\"n\":1}'"
        ),
        Some(3)
    );
    let of_second = |status: &serde_json::Value| {
        let all = status["destinations"].as_array().unwrap();
        all.iter().find(|one| one["destination"] == "second").unwrap().clone()
    };
    let status = machine.installed.run(["status", "--json"]);
    assert_eq!(status.code, Some(3), "{status:#?}");
    let status: serde_json::Value = serde_json::from_str(&status.stdout).unwrap();
    assert_eq!(status["source"], "watch");
    let waits = of_second(&status);
    assert_eq!(
        (&waits["entries_behind"], &waits["streams_behind"]),
        (&1.into(), &1.into()),
        "{waits}"
    );
    wait_for("events", || {
        of_second(&machine.status())["events"]["not_opened"].as_u64() > Some(0)
    });
    let text = machine.installed.run(["status"]).stdout;
    assert!(text.contains("EVENTS") && text.contains("not_opened"), "{text}");
    watcher.kill();
    let from_disk = of_second(&machine.status());
    assert_eq!(from_disk["entries"], 1, "{from_disk}");
}

/// A run has its agent's rows on local disk, or is about to.
#[test]
fn an_import_leaves_a_run_its_rows() {
    let dir = tempfile::tempdir().unwrap();
    let mut machine = Machine::at(dir.path());
    machine.projects = dir.path().join("home/.claude/projects");
    let (state, config) = (&machine.installed.state, &machine.installed.config);
    let (import, code) = (mirrorbox_e2e::command(), dir.path().join("code"));
    let import = format!("{import:?} --state {state:?} --config {config:?} import --projects-dir");
    let script = format!(
        "add '{{\"n\":1}}'; {import} {:?}; echo $? >{code:?}; add '{{\"n\":2}}'",
        machine.projects
    );
    assert_eq!(
        run(&machine, dir.path(), "home", &["--deliver", "60s"], &script),
        Some(0)
    );
    assert_eq!(fs::read_to_string(code).unwrap(), "3\n");
    assert_eq!(of_run(&machine), "{\"n\":1}\n{\"n\":2}\n");
}

#[test]
fn what_is_restored_is_not_stored_again() {
    let dir = tempfile::tempdir().unwrap();
    let machine = Machine::at(dir.path());
    let projects = machine.projects.to_str().unwrap();
    machine.add(FILE, "{\"n\":1}\n{\"n\":1}\n");
    machine.installed.succeeds(["import", "--projects-dir", projects]);
    let lines = machine.read(FILE);
    fs::remove_dir_all(machine.file("-srv-app")).unwrap();
    let watcher = machine.watch(&[]);
    let into = dir.path().join("restored");
    machine
        .installed
        .succeeds(["restore", "s", "--into", into.to_str().unwrap()]);
    fs::rename(into.join("projects/-srv-app"), machine.file("-srv-app")).unwrap();
    assert_eq!(machine.read(FILE), lines);
    machine.add(FILE, "{\"n\":2}\n");
    machine.wait_stored(S, &machine.read(FILE));
    assert_eq!(watcher.stop(), Some(0));
    assert_eq!(machine.stored(S), machine.read(FILE));
}

#[test]
fn a_copy_and_watch_bring_each_line_once() {
    let dir = tempfile::tempdir().unwrap();
    let machine = Machine::at(dir.path());
    let projects = machine.projects.to_str().unwrap();
    let second = second(&machine, dir.path());
    machine.add(FILE, "{\"n\":1}\n{\"n\":1}\n{\"n\":2}\n");
    let import = ["import", "--to", "fs", "--projects-dir", projects];
    machine.installed.succeeds(import);
    let watcher = machine.watch(&[]);
    for number in 3..6 {
        machine.add(FILE, &format!("{{\"n\":{number}}}\n"));
        machine.installed.run(["copy", "--from", "fs", "--to", "second"]);
    }
    let both_have_all = || machine.stored(S) == machine.read(FILE) && stored(&second, S) == machine.read(FILE);
    wait_for("all at both", both_have_all);
    assert_eq!(watcher.stop(), Some(0));
    machine.installed.succeeds(["copy", "--from", "fs", "--to", "second"]);
    assert!(both_have_all(), "nothing is doubled later");
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
