//! Going on with what is stored: copies, subagents, pinned projects, odd paths, and nothing to go on with.

use std::fs;

use mirrorbox_e2e::{Claude, Installation, Machine};

fn machine(dir: &std::path::Path) -> Machine {
    Machine::new(dir, Installation::at(dir))
}

#[test]
fn nothing_stored_is_said_and_no_session_begins() {
    let Some(claude) = Claude::installed() else { return };
    let dir = tempfile::tempdir().unwrap();
    let machine = machine(dir.path());
    let unknown = "0b6c9f0e-0000-4000-8000-000000000001";
    for options in [&["--resume", unknown][..], &["--continue"]] {
        let answer = machine.ask(&claude, options, "hi");
        assert_eq!(answer.code, Some(1), "{answer:#?}");
        assert_eq!(answer.lines, [] as [String; 0], "no agent was started");
        assert!(answer.stderr.contains("session"), "{answer:#?}");
    }
    assert!(!machine.home.join(".claude").exists());
}

#[test]
fn a_command_that_chooses_its_session_itself_is_refused() {
    let Some(claude) = Claude::installed() else { return };
    let dir = tempfile::tempdir().unwrap();
    let machine = machine(dir.path());
    let told = machine.ask(&claude, &[], "The code is PINEAPPLE-42.").succeeded();
    let arguments = ["-p", "hi", "--continue"];
    let options = ["--resume", &told.session()];
    let refused = machine
        .command(&claude, &options, &claude.program, &arguments)
        .output()
        .unwrap();
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
}

#[test]
fn a_copy_goes_on_and_the_session_stays_as_it_was() {
    let Some(claude) = Claude::installed() else { return };
    let dir = tempfile::tempdir().unwrap();
    let machine = machine(dir.path());
    let told = machine.ask(&claude, &[], "The code is PINEAPPLE-42.").succeeded();
    let before = machine.stored_lines(&told.session());
    let copied = machine.ask(&claude, &["--continue", "--fork"], "RECALL").succeeded();
    assert_eq!(copied.result(), "PINEAPPLE-42");
    assert_ne!(copied.session(), told.session());
    assert_eq!(machine.stored_lines(&told.session()), before);
    let stored = machine.stored_lines(&copied.session());
    assert!(stored.iter().any(|line| line.contains("The code is PINEAPPLE-42.")));
}

#[test]
fn a_subagents_transcript_and_sidecar_come_back() {
    let Some(claude) = Claude::installed() else { return };
    let dir = tempfile::tempdir().unwrap();
    let machine = machine(dir.path());
    let spawned = machine.ask(&claude, &[], "SPAWN").succeeded();
    let session = spawned.session();
    let stored = machine.stored(&session);
    let of_subagent: Vec<_> = stored.keys().filter(|name| name.contains("subagents/agent-")).collect();
    assert_eq!(of_subagent.len(), 2, "{of_subagent:?}");
    assert!(
        of_subagent.iter().any(|name| name.ends_with(".meta.json")),
        "{of_subagent:?}"
    );
    // Gone on with from the store alone, nothing of it is stored a second time.
    fs::remove_dir_all(machine.home.join(".claude")).unwrap();
    machine.ask(&claude, &["--resume", &session], "RECALL").succeeded();
    let after = machine.stored(&session);
    for name in of_subagent {
        assert_eq!(after[name], stored[name], "{name}");
    }
}

#[test]
fn a_pinned_project_is_gone_on_with_from_anywhere() {
    let Some(claude) = Claude::installed() else { return };
    let dir = tempfile::tempdir().unwrap();
    let mut machine = machine(dir.path());
    let pinned = ["--cwd-key", "tenant-a"];
    let told = machine.ask(&claude, &pinned, "The code is PINEAPPLE-42.").succeeded();
    let listed = machine.installed.json(["sessions"]);
    assert_eq!(listed["sessions"][0]["project"], "tenant-a", "{listed}");
    machine.here = dir.path().join("elsewhere");
    fs::create_dir(&machine.here).unwrap();
    let nothing = machine.ask(&claude, &["--continue"], "RECALL");
    assert_eq!(
        nothing.code,
        Some(1),
        "this directory's project has no session: {nothing:#?}"
    );
    let recalled = machine
        .ask(&claude, &["--continue", "--cwd-key", "tenant-a"], "RECALL")
        .succeeded();
    assert_eq!(
        (recalled.session(), recalled.result()),
        (told.session(), "PINEAPPLE-42".to_owned())
    );
    let listed = machine.installed.json(["sessions"]);
    assert_eq!(listed["sessions"].as_array().unwrap().len(), 1, "one key: {listed}");
}

/// The agent names its folders by its own rules.
#[test]
fn odd_paths_are_one_project_each_time() {
    let Some(claude) = Claude::installed() else { return };
    let dir = tempfile::tempdir().unwrap();
    let mut machine = machine(dir.path());
    let long = "long-".repeat(45);
    for name in ["x\u{1f600}y", "re\u{301}ne\u{301}", &long] {
        machine.here = dir.path().join(name);
        fs::create_dir(&machine.here).unwrap();
        continues(&claude, &machine, name);
    }
    let real = dir.path().join("real");
    fs::create_dir(&real).unwrap();
    machine.here = dir.path().join("link");
    std::os::unix::fs::symlink(&real, &machine.here).unwrap();
    continues(&claude, &machine, "a link");
}

fn continues(claude: &Claude, machine: &Machine, name: &str) {
    let told = machine.ask(claude, &[], "The code is PINEAPPLE-42.").succeeded();
    let recalled = machine.ask(claude, &["--continue"], "RECALL").succeeded();
    assert_eq!(recalled.session(), told.session(), "{name}");
    assert_eq!(recalled.result(), "PINEAPPLE-42", "{name}");
}

/// Without JSON messages there are no frames.
#[test]
fn a_command_that_prints_text_is_followed() {
    let Some(claude) = Claude::installed() else { return };
    let dir = tempfile::tempdir().unwrap();
    let machine = machine(dir.path());
    let arguments = ["-p", "The code is PINEAPPLE-42."];
    let answered = machine
        .command(&claude, &[], &claude.program, &arguments)
        .output()
        .unwrap();
    assert_eq!(answered.status.code(), Some(0), "{answered:?}");
    assert_eq!(answered.stdout, b"Hello from the stand-in model.\n");
    let listed = machine.installed.json(["sessions"]);
    let session = listed["sessions"][0]["session"].as_str().unwrap();
    assert_eq!(machine.stored_lines(session), machine.own_lines(session));
    let recalled = machine.ask(&claude, &["--continue"], "RECALL").succeeded();
    assert_eq!(recalled.result(), "PINEAPPLE-42");
}
