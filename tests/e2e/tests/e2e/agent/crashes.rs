//! Processes that are killed in the middle of an answer.

use std::fs;
use std::path::Path;

use mirrorbox_e2e::{Claude, Installation, Machine, Running};
use nix::sys::signal::{self, Signal};

/// Two sessions: one that the agent keeps in its own home, and one that was brought back from the store.
#[test]
fn a_host_that_is_killed_is_made_up_for_by_the_next_start() {
    let Some(claude) = Claude::installed() else { return };
    let dir = tempfile::tempdir().unwrap();
    let machine = Machine::new(dir.path(), Installation::at(dir.path()));
    let session = kill_host(&claude, &machine, &[], 1, "HOLD PINEAPPLE-42");
    machine.installed.succeeds(["drain"]);
    assert_eq!(machine.stored_lines(&session), machine.own_lines(&session));

    let resume = ["--resume", &*session];
    assert_eq!(kill_host(&claude, &machine, &resume, 2, "HOLD MELON-43"), session);
    assert_eq!(runs(&machine.installed.state).len(), 1, "one run is left");
    let recalled = machine.ask(&claude, &resume, "RECALL").succeeded();
    assert_eq!(recalled.result(), "PINEAPPLE-42 MELON-43");
    assert_eq!(runs(&machine.installed.state), [] as [std::path::PathBuf; 0]);
    machine.installed.succeeds(["verify"]);
}

/// Starts a run and kills its host while the answer is held, and the agent after it. What the agent wrote meanwhile is
/// in its file only, for the host stands still since it passed the first line on. The session's id.
fn kill_host(claude: &Claude, machine: &Machine, options: &[&str], number: usize, prompt: &str) -> String {
    let mut running = Running::start(machine.asking(claude, options, prompt));
    let session = running.session();
    running.signal(Signal::SIGSTOP);
    assert!(claude.model.wait_held(number));
    machine.wait_written(&session, prompt);
    let agent = running.agent();
    running.signal(Signal::SIGKILL);
    signal::kill(agent, Signal::SIGKILL).unwrap();
    let answer = running.end();
    assert_eq!(answer.code, None, "{answer:#?}");
    session
}

/// What runs left in the state directory.
fn runs(state: &Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(state.join("agents")).unwrap();
    entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect()
}

#[test]
fn an_agent_that_is_killed_leaves_what_it_wrote() {
    let Some(claude) = Claude::installed() else { return };
    let dir = tempfile::tempdir().unwrap();
    let machine = Machine::new(dir.path(), Installation::at(dir.path()));
    let mut running = Running::start(machine.asking(&claude, &[], "HOLD PINEAPPLE-42"));
    let session = running.session();
    assert!(claude.model.wait_held(1));
    machine.wait_written(&session, "HOLD PINEAPPLE-42");
    signal::kill(running.agent(), Signal::SIGKILL).unwrap();
    let answer = running.end();
    assert_eq!(answer.code, Some(137), "{answer:#?}");
    assert_eq!(machine.stored_lines(&session), machine.own_lines(&session));
    let recalled = machine.ask(&claude, &["--resume", &session], "RECALL").succeeded();
    assert_eq!(recalled.result(), "PINEAPPLE-42");
}
