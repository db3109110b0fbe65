//! What a version before this one left behind is gone on with: its configuration, its state directory with lines that
//! wait, and its store.
//!
//! `tests/e2e/stored/0.1.0` was written by the first state of 0.1.0: sessions 1 and 2 imported, the second one renamed,
//! session 3 deleted; two lines of session 1 delivered by a `watch`, three more spooled by one that was killed while
//! its destination was away. `{DIR}` stands for the folder that it lay in.

use std::fs;
use std::path::Path;

use mirrorbox_e2e::Installation;

const STORED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/stored/0.1.0");
const WITH_LINES_THAT_WAIT: &str = "0b6c9f0e-0000-4000-8000-000000000001";
const RENAMED: &str = "0b6c9f0e-0000-4000-8000-000000000002";
const DELETED: &str = "0b6c9f0e-0000-4000-8000-000000000003";

/// Copies a folder; in texts, `{DIR}` becomes `dir`.
fn copy(from: &Path, to: &Path, dir: &str) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            copy(&from, &to, dir);
            continue;
        }
        let bytes = fs::read(&from).unwrap();
        let text = String::from_utf8(bytes).map(|text| text.replace("{DIR}", dir).into_bytes());
        fs::write(to, text.unwrap_or_else(|error| error.into_bytes())).unwrap();
    }
}

fn stored(dir: &Path) -> Installation {
    copy(Path::new(STORED), dir, dir.to_str().unwrap());
    let installed = Installation {
        config: dir.join("config"),
        state: dir.join("state"),
        store: dir.join("store"),
    };
    // A newer component, as an upgrade brings one: it asks for nothing more.
    installed.succeeds(["adapters", "install", "fs"]);
    installed
}

fn lines(installed: &Installation, session: &str) -> Vec<String> {
    let shown = installed.succeeds(["show", session, "--json"]);
    shown.lines().map(str::to_owned).collect()
}

fn file(dir: &Path, session: &str) -> Vec<String> {
    let path = dir.join(format!("projects/-srv-app/{session}.jsonl"));
    let text = fs::read_to_string(path).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn what_waited_is_delivered_and_nothing_is_doubled_or_brought_back() {
    let dir = tempfile::tempdir().unwrap();
    let installed = stored(dir.path());
    let status = installed.run(["status", "--json"]);
    assert_eq!(status.code, Some(3), "{status:#?}");
    let status: serde_json::Value = serde_json::from_str(&status.stdout).unwrap();
    assert_eq!(status["destinations"][0]["entries"], 3, "{status}");
    installed.succeeds(["drain"]);
    let of_file = file(dir.path(), WITH_LINES_THAT_WAIT);
    assert_eq!(lines(&installed, WITH_LINES_THAT_WAIT), of_file);
    installed.succeeds(["verify"]);
    // Its files, once more, by what is new.
    let projects = dir.path().join("projects");
    installed.succeeds(["import", "--projects-dir", projects.to_str().unwrap()]);
    assert_eq!(lines(&installed, WITH_LINES_THAT_WAIT), of_file);
    assert_eq!(
        lines(&installed, RENAMED).len(),
        file(dir.path(), RENAMED).len() + 1,
        "with its title"
    );
    assert_eq!(installed.run(["show", DELETED]).code, Some(1));
    let sessions = installed.json(["sessions"])["sessions"].clone();
    let titles: Vec<_> = sessions
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["info"]["custom_title"])
        .collect();
    assert!(titles.len() == 2 && titles.contains(&&"A title".into()), "{sessions}");
}

#[test]
fn what_is_restored_is_what_the_older_version_read() {
    let dir = tempfile::tempdir().unwrap();
    let installed = stored(dir.path());
    installed.succeeds(["drain"]);
    let into = dir.path().join("restored");
    installed.succeeds(["restore", WITH_LINES_THAT_WAIT, "--into", into.to_str().unwrap()]);
    let subagent = format!("-srv-app/{WITH_LINES_THAT_WAIT}/subagents/agent-a1");
    for path in [
        format!("-srv-app/{WITH_LINES_THAT_WAIT}.jsonl"),
        format!("{subagent}.jsonl"),
    ] {
        let [was, is] = ["projects", "restored/projects"].map(|folder| fs::read(dir.path().join(folder).join(&path)));
        assert_eq!(is.unwrap(), was.unwrap(), "{path}");
    }
    let sidecar = |folder: &str| -> serde_json::Value {
        let path = dir.path().join(folder).join(format!("{subagent}.meta.json"));
        serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
    };
    assert_eq!(sidecar("restored/projects"), sidecar("projects"));
}
