//! Running a command with a clock and an eye on its memory.

use std::fs;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::process;

/// What a command took.
#[derive(Clone, Copy, Debug)]
pub(super) struct Measured {
    pub(super) elapsed: Duration,
    /// The most memory that it held, in bytes, where the system tells.
    pub(super) peak: Option<u64>,
}

/// How often the command is looked at: fine enough for a time shown with two decimals.
const INTERVAL: Duration = Duration::from_millis(5);

/// Runs a command to its end.
pub(super) fn run(command: &mut Command) -> Result<Measured> {
    let start = Instant::now();
    let mut child = command.stdin(Stdio::null()).spawn().context("cannot start mirrorbox")?;
    let mut peak = None;
    loop {
        // The kernel keeps the mark, so that only what happens in the last interval can be missed.
        peak = peak.max(high_water_mark(child.id()));
        if let Some(status) = child.try_wait()? {
            let elapsed = start.elapsed();
            process::succeeded(command, status, "")?;
            return Ok(Measured { elapsed, peak });
        }
        thread::sleep(INTERVAL);
    }
}

/// The most memory a running process has held, in bytes.
fn high_water_mark(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_command_is_an_error() {
        run(&mut Command::new("false")).unwrap_err();
        run(&mut Command::new("true")).unwrap();
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn memory_is_seen() {
        let mark = high_water_mark(std::process::id()).unwrap();
        assert!(mark > 100_000, "{mark}");
    }
}
