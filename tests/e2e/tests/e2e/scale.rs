//! More transcripts than a process may have open files. In its long form 100,000 of them.

use std::fs;
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use mirrorbox_e2e::{Installation, amount};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Per transcript, and more than that for the start: far more than it takes, for a machine that has better things to
/// do.
const PATIENCE: Duration = Duration::from_millis(100);

/// What a program of any size has open, and what is kept open for streams.
const MOST_FILES: usize = 200;

fn write_transcripts(projects: &Path, count: u64) {
    for number in 0..count {
        let project = projects.join(format!("-srv-app-{}", number % 500));
        fs::create_dir_all(&project).unwrap();
        let session = format!("7b1f6c0e-2d5a-4c3e-9f10-{number:012}");
        let row = |n| format!("{{\"type\":\"user\",\"uuid\":\"{number}-{n}\",\"sessionId\":\"{session}\"}}\n");
        fs::write(project.join(format!("{session}.jsonl")), row(1) + &row(2)).unwrap();
    }
}

fn watch(installation: &Installation, projects: &Path, files: u64) -> Child {
    let command = installation.command(["watch", "--projects-dir", projects.to_str().unwrap()]);
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("ulimit -n {files} && exec \"$@\""), "sh"]);
    shell.arg(command.get_program()).args(command.get_args());
    shell.spawn().unwrap()
}

/// How many transcripts have a batch in the folder, each in a folder of its own.
fn stored(dir: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(dir) else { return 0 };
    let mut found = 0;
    let mut has_batch = false;
    for entry in entries {
        let entry = entry.unwrap();
        match entry.file_type().unwrap().is_dir() {
            true => found += stored(&entry.path()),
            false => has_batch |= entry.file_name().to_string_lossy().ends_with(".jsonl"),
        }
    }
    found + u64::from(has_batch)
}

fn until_all_are_stored(installation: &Installation, child: &mut Child, count: u64) {
    let give_up = Instant::now() + Duration::from_secs(120) + PATIENCE * u32::try_from(count).unwrap();
    while stored(&installation.store) < count {
        assert_eq!(child.try_wait().unwrap(), None, "it ended");
        assert!(Instant::now() < give_up, "{} of {count}", stored(&installation.store));
        // Another process's work: there is no event to wait for.
        std::thread::sleep(Duration::from_millis(500));
    }
}

fn end(mut child: Child) {
    kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGTERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn transcripts_may_be_more_than_open_files() {
    let (count, files) = (amount(600, 100_000), amount(256, 1024));
    let dir = tempfile::tempdir().unwrap();
    let installation = Installation::at(dir.path());
    let projects = dir.path().join("projects");
    write_transcripts(&projects, count);
    let mut child = watch(&installation, &projects, files);
    until_all_are_stored(&installation, &mut child, count);
    let open = fs::read_dir(format!("/proc/{}/fd", child.id())).unwrap().count();
    assert!(open <= MOST_FILES, "{open} files are open");
    end(child);
}
