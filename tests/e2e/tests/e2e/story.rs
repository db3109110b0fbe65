//! The main job, through the command: transcripts in, the local copy away, everything back.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use mirrorbox_e2e::{Installation, seed};
use mirrorbox_transcripts::{Projects, Written};
use serde_json::Value;

const SESSION: &str = "0b6c9f0e-0000-4000-8000-000000000001";

fn made_up(projects: &Path) -> Written {
    let made = Projects {
        seed: 3,
        sessions: 12,
        bytes: 3_000_000,
    };
    made.write(projects).unwrap()
}

/// Writes one transcript; lines as given.
fn transcript(projects: &Path, relative: &str, content: impl AsRef<[u8]>) -> PathBuf {
    let path = projects.join(relative);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, content).unwrap();
    path
}

/// Every file below a directory, by its path in it. One that goes away meanwhile is left out.
fn contents(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut dirs = vec![dir.to_owned()];
    while let Some(next) = dirs.pop() {
        for entry in fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                dirs.push(path);
            } else if let Ok(bytes) = fs::read(&path) {
                found.insert(path.strip_prefix(dir).unwrap().to_owned(), bytes);
            }
        }
    }
    found
}

fn import(installed: &Installation, projects: &Path) -> Value {
    let report = installed.json(["import", "--projects-dir", projects.to_str().unwrap()]);
    report["destinations"][0]["report"]["totals"].clone()
}

fn restore_all(installed: &Installation, into: &Path) {
    installed.succeeds(["restore", "--all", "--into", into.to_str().unwrap()]);
}

#[test]
fn every_session_comes_back_byte_for_byte() {
    let dir = tempfile::tempdir().unwrap();
    let installed = Installation::at(dir.path());
    let (projects, into) = (dir.path().join("projects"), dir.path().join("restored"));
    made_up(&projects);
    let before = contents(&projects);
    assert!(before.len() > 20);
    import(&installed, &projects);
    fs::remove_dir_all(&projects).unwrap();
    restore_all(&installed, &into);
    assert!(contents(&into.join("projects")) == before);
}

#[cfg(unix)]
#[test]
fn what_is_restored_is_private() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let installed = Installation::at(dir.path());
    let (projects, into) = (dir.path().join("projects"), dir.path().join("restored"));
    made_up(&projects);
    import(&installed, &projects);
    restore_all(&installed, &into);
    let mut dirs = vec![into];
    while let Some(next) = dirs.pop() {
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&next), 0o700, "{}", next.display());
        for entry in fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                dirs.push(path);
            } else {
                assert_eq!(mode(&path), 0o600, "{}", path.display());
            }
        }
    }
}

#[test]
fn a_second_import_adds_only_what_is_new() {
    let dir = tempfile::tempdir().unwrap();
    let installed = Installation::at(dir.path());
    let (projects, into) = (dir.path().join("projects"), dir.path().join("restored"));
    let written = made_up(&projects);
    let first = import(&installed, &projects);
    assert_eq!(first["added"]["entries"], written.lines + written.sidecars, "{first}");
    let second = import(&installed, &projects);
    assert_eq!(second["added"]["entries"], 0, "{second}");
    assert_eq!(second["present"]["entries"], written.lines, "{second}");
    let grown = transcript(&projects, &format!("-srv-new/{SESSION}.jsonl"), "{\"n\":1}\n");
    assert_eq!(import(&installed, &projects)["added"]["entries"], 1);
    fs::write(&grown, "{\"n\":1}\n{\"n\":2}\n{\"n\":3}\n").unwrap();
    assert_eq!(import(&installed, &projects)["added"]["entries"], 2);
    restore_all(&installed, &into);
    assert!(contents(&into.join("projects")) == contents(&projects));
}

#[test]
fn every_byte_of_every_entry_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let installed = Installation::at(dir.path());
    let (projects, into) = (dir.path().join("projects"), dir.path().join("restored"));
    let lines: [&[u8]; 12] = [
        br#"{"nul":"\u0000","raw":"a\u0000b"}"#,
        br#"{"lone":"\ud800","low":"\udc00"}"#,
        br#"{"big":1e308,"bigger":1e999,"zero":-0,"int":9223372036854775809}"#,
        br#"{"twice":1,"twice":2}"#,
        "{\"separator\":\"a\u{2028}b\u{2029}c\"}".as_bytes(),
        br#"{"crlf":"a\r\nb"}"#,
        br#"{"uuid":"11111111-0000-4000-8000-000000000001","n":1}"#,
        br#"{"uuid":"11111111-0000-4000-8000-000000000001","n":2}"#,
        b"  { \"spaces\" :\t[ 1 ,2 ] }  ",
        b"{\"carriage\":1}\r",
        "{\"text\":\"e\u{301} \u{e9} \u{1f600}\"}".as_bytes(),
        br#"{}"#,
    ];
    let mut content = lines.join(&b'\n');
    content.push(b'\n');
    transcript(&projects, &format!("-srv-app/{SESSION}.jsonl"), &content);
    import(&installed, &projects);
    restore_all(&installed, &into);
    assert!(contents(&into.join("projects")) == contents(&projects));
    let shown = installed.run(["show", SESSION, "--json"]);
    assert_eq!(shown.code, Some(0), "{shown:?}");
}

