//! Agents that are to stop: they may finish, and nothing that they wrote is lost.

use std::io::Write;
use std::process::Stdio;

use mirrorbox_e2e::{Claude, Installation, Machine, Running};
use nix::sys::signal::Signal;

#[test]
fn an_agent_that_is_told_to_stop_finishes_its_answer() {
    let Some(claude) = Claude::installed() else { return };
    let dir = tempfile::tempdir().unwrap();
    let machine = Machine::new(dir.path(), Installation::at(dir.path()));
    for (number, signal) in [Signal::SIGTERM, Signal::SIGINT].into_iter().enumerate() {
        let running = Running::start(machine.asking(&claude, &["--grace", "120s"], "HOLD PINEAPPLE-42"));
        assert!(claude.model.wait_held(number + 1));
        running.signal(signal);
        claude.model.release();
        let answer = running.end().succeeded();
        assert_eq!(answer.result(), "The first words, and the others.");
        assert_eq!(
            machine.stored_lines(&answer.session()),
            machine.own_lines(&answer.session())
        );
    }
}

#[test]
fn an_agent_that_will_not_end_is_ended_and_what_it_wrote_is_stored() {
    let Some(claude) = Claude::installed() else { return };
    let dir = tempfile::tempdir().unwrap();
    let machine = Machine::new(dir.path(), Installation::at(dir.path()));
    let mut running = Running::start(machine.asking(&claude, &["--grace", "1s"], "HOLD PINEAPPLE-42"));
    let session = running.session();
    assert!(claude.model.wait_held(1));
    machine.wait_written(&session, "HOLD PINEAPPLE-42");
    running.signal(Signal::SIGTERM);
    let answer = running.end();
    assert_eq!(answer.code, Some(143), "{answer:#?}");
    assert_eq!(machine.stored_lines(&session), machine.own_lines(&session));
    let recalled = machine.ask(&claude, &["--resume", &session], "RECALL").succeeded();
    assert_eq!(recalled.result(), "PINEAPPLE-42");
}

/// Its input ends while it answers: what it writes after that is stored, too.
#[test]
fn input_that_ends_in_the_middle_of_a_turn_loses_nothing() {
    let Some(claude) = Claude::installed() else { return };
    let dir = tempfile::tempdir().unwrap();
    let machine = Machine::new(dir.path(), Installation::at(dir.path()));
    let arguments = [
        "-p",
        "--input-format",
        "stream-json",
        "--output-format",
        "stream-json",
        "--verbose",
    ];
    let mut command = machine.command(&claude, &[], &claude.program, &arguments);
    command.stdin(Stdio::piped());
    let mut running = Running::start(command);
    let mut input = running.input();
    let message = r#"{"type":"user","message":{"role":"user","content":"HOLD PINEAPPLE-42"}}"#;
    writeln!(input, "{message}").unwrap();
    assert!(claude.model.wait_held(1));
    drop(input);
    claude.model.release();
    let answer = running.end().succeeded();
    assert_eq!(answer.result(), "The first words, and the others.");
    let own = machine.own_lines(&answer.session());
    assert_eq!(machine.stored_lines(&answer.session()), own);
}

#[test]
fn whoever_is_told_twice_leaves_at_once_and_the_next_start_goes_on() {
    let Some(claude) = Claude::installed() else { return };
    let dir = tempfile::tempdir().unwrap();
    let machine = Machine::new(dir.path(), Installation::at(dir.path()));
    let mut running = Running::start(machine.asking(&claude, &["--grace", "1h"], "HOLD PINEAPPLE-42"));
    let session = running.session();
    assert!(claude.model.wait_held(1));
    machine.wait_written(&session, "HOLD PINEAPPLE-42");
    running.signal(Signal::SIGTERM);
    running.signal(Signal::SIGINT);
    let answer = running.end();
    assert_eq!(answer.code, Some(130), "{answer:#?}");
    machine.installed.succeeds(["drain"]);
    assert_eq!(machine.stored_lines(&session), machine.own_lines(&session));
}

#[test]
fn a_time_limit_lets_the_agent_finish() {
    let Some(claude) = Claude::installed() else { return };
    let dir = tempfile::tempdir().unwrap();
    let machine = Machine::new(dir.path(), Installation::at(dir.path()));
    let options = ["--limit", "1ms", "--grace", "120s"];
    let answer = machine.ask(&claude, &options, "hi").succeeded();
    assert_eq!(answer.result(), "Hello from the stand-in model.");
    assert!(answer.stderr.contains("the time is over"), "{answer:#?}");
}
