//! `cargo xtask test`: guests first, because the host's tests run them; then one `cargo test` over everything that
//! runs here.

use std::fmt;
use std::io::{BufRead, BufReader};
use std::ops::AddAssign;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use clap::Args;

use crate::workspace::Workspace;
use crate::{build, dist, languages, node, oracle, process, servers, set_up};

#[derive(Debug, Default, Args)]
pub(crate) struct Options {
    /// Passed to the test programs: a filter, `--nocapture`, …
    #[arg(last = true)]
    arguments: Vec<String>,
}

/// More failures than these are no accident.
const FEW: usize = 3;

/// Builds what the tests need, and runs them all, whatever fails on the way. Where very few fail, they are run again,
/// each by itself: what passes then is reported as unsteady, and does not fail the run.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    set_up(workspace)?;
    oracle::ensure(workspace);
    node::ensure(workspace);
    languages::ensure(workspace);
    servers::ensure(workspace);
    build::adapters(workspace)?;
    build::test_guests(workspace)?;
    build::tests(workspace)?;
    dist::test_packages(workspace);
    let ran = Ran::of(&mut tests(workspace, &options.arguments))?;
    let again = ran.worth_another_run().filter(|_| options.arguments.is_empty());
    let Some(names) = again else { return ran.end() };
    println!("\n== again, each by itself: {}", names.join(", "));
    let alone = ["--exact", "--test-threads=1"].into_iter().map(str::to_owned);
    let second = Ran::of(&mut tests(
        workspace,
        &alone.chain(names.iter().cloned()).collect::<Vec<_>>(),
    ))?;
    if second.outcome.is_err() || second.counts.passed < names.len() as u64 {
        return ran.end();
    }
    println!("\ntotal: {}", ran.counts);
    for name in names {
        println!("UNSTEADY: {name} failed beside the others and passed by itself; what it said is above");
    }
    Ok(())
}

/// The command that runs the tests with these arguments.
fn tests(workspace: &Workspace, arguments: &[String]) -> Command {
    // One selection for all that links wasmtime: another one may have other features, and wasmtime is not to be
    // compiled twice. Without it, the library is only linted (`cargo xtask ci`): its tests are the same.
    let mut cargo = workspace.cargo("test");
    cargo.args(["--no-fail-fast", "--workspace", "--"]).args(arguments);
    cargo
}

/// A run of the tests.
#[derive(Debug)]
struct Ran {
    counts: Counts,
    /// The names of those that failed.
    failed: Vec<String>,
    /// Every test program came to its end.
    is_whole: bool,
    outcome: Result<()>,
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

impl Ran {
    /// Runs `cargo test`, shows what it prints, and adds up its results.
    fn of(cargo: &mut Command) -> Result<Self> {
        let mut child = cargo
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start cargo")?;
        let (mut counts, mut failed, mut running) = (Counts::default(), Vec::new(), 0);
        if let Some(stdout) = child.stdout.take() {
            for line in BufReader::new(stdout).lines() {
                let line = line?;
                println!("{line}");
                failed.extend(failure(&line));
                if let Some(more) = results(&line) {
                    counts += more;
                    running -= 1;
                } else if begins(&line) {
                    running += 1;
                }
            }
        }
        let status = child.wait()?;
        Ok(Self {
            counts,
            failed,
            is_whole: running == 0,
            outcome: process::succeeded(cargo, status, ""),
        })
    }

    /// The names of those that failed, where that may be an accident.
    fn worth_another_run(&self) -> Option<&[String]> {
        let all_known = self.is_whole && self.failed.len() as u64 == self.counts.failed;
        let few = (1..=FEW).contains(&self.failed.len());
        (all_known && few).then_some(self.failed.as_slice())
    }

    fn end(self) -> Result<()> {
        let word = if self.outcome.is_ok() { "" } else { ", and it FAILED" };
        println!("\ntotal: {}{word}", self.counts);
        self.outcome.context("not every test passed")
    }
}

/// Whether a test program begins: `running 12 tests`.
fn begins(line: &str) -> bool {
    let count = line.strip_prefix("running ").and_then(|rest| rest.split_once(" test"));
    count.is_some_and(|(count, _)| count.parse::<u64>().is_ok())
}

/// The name in `test NAME ... FAILED`.
fn failure(line: &str) -> Option<String> {
    let name = line.strip_prefix("test ")?.strip_suffix(" ... FAILED")?;
    Some(name.to_owned())
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

    #[test]
    fn failures_are_read() {
        assert_eq!(
            failure("test key::tests::one ... FAILED").as_deref(),
            Some("key::tests::one")
        );
        assert_eq!(failure("test key::tests::one ... ok"), None);
        assert_eq!(failure("test result: FAILED. 1 passed; 1 failed; 0 ignored"), None);
        assert!(begins("running 1 test") && begins("running 12 tests") && !begins("running a test"));
    }

    fn ran(failed: &[&str], counted: u64, is_whole: bool) -> Ran {
        Ran {
            counts: Counts {
                failed: counted,
                ..Counts::default()
            },
            failed: failed.iter().copied().map(str::to_owned).collect(),
            is_whole,
            outcome: Ok(()),
        }
    }

    #[test]
    fn a_few_failures_are_worth_another_run_if_all_of_them_are_known() {
        assert!(ran(&["a", "b", "c"], 3, true).worth_another_run().is_some());
        for ran in [
            ran(&[], 0, true),
            ran(&["a", "b", "c", "d"], 4, true),
            ran(&["a"], 2, true),
            ran(&["a"], 1, false),
        ] {
            assert_eq!(ran.worth_another_run(), None, "{ran:?}");
        }
    }
}
