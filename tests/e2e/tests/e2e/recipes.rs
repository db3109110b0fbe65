//! The recipes of `docs/recovery.md`, typed as they stand there.

use std::fs;
use std::path::Path;
use std::time::Duration;

use mirrorbox::agent_format::project_key;
use mirrorbox::host::Host;
use mirrorbox::key::SessionKey;
use mirrorbox_e2e::Installation;

const SESSION: &str = "0b6c9f0e-0000-4000-8000-000000000001";

/// A configuration with the destinations `fs` and `other`, and a transcript of three lines that both have.
fn with_two(dir: &Path) -> Installation {
    let installed = Installation::at(dir);
    let adapters = installed.config.join("adapters");
    let other = dir.join("other-store");
    fs::create_dir(&other).unwrap();
    fs::copy(adapters.join("fs.wasm"), adapters.join("other.wasm")).unwrap();
    let manifest = format!("[grants]\ndirs = [{{ host = {other:?}, guest = \"/data\" }}]\n");
    fs::write(adapters.join("other.toml"), manifest).unwrap();
    let project = dir.join("projects/-srv-app");
    fs::create_dir_all(&project).unwrap();
    let lines: String = (0..3).map(|n| format!("{{\"type\":\"user\",\"n\":{n}}}\n")).collect();
    fs::write(project.join(format!("{SESSION}.jsonl")), lines).unwrap();
    import(&installed, dir, &[]);
    installed
}

fn import(installed: &Installation, dir: &Path, more: &[&str]) {
    let projects = dir.join("projects");
    let arguments = ["import", "--projects-dir", projects.to_str().unwrap()];
    installed.succeeds(arguments.iter().chain(more));
}

fn lines(installed: &Installation, from: &str) -> usize {
    installed
        .succeeds(["show", SESSION, "--json", "--from", from])
        .lines()
        .count()
}

#[test]
fn a_destination_that_was_emptied_gets_all_of_another() {
    let dir = tempfile::tempdir().unwrap();
    let installed = with_two(dir.path());
    let emptied = dir.path().join("other-store");
    fs::remove_dir_all(&emptied).unwrap();
    fs::create_dir(&emptied).unwrap();
    installed.succeeds(["copy", "--from", "fs", "--to", "other"]);
    installed.succeeds(["verify", "--between", "fs", "other"]);
    // From the agent's files it would have come, too; now there is nothing left to add.
    import(&installed, dir.path(), &["--to", "other"]);
    assert_eq!(lines(&installed, "other"), 3);
}

#[test]
fn a_destination_is_replaced_by_another() {
    let dir = tempfile::tempdir().unwrap();
    let installed = with_two(dir.path());
    installed.succeeds(["copy", "--from", "fs", "--to", "other"]);
    installed.succeeds(["adapters", "remove", "fs", "--yes"]);
    installed.succeeds(["status"]);
    assert_eq!(
        installed.json(["sessions"])["sessions"].as_array().unwrap().len(),
        1,
        "from the one that is left"
    );
}

#[test]
fn a_session_that_was_deleted_by_mistake_comes_back_from_its_file() {
    let dir = tempfile::tempdir().unwrap();
    let installed = with_two(dir.path());
    installed.succeeds(["delete", SESSION, "--yes"]);
    assert_eq!(installed.run(["show", SESSION]).code, Some(1));
    import(&installed, dir.path(), &["--session", SESSION]);
    for destination in ["fs", "other"] {
        assert_eq!(lines(&installed, destination), 3, "{destination}");
    }
}

#[test]
fn an_earlier_state_comes_back_for_another_directory_beside_what_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let installed = with_two(dir.path());
    let file = dir.path().join(format!("projects/-srv-app/{SESSION}.jsonl"));
    let old: String = (0..2)
        .map(|n| format!("{{\"uuid\":\"{n}\",\"text\":\"old\"}}\n"))
        .collect();
    for text in [&old, &old.replace("old", "")] {
        fs::write(&file, text).unwrap();
        installed.run([
            "import",
            "--projects-dir",
            dir.path().join("projects").to_str().unwrap(),
        ]);
    }
    let (home, work) = (dir.path().join("home"), dir.path().join("work"));
    fs::create_dir_all(home.join("projects")).unwrap();
    fs::create_dir(&work).unwrap();
    fs::write(home.join("settings.json"), "{}").unwrap();
    let restore = |more: &[&str]| {
        let [home, work] = [&home, &work].map(|dir| dir.to_str().unwrap());
        installed.run(["restore", SESSION, "--into", home, "--cwd", work].iter().chain(more))
    };
    let restored = restore(&["--through", "1"]);
    assert_eq!(restored.code, Some(0), "{restored:#?}");
    let there = home
        .join("projects")
        .join(project_key(&work))
        .join(format!("{SESSION}.jsonl"));
    let text = fs::read_to_string(&there).unwrap();
    assert!(text.ends_with(&old), "{text}");
    let again = restore(&[]);
    assert_eq!(again.code, Some(1), "{again:#?}");
    assert!(again.stderr.contains("replaces nothing"), "{again:#?}");
    assert_eq!(fs::read_to_string(&there).unwrap(), text);
    fs::remove_file(&there).unwrap();
    assert_eq!(restore(&["--at", "2026-03-01T10:00:00Z"]).code, Some(0));
}

/// What a machine that is gone had not delivered is in its state directory: another one delivers it from there.
#[test]
fn the_state_directory_of_a_machine_that_is_gone_is_drained() {
    let dir = tempfile::tempdir().unwrap();
    let installed = with_two(dir.path());
    {
        let key = SessionKey::main("-srv-app", SESSION).unwrap();
        let gone = Host::builder(&installed.state).build_blocking().unwrap();
        let transcript = gone.transcript(key);
        transcript.append_blocking(&[r#"{"type":"user","n":3}"#]).unwrap();
        let left = gone.close_blocking(Duration::from_secs(60)).unwrap();
        assert!(left.is_empty(), "it knows no destination");
    }
    let mounted = dir.path().join("old-disk");
    fs::rename(&installed.state, &mounted).unwrap();
    let elsewhere = Installation {
        state: mounted,
        ..installed
    };
    elsewhere.succeeds(["drain"]);
    for destination in ["fs", "other"] {
        assert_eq!(lines(&elsewhere, destination), 4, "{destination}");
    }
}
