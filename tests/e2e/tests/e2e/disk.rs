//! A disk that is full or read-only: said, with the path, and nothing half-written.
//!
//! A small file system of its own, in a mount namespace of its own; where the system allows no such thing, the tests
//! say so and pass.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use mirrorbox_e2e::Installation;
use mirrorbox_transcripts::Projects;

/// Runs the command with a tmpfs mounted over `mount`, which it finds empty; what is below it afterwards goes to
/// stdout.
fn with_tmpfs(mount: &Path, options: &str, command: &Command) -> Option<Output> {
    const SCRIPT: &str = r#"
        mount -t tmpfs -o "$2" none "$1" || exit 99
        mount=$1
        shift 2
        "$@"
        code=$?
        find "$mount" -type f
        exit $code
    "#;
    let mut shell = Command::new("unshare");
    shell.args(["--map-root-user", "--mount", "sh", "-c", SCRIPT, "sh"]);
    shell
        .arg(mount)
        .arg(options)
        .arg(command.get_program())
        .args(command.get_args());
    let output = shell.output().ok()?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    if output.status.code() == Some(99) || stderr.starts_with("unshare:") {
        eprintln!("skipped: no mount namespace to be had here: {stderr}");
        return None;
    }
    Some(output)
}

fn stored(dir: &Path) -> Installation {
    let installed = Installation::at(dir);
    let made = Projects {
        seed: 5,
        sessions: 4,
        bytes: 4_000_000,
    };
    made.write(&dir.join("projects")).unwrap();
    installed
}

fn import(installed: &Installation, dir: &Path) -> Command {
    let projects = dir.join("projects");
    installed.command([OsStr::new("import"), OsStr::new("--projects-dir"), projects.as_os_str()])
}

#[test]
fn a_full_store_is_told_and_nothing_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    let installed = stored(dir.path());
    let command = import(&installed, dir.path());
    let Some(output) = with_tmpfs(&installed.store, "size=1m", &command) else {
        return;
    };
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("free space"), "{stderr}");
    assert!(
        stderr.contains(installed.store.to_str().unwrap()),
        "the host's path is named: {stderr}"
    );
    // The real folder is as it was: the whole import goes through once there is room.
    assert!(installed.run(["verify"]).code == Some(0));
    assert!(import(&installed, dir.path()).status().unwrap().success());
}

#[test]
fn a_read_only_store_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let installed = stored(dir.path());
    let command = import(&installed, dir.path());
    let Some(output) = with_tmpfs(&installed.store, "ro", &command) else {
        return;
    };
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{stderr}");
    assert!(stderr.contains("writing") || stderr.contains("ead-only"), "{stderr}");
}

#[test]
fn a_restore_into_a_full_disk_leaves_nothing_half_written() {
    let dir = tempfile::tempdir().unwrap();
    let installed = stored(dir.path());
    assert!(import(&installed, dir.path()).status().unwrap().success());
    let into = dir.path().join("into");
    fs::create_dir(&into).unwrap();
    let arguments = ["restore", "--all", "--into", into.to_str().unwrap()];
    let Some(output) = with_tmpfs(&into, "size=1m", &installed.command(arguments)) else {
        return;
    };
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("into"), "the path is named: {stderr}");
    let left = String::from_utf8_lossy(&output.stdout);
    let files = left.lines().filter(|line| line.starts_with(into.to_str().unwrap()));
    for file in files {
        assert!(
            file.ends_with(".jsonl") || file.ends_with(".meta.json"),
            "something temporary stayed: {file}"
        );
    }
}
