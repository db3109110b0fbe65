//! The agent's real command, with and without `mirrorbox run` around it, while `mirrorbox watch` follows its files.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use mirrorbox_e2e::{Claude, Machine as Home, Running};
use nix::sys::signal::Signal;

use crate::watcher::{Machine, wait_for};

/// An agent's home, and who follows what is written there.
fn machine(dir: &std::path::Path) -> (Machine, Home) {
    let mut machine = Machine::at(dir);
    let installed = mirrorbox_e2e::Installation {
        config: machine.installed.config.clone(),
        state: machine.installed.state.clone(),
        store: machine.installed.store.clone(),
    };
    let home = Home::new(dir, installed);
    machine.projects = home.home.join(".claude/projects");
    fs::create_dir_all(&machine.projects).unwrap();
    (machine, home)
}

/// The agent alone, as a person starts it.
fn alone(claude: &Claude, home: &Home, prompt: &str) -> Command {
    let mut command = Command::new(&claude.program);
    command.args(["-p", prompt, "--output-format", "stream-json", "--verbose"]);
    command.current_dir(&home.here).env("HOME", &home.home);
    command
        .env_remove("CLAUDE_CONFIG_DIR")
        .env_remove("CLAUDE_CODE_PROJECT_DIR_NAME");
    command.envs(claude.model.environment());
    command
}

/// Both hold the same, once everything is there.
fn same(machine: &Machine, home: &Home, session: &str) {
    let stored = || stored_lines(machine, session);
    wait_for("all of the session", || stored() == home.own_lines(session));
}

fn stored_lines(machine: &Machine, session: &str) -> Vec<String> {
    let folders = fs::read_dir(&machine.installed.store).into_iter().flatten().flatten();
    let folder: Option<PathBuf> = folders
        .map(|folder| folder.path().join(session))
        .find(|path| path.is_dir());
    let stored = folder.map(|folder| crate::watcher::stored(&folder, ""));
    stored.unwrap_or_default().lines().map(str::to_owned).collect()
}

#[test]
fn an_agent_is_followed_while_it_writes() {
    let Some(claude) = Claude::installed() else { return };
    let dir = tempfile::tempdir().unwrap();
    let (machine, home) = machine(dir.path());
    let watcher = machine.watch(&[]);
    let answer = Running::start(alone(&claude, &home, "The code is PINEAPPLE-42."))
        .end()
        .succeeded();
    same(&machine, &home, &answer.session());
    assert_eq!(watcher.stop(), Some(0));
}

/// A run takes rows from its agent's frames; the watch leaves the files to it, then compares.
#[test]
fn what_a_run_mirrors_is_left_to_it() {
    let Some(claude) = Claude::installed() else { return };
    let dir = tempfile::tempdir().unwrap();
    let (machine, home) = machine(dir.path());
    let watcher = machine.watch(&[]);
    let mut sessions = Vec::new();
    for number in 0..3 {
        let answer = home.ask(&claude, &[], &format!("Number {number}")).succeeded();
        sessions.push(answer.session());
    }
    // The agent goes on with one of them by itself.
    let mut again = alone(&claude, &home, "RECALL");
    again.arg("--resume").arg(&sessions[0]);
    Running::start(again).end().succeeded();
    for session in &sessions {
        same(&machine, &home, session);
    }
    assert_eq!(watcher.stop(), Some(0));
    for session in &sessions {
        assert_eq!(
            stored_lines(&machine, session),
            home.own_lines(session),
            "nothing is stored twice"
        );
    }
}

#[test]
fn what_a_killed_run_left_is_taken_up() {
    let Some(claude) = Claude::installed() else { return };
    let dir = tempfile::tempdir().unwrap();
    let (machine, home) = machine(dir.path());
    let watcher = machine.watch(&[]);
    let mut run = Running::start(home.asking(&claude, &[], "Number 1"));
    let session = run.session();
    home.wait_written(&session, "Number 1");
    run.signal(Signal::SIGKILL);
    run.end();
    same(&machine, &home, &session);
    assert_eq!(watcher.stop(), Some(0));
    assert_eq!(
        stored_lines(&machine, &session),
        home.own_lines(&session),
        "nothing is stored twice"
    );
}
