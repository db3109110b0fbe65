//! A destination that holds another, well-chained copy of a session: nobody is given it unasked.

use std::fs;
use std::path::Path;

use mirrorbox_e2e::{Installation, Ran, adapter};

const SESSION: &str = "0b6c9f0e-0000-4000-8000-000000000001";
const TRUE: &str = "the truth";
const FORGED: &str = "a forgery";

fn row(number: usize, content: &str) -> String {
    format!(
        "{{\"type\":\"user\",\"uuid\":\"{number}\",\"sessionId\":{SESSION:?},\"message\":{{\"role\":\"user\",\
         \"content\":{content:?}}}}}\n"
    )
}

/// Stores a transcript of so many rows, all of one content.
fn import(installed: &Installation, dir: &Path, rows: usize, content: &str) {
    let projects = dir.join(format!("projects-{content}"));
    fs::create_dir_all(projects.join("-srv-app")).unwrap();
    let rows: String = (0..rows).map(|number| row(number, content)).collect();
    fs::write(projects.join("-srv-app").join(format!("{SESSION}.jsonl")), rows).unwrap();
    installed.succeeds(["import", "--projects-dir", projects.to_str().unwrap()]);
}

/// Adds a destination `aaa`, which sorts first, with the folder of another installation.
fn add_aaa(installed: &Installation, folder: &Path) {
    let adapters = installed.config.join("adapters");
    fs::copy(adapter("fs"), adapters.join("aaa.wasm")).unwrap();
    let manifest = format!("[grants]\ndirs = [{{ host = {folder:?}, guest = \"/data\" }}]\n");
    fs::write(adapters.join("aaa.toml"), manifest).unwrap();
}

/// It ends, with both names and what to do.
fn stops(ran: &Ran) {
    assert_eq!(ran.code, Some(1), "{ran:?}");
    for word in ["`aaa`", "`fs`", "--from"] {
        assert!(ran.stderr.contains(word), "{word}: {ran:?}");
    }
    assert!(!ran.stdout.contains(FORGED) && !ran.stdout.contains(TRUE), "{ran:?}");
}

#[test]
fn where_two_differ_nothing_is_shown_restored_or_resumed_until_one_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let (honest, other) = (dir.path().join("honest"), dir.path().join("other"));
    let (installed, forger) = (Installation::at(&honest), Installation::at(&other));
    import(&installed, dir.path(), 3, TRUE);
    import(&forger, dir.path(), 3, FORGED);
    add_aaa(&installed, &forger.store);
    let into = dir.path().join("restored");
    let restore = ["restore", SESSION, "--into", into.to_str().unwrap()];
    stops(&installed.run(["show", SESSION]));
    stops(&installed.run(restore));
    stops(&installed.run(["restore", "--all", "--into", into.to_str().unwrap()]));
    let marker = dir.path().join("started");
    let agent = format!("touch {}", marker.display());
    stops(&installed.run([
        "run",
        "--resume",
        SESSION,
        "--cwd-key",
        "-srv-app",
        "--",
        "sh",
        "-c",
        &agent,
    ]));
    assert!(!marker.exists() && !into.join("projects").exists());
    let shown = installed.succeeds(["show", SESSION, "--from", "fs"]);
    assert!(shown.contains(TRUE) && !shown.contains(FORGED), "{shown}");
    installed.succeeds(restore.iter().chain(&["--from", "fs"]));
    let restored = into.join("projects/-srv-app").join(format!("{SESSION}.jsonl"));
    assert!(fs::read_to_string(restored).unwrap().contains(TRUE));
}

/// Lines that are added, and none that is changed: no two of them contradict each other.
#[test]
fn who_a_session_goes_on_from_answers_though_another_claims_more() {
    let dir = tempfile::tempdir().unwrap();
    let (honest, other) = (dir.path().join("honest"), dir.path().join("other"));
    let (installed, forger) = (Installation::at(&honest), Installation::at(&other));
    import(&installed, dir.path(), 3, TRUE);
    // The same session goes on here: what this machine adds has what `fs` holds as its base.
    installed.succeeds(["rename", SESSION, "renamed"]);
    copy(&installed.store, &forger.store);
    import(&forger, dir.path(), 9, FORGED);
    add_aaa(&installed, &forger.store);
    let ran = installed.run(["show", SESSION]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.stdout.contains(TRUE) && !ran.stdout.contains(FORGED), "{ran:?}");
    assert!(
        ran.stderr.contains("goes on from") && ran.stderr.contains("--from aaa"),
        "{ran:?}"
    );
}

/// It takes what the honest one gets, and holds made-up lines of a writer of its own before that.
#[test]
fn one_that_holds_more_does_not_answer_unsaid_though_it_sorts_first() {
    let dir = tempfile::tempdir().unwrap();
    let (honest, other) = (dir.path().join("honest"), dir.path().join("other"));
    let (installed, forger) = (Installation::at(&honest), Installation::at(&other));
    import(&forger, dir.path(), 9, FORGED);
    add_aaa(&installed, &forger.store);
    import(&installed, dir.path(), 3, TRUE);
    let ran = installed.run(["show", SESSION]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let said = "the answer is from `aaa`, which holds 9 lines that `fs` lacks";
    assert!(ran.stdout.contains(FORGED) && ran.stderr.contains(said), "{ran:?}");
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &to.join(entry.file_name())),
            false => drop(fs::copy(entry.path(), to.join(entry.file_name())).unwrap()),
        }
    }
}
