//! Running other programs: nothing on their standard input, and a failure that names the command line.

use std::fmt::Write as _;
use std::io::{Read, Write as _};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};

/// Runs a program whose output goes where ours goes.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command
        .stdin(Stdio::null())
        .status()
        .with_context(|| cannot_start(command))?;
    succeeded(command, status, "")
}

/// Runs a program and returns what it printed; what it complained of becomes the error.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| cannot_start(command))?;
    succeeded(command, output.status, &String::from_utf8_lossy(&output.stderr))?;
    String::from_utf8(output.stdout).with_context(|| format!("`{}` printed something other than UTF-8", line(command)))
}

/// Runs a program with `input` on its standard input and its output dropped.
pub(crate) fn feed(command: &mut Command, input: &str) -> Result<()> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| cannot_start(command))?;
    if let Some(mut stdin) = child.stdin.take() {
        // A program that leaves early closes the pipe; its exit status says why.
        let _ = stdin.write_all(input.as_bytes());
    }
    let output = child.wait_with_output()?;
    succeeded(command, output.status, &String::from_utf8_lossy(&output.stderr))
}

/// Runs a program quietly, and ends it when it takes longer than `limit`.
pub(crate) fn run_within(limit: Duration, command: &mut Command) -> Result<()> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| cannot_start(command))?;
    let mut stderr = child.stderr.take();
    let (send, ended) = mpsc::channel();
    // The end of its standard error is the end of the program.
    let reader = thread::spawn(move || {
        let mut complaint = Vec::new();
        if let Some(stderr) = &mut stderr {
            let _ = stderr.read_to_end(&mut complaint);
        }
        let _ = send.send(complaint);
    });
    let Ok(complaint) = ended.recv_timeout(limit) else {
        child.kill().context("cannot end a program that takes too long")?;
        child.wait()?;
        bail!("`{}` was not done after {} s", line(command), limit.as_secs());
    };
    let _ = reader.join();
    succeeded(command, child.wait()?, &String::from_utf8_lossy(&complaint))
}

/// The command as a person would type it.
pub(crate) fn line(command: &Command) -> String {
    let mut line = command.get_program().to_string_lossy().into_owned();
    for argument in command.get_args() {
        let argument = argument.to_string_lossy();
        let quote = if argument.is_empty() || argument.contains([' ', '"', '$']) {
            "'"
        } else {
            ""
        };
        let _ = write!(line, " {quote}{argument}{quote}");
    }
    line
}

/// Whether a program of this name can be started at all.
pub(crate) fn exists(program: &str) -> bool {
    Command::new(program)
        .arg("--version")
        .stdin(Stdio::null())
        .output()
        .is_ok()
}

/// An error with the end of what the program complained of, unless it ended well.
pub(crate) fn succeeded(command: &Command, status: ExitStatus, complaint: &str) -> Result<()> {
    if status.success() {
        return Ok(());
    }
    let mut last: Vec<&str> = complaint
        .lines()
        .filter(|line| !line.trim().is_empty())
        .rev()
        .take(12)
        .collect();
    last.reverse();
    let colon = if last.is_empty() { "" } else { ":\n" };
    bail!("`{}` failed ({status}){colon}{}", line(command), last.join("\n"))
}

fn cannot_start(command: &Command) -> String {
    format!("cannot start `{}`", line(command))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_names_the_command_and_the_end_of_its_complaint() {
        let error = run_within(
            Duration::from_secs(60),
            Command::new("sh").args(["-c", "echo no room >&2; exit 3"]),
        );
        let message = error.unwrap_err().to_string();
        assert!(message.contains("sh -c 'echo no room"), "{message}");
        assert!(message.ends_with("no room"), "{message}");
    }

    #[test]
    fn a_program_that_takes_too_long_is_ended() {
        let error = run_within(Duration::from_millis(1), Command::new("sleep").arg("1000")).unwrap_err();
        assert!(error.to_string().contains("`sleep 1000` was not done"), "{error}");
    }

    #[test]
    fn input_reaches_the_program() {
        feed(Command::new("grep").args(["-q", "needle"]), "hay\nneedle\n").unwrap();
        feed(Command::new("grep").args(["-q", "needle"]), "hay\n").unwrap_err();
    }
}
