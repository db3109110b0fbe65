//! The examples of the library do what their first lines say.

use std::path::PathBuf;
use std::process::Command;

/// cargo builds examples before it runs tests, into a folder beside that of the test programs.
fn example(name: &str) -> PathBuf {
    let mut folder = std::env::current_exe().unwrap();
    assert!(folder.pop() && folder.pop(), "{}", folder.display());
    folder.join("examples").join(name)
}

fn says(name: &str, expected: &str) {
    let output = Command::new(example(name)).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name}: {said}{errors}");
    assert!(said.contains(expected), "{name}: {said}{errors}");
}

#[test]
fn embed() {
    says("embed", "every destination has the transcript");
}

#[test]
fn custom_store() {
    says("custom_store", "the shelf holds both entries");
}

#[test]
fn follow() {
    says("follow", r#"{"n":3}"#);
}

#[test]
fn resume() {
    says("resume", "byte for byte");
}
