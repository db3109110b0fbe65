//! `cargo xtask test`: guests first, because the host's tests run them; then one `cargo test` over everything that
//! runs here.

use std::fmt;
use std::io::{BufRead, BufReader};
use std::ops::AddAssign;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use clap::Args;

use crate::workspace::Workspace;
use crate::{build, oracle, process, servers, set_up};

#[derive(Debug, Default, Args)]
pub(crate) struct Options {
    /// Passed to the test programs: a filter, `--nocapture`, …
    #[arg(last = true)]
    arguments: Vec<String>,
}

/// Builds what the tests need, and runs them all, whatever fails on the way.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    set_up(workspace)?;
    oracle::ensure(workspace);
    servers::ensure(workspace);
    build::adapters(workspace)?;
    build::test_guests(workspace)?;
    build::tests(workspace)?;
    // One selection for all that links wasmtime: another one may have other features, and wasmtime is not to be compiled
    // twice. Without it, the library is only linted (`cargo xtask ci`): its tests are the same.
    let mut cargo = workspace.cargo("test");
    cargo
        .args(["--no-fail-fast", "--workspace", "--"])
        .args(&options.arguments);
    let (counts, outcome) = count(&mut cargo)?;
    println!(
        "\ntotal: {counts}{}",
        if outcome.is_ok() { "" } else { ", and it FAILED" }
    );
    outcome.context("not every test passed")
}

/// What the test programs said at their ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    passed: u64,
    failed: u64,
    ignored: u64,
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} passed, {} failed, {} skipped",
            self.passed, self.failed, self.ignored
        )
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, more: Counts) {
        self.passed += more.passed;
        self.failed += more.failed;
        self.ignored += more.ignored;
    }
}

/// Runs `cargo test`, shows what it prints, and adds up its results.
fn count(cargo: &mut Command) -> Result<(Counts, Result<()>)> {
    let mut child = cargo
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start cargo")?;
    let mut counts = Counts::default();
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).lines() {
            let line = line?;
            println!("{line}");
            counts += results(&line).unwrap_or_default();
        }
    }
    let status = child.wait()?;
    Ok((counts, process::succeeded(cargo, status, "")))
}

/// Reads `test result: ok. 12 passed; 0 failed; 1 ignored; …`.
fn results(line: &str) -> Option<Counts> {
    let (_, counts) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let mut counts = counts
        .split("; ")
        .filter_map(|count| count.split_once(' ')?.0.parse().ok());
    Some(Counts {
        passed: counts.next()?,
        failed: counts.next()?,
        ignored: counts.next()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_read_and_added() {
        let line = "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 3 filtered out; finished in 0.02s";
        let mut counts = results(line).unwrap();
        counts += results("test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out").unwrap();
        assert_eq!(
            counts,
            Counts {
                passed: 13,
                failed: 2,
                ignored: 1
            }
        );
        assert_eq!(results("test key::tests::one ... ok"), None);
    }
}
