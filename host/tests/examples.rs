//! The examples of the library do what their first lines say.

use std::io;
use std::path::PathBuf;
use std::process::Command;

/// cargo builds examples before it runs tests, into a folder beside that of the test programs.
fn example(name: &str) -> io::Result<PathBuf> {
    let mut folder = std::env::current_exe()?;
    assert!(folder.pop() && folder.pop(), "{}", folder.display());
    Ok(folder.join("examples").join(name))
}

fn says(name: &str, expected: &str) -> io::Result<()> {
    let output = Command::new(example(name)?).output()?;
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name}: {said}{errors}");
    assert!(said.contains(expected), "{name}: {said}{errors}");
    Ok(())
}

#[test]
fn embed() -> io::Result<()> {
    says("embed", "every destination has the transcript")
}

#[test]
fn custom_store() -> io::Result<()> {
    says("custom_store", "the shelf holds both entries")
}

#[test]
fn follow() -> io::Result<()> {
    says("follow", r#"{"n":3}"#)
}

#[test]
fn session_store() -> io::Result<()> {
    says("session_store", "3 lines, each once")
}

#[test]
fn resume() -> io::Result<()> {
    says("resume", "byte for byte")
}
