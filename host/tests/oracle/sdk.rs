use std::cell::RefCell;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use proptest::prelude::*;
use proptest::test_runner::{FileFailurePersistence, TestRunner};
use serde_json::{Value, json};

/// The SDK in a process of its own.
pub(crate) struct Oracle {
    process: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Oracle {
    /// None where the SDK is missing; that is said.
    pub(crate) fn start() -> Option<RefCell<Self>> {
        let wanted = std::env::var_os("MIRRORBOX_ORACLE_PYTHON").map(PathBuf::from);
        let required = wanted.is_some();
        let python = wanted.or_else(installed).unwrap_or_else(|| "python3".into());
        match Self::start_with(&python) {
            Ok(oracle) => Some(RefCell::new(oracle)),
            Err(why) if required => panic!("{}: {why}", python.display()),
            Err(why) => {
                // Past the capture of the test's output: a skipped test must not look like one that ran.
                let _ = writeln!(std::io::stderr(), "skipped: {}: {why}", python.display());
                None
            }
        }
    }

    fn start_with(python: &Path) -> Result<Self, String> {
        let mut process = Command::new(python)
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle/oracle.py"))
            // Times without a zone are local to the SDK.
            .env("TZ", "UTC")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| error.to_string())?;
        let requests = process.stdin.take().expect("piped");
        let answers = BufReader::new(process.stdout.take().expect("piped"));
        let mut oracle = Self {
            process,
            requests,
            answers,
        };
        match oracle.answer()["missing"].as_str() {
            Some(why) => Err(why.to_owned()),
            None => Ok(oracle),
        }
    }

    pub(crate) fn ask(&mut self, name: &str, arguments: Value) -> Value {
        writeln!(self.requests, "{}", json!([name, arguments])).unwrap();
        self.answer()
    }

    fn answer(&mut self) -> Value {
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("oracle.py: {error}: {line}"))
    }
}

impl Drop for Oracle {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The virtual environment in the target directory.
fn installed() -> Option<PathBuf> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent()?;
    let python = target.join("oracle/bin/python");
    python.exists().then_some(python)
}

/// Runs a property against the SDK; a failure is shrunk and its seed kept beside this file.
pub(crate) fn check<S: Strategy>(strategy: S, property: impl Fn(&mut Oracle, S::Value) -> Result<(), TestCaseError>) {
    let Some(oracle) = Oracle::start() else { return };
    let mut runner = TestRunner::new(ProptestConfig {
        cases: 1500,
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("proptest-regressions"))),
        ..ProptestConfig::with_source_file(file!())
    });
    let outcome = runner.run(&strategy, |value| property(&mut oracle.borrow_mut(), value));
    outcome.unwrap_or_else(|error| panic!("{error}"));
}