#[test]
fn listing_showing_and_deleting() {
    let dir = tempfile::tempdir().unwrap();
    let installed = Installation::at(dir.path());
    let projects = dir.path().join("projects");
    transcript(
        &projects,
        &format!("-srv-app/{SESSION}.jsonl"),
        "{\"type\":\"user\",\"message\":{\"role\":\"user\",\"content\":\"Find the leak\"},\"uuid\":\"u1\",\"cwd\":\"/srv/app\"}\n",
    );
    let agent = format!("-srv-app/{SESSION}/subagents/agent-a1.jsonl");
    transcript(&projects, &agent, "{\"type\":\"user\",\"agentId\":\"a1\"}\n");
    import(&installed, &projects);

    assert!(installed.succeeds(["sessions"]).contains("Find the leak"));
    assert!(installed.succeeds(["show", "0b6c9f0e"]).contains("Find the leak"));
    assert_eq!(installed.run(["delete", SESSION]).code, Some(2), "nobody was asked");
    installed.succeeds(["delete", SESSION, "--yes"]);
    assert!(!installed.succeeds(["sessions"]).contains(SESSION));
    let gone = installed.run(["show", SESSION]);
    assert_eq!(gone.code, Some(1), "{gone:?}");
    assert!(gone.stderr.contains(SESSION), "{gone:?}");
    // What was deleted can be brought back, behind the tombstone.
    import(&installed, &projects);
    let into = dir.path().join("restored");
    restore_all(&installed, &into);
    assert!(contents(&into.join("projects")) == contents(&projects));
    installed.succeeds(["verify", "--projects-dir", projects.to_str().unwrap()]);
}

#[test]
fn several_destinations_get_everything_and_one_answers_for_another() {
    let dir = tempfile::tempdir().unwrap();
    let installed = Installation::at(dir.path());
    let adapters = installed.config.join("adapters");
    let second = dir.path().join("second");
    fs::create_dir(&second).unwrap();
    fs::copy(adapters.join("fs.wasm"), adapters.join("backup.wasm")).unwrap();
    let manifest = format!("[grants]\ndirs = [{{ host = {second:?}, guest = \"/data\" }}]\n");
    fs::write(adapters.join("backup.toml"), manifest).unwrap();
    let (projects, into) = (dir.path().join("projects"), dir.path().join("restored"));
    made_up(&projects);
    import(&installed, &projects);
    fs::remove_dir_all(&second).unwrap();
    let restored = installed.run(["restore", "--all", "--into", into.to_str().unwrap()]);
    assert_eq!(restored.code, Some(0), "{restored:?}");
    assert!(restored.stderr.contains("`fs`"), "it says who answered: {restored:?}");
    assert!(contents(&into.join("projects")) == contents(&projects));
    let behind = installed.run(["import", "--projects-dir", projects.to_str().unwrap()]);
    assert_eq!(behind.code, Some(3), "one destination has not got it: {behind:?}");
}

/// Killed without a chance to tidy up, as soon as so many files are in the store, a few times in a row.
#[test]
fn an_import_that_was_killed_is_taken_up_again() {
    let dir = tempfile::tempdir().unwrap();
    let installed = Installation::at(dir.path());
    let (projects, into) = (dir.path().join("projects"), dir.path().join("restored"));
    let written = made_up(&projects);
    let mut rng = fastrand::Rng::with_seed(seed());
    let mut target = 0;
    for _ in 0..6 {
        target += rng.usize(1..6);
        let mut import = installed.command(["import", "--projects-dir", projects.to_str().unwrap()]);
        let mut import = import.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        while contents(&installed.store).len() < target && import.try_wait().unwrap().is_none() {
            std::thread::yield_now();
        }
        import.kill().unwrap();
        import.wait().unwrap();
    }
    let rest = import(&installed, &projects);
    let there = rest["added"]["entries"].as_u64().unwrap() + rest["present"]["entries"].as_u64().unwrap();
    assert!(there >= written.lines, "{rest}");
    restore_all(&installed, &into);
    assert!(contents(&into.join("projects")) == contents(&projects));
    installed.succeeds(["verify", "--projects-dir", projects.to_str().unwrap()]);
}
