//! kill -9 at any moment while agents write, with two destinations of which one comes and goes: nothing is lost,
//! doubled or moved.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use fastrand::Rng;
use mirrorbox::agent_format::project_key_named;
use mirrorbox_e2e::{amount, entry, patient_delivery, seed};

use crate::unsteady::Unsteady;
use crate::watcher::{Machine, Watcher, stored, wait_for};

const SESSIONS: [&str; 3] = ["one", "two", "three"];

/// The project key that runs store under.
const KEY: &str = "runs";

/// What a run's agent does: it writes rows to its own file, the last one in two parts.
const AGENT: &str = r#"n=0; while [ $n -lt 30 ]; do echo "{\"n\":$n}" >> "$F"; n=$((n+1)); sleep 0.02; done
    printf '{"n":' >> "$F"; sleep 0.1; echo 'true}' >> "$F""#;

#[test]
fn every_line_survives_every_kill() {
    let mut rng = Rng::with_seed(seed());
    let dir = tempfile::tempdir().unwrap();
    let machine = Machine::at(dir.path());
    let unsteady = Unsteady::add_to(&machine.installed, dir.path());
    let is_over = AtomicBool::new(false);
    let kills = amount(6, 200);
    thread::scope(|scope| {
        let (mut writing, mut going) = (rng.fork(), rng.fork());
        let (machine, is_over, unsteady) = (&machine, &is_over, &unsteady);
        scope.spawn(move || {
            let mut index = 0;
            while !is_over.load(Ordering::Relaxed) {
                write(machine, index, &mut writing);
                index += 1;
            }
        });
        scope.spawn(move || unsteady.come_and_go(&mut going, is_over));
        for _ in 0..kills {
            let watcher = Watcher::start(machine.command(&[]), &dir.path().join("log"));
            // What it is doing then is up to chance.
            thread::sleep(Duration::from_millis(rng.u64(200..2500)));
            watcher.kill();
        }
        is_over.store(true, Ordering::Relaxed);
    });
    let watcher = machine.watch(&[]);
    let streams = SESSIONS.map(|session| format!("-srv-app/{session}"));
    have_equal_lines(&machine, &unsteady, &streams);
    assert_eq!(watcher.stop(), Some(0));
    have_equal_lines(&machine, &unsteady, &streams);
}

/// Writes a row, perhaps in two parts.
fn write(machine: &Machine, index: u64, rng: &mut Rng) {
    for session in SESSIONS {
        let row = entry("agent", session, index) + "\n";
        let (first, rest) = row.split_at(rng.usize(..row.len()));
        let file = format!("-srv-app/{session}.jsonl");
        machine.add(&file, first);
        thread::sleep(Duration::from_millis(rng.u64(..8)));
        machine.add(&file, rest);
    }
}

/// Waits until both destinations hold exactly what the files hold.
fn have_equal_lines(machine: &Machine, unsteady: &Unsteady, streams: &[String]) {
    for stream in streams {
        have_text(machine, unsteady, stream, &machine.read(&format!("{stream}.jsonl")));
    }
}

fn have_text(machine: &Machine, unsteady: &Unsteady, stream: &str, text: &str) {
    machine.wait_stored(stream, text);
    let folder = unsteady.store();
    wait_for("as many lines there", || stored(&folder, stream).len() >= text.len());
    assert_eq!(stored(&folder, stream), text, "{stream}");
}

#[test]
fn every_line_of_every_run_survives_every_kill() {
    let mut rng = Rng::with_seed(seed());
    let dir = tempfile::tempdir().unwrap();
    let machine = Machine::at(dir.path());
    let unsteady = Unsteady::add_to(&machine.installed, dir.path());
    let here = dir.path().join("here");
    fs::create_dir(&here).unwrap();
    let project = project_key_named(&here, false, None);
    let is_over = AtomicBool::new(false);
    let kills = amount(4, 200);
    thread::scope(|scope| {
        let (mut going, is_over, unsteady) = (rng.fork(), &is_over, &unsteady);
        scope.spawn(move || unsteady.come_and_go(&mut going, is_over));
        for number in 0..kills {
            let file = machine.projects.join(&project).join(format!("run-{number}.jsonl"));
            let mut run = run(&machine, &here, &file).spawn().unwrap();
            thread::sleep(Duration::from_millis(rng.u64(..2000)));
            // It may have ended.
            let _ = run.kill();
            run.wait().unwrap();
        }
        is_over.store(true, Ordering::Relaxed);
    });
    unsteady.come_back();
    let drained = machine.installed.run(["drain"]);
    assert_eq!(drained.code, Some(0), "{drained:#?}");
    // A run that was killed before its agent began has no file.
    let files = (0..kills).map(|number| (number, machine.file(&format!("{project}/run-{number}.jsonl"))));
    let begun: Vec<_> = files.filter(|(_, file)| file.exists()).collect();
    assert!(!begun.is_empty(), "no agent ever began");
    for (number, file) in begun {
        let text = fs::read_to_string(file).unwrap();
        have_text(&machine, &unsteady, &format!("{KEY}/run-{number}"), &text);
    }
}

fn run(machine: &Machine, here: &Path, file: &Path) -> Command {
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    let mut command = machine.installed.command(["run"]);
    let options = ["--cwd-key", KEY]
        .map(str::to_owned)
        .into_iter()
        .chain(patient_delivery(&[]));
    command.args(options).args(["--", "sh", "-c", AGENT]);
    command
        .current_dir(here)
        .env("F", file)
        .env("CLAUDE_CONFIG_DIR", machine.projects.parent().unwrap())
        .env_remove("CLAUDE_CODE_PROJECT_DIR_NAME")
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}
