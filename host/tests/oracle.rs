//! Keys, paths and summaries against the agent's own Python SDK, on generated input.
//!
//! The SDK is asked through `oracle.py`, run by `$MIRRORBOX_ORACLE_PYTHON`, else `target/oracle/bin/python`, else
//! `python3`. Where none of them has the package `claude_agent_sdk` (0.2.186), each test says so and passes. To have it:
//!
//! ```text
//! python3 -m venv target/oracle && target/oracle/bin/pip install claude-agent-sdk==0.2.186
//! ```

// All of it is test code, what the tests share too.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

use std::cell::RefCell;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use mirrorbox::key::{PathError, SessionKey, UnsafeReason, project_key};
use mirrorbox::summary::Fold;
use mirrorbox_transcripts::{Projects, hostile};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{FileFailurePersistence, TestRunner};
use serde_json::{Value, json};

/// The SDK in a process of its own.
struct Oracle {
    process: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Oracle {
    /// None where the SDK is missing; that is said.
    fn start() -> Option<RefCell<Self>> {
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
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle.py"))
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

    fn ask(&mut self, name: &str, arguments: Value) -> Value {
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
fn check<S: Strategy>(strategy: S, property: impl Fn(&mut Oracle, S::Value) -> Result<(), TestCaseError>) {
    let Some(oracle) = Oracle::start() else { return };
    let mut runner = TestRunner::new(ProptestConfig {
        cases: 1500,
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("proptest-regressions"))),
        ..ProptestConfig::with_source_file(file!())
    });
    let outcome = runner.run(&strategy, |value| property(&mut oracle.borrow_mut(), value));
    outcome.unwrap_or_else(|error| panic!("{error}"));
}

/// Names that both sides sanitise alike: neither beyond the basic plane nor decomposed.
fn directories() -> impl Strategy<Value = String> {
    let name = prop_oneof![
        4 => "[a-zA-Z0-9_. -]{1,12}",
        1 => select(&[".", "..", "é", "日本語", "\u{2028}", "a\tb", "it's", "ﬁ"][..]).prop_map(str::to_owned),
        1 => "[a-z_]{60,180}",
    ];
    prop::collection::vec(name, 0..6).prop_map(|names| format!("/nowhere/{}", names.join("/")))
}

#[test]
fn project_keys_are_the_sdks() {
    check(directories(), |oracle, dir| {
        let expected = oracle.ask("project_key", json!([dir]));
        prop_assert_eq!(json!(project_key(Path::new(&dir))), expected);
        Ok(())
    });
}

#[cfg(unix)]
#[test]
fn links_are_resolved_as_the_sdk_does() {
    let Some(oracle) = Oracle::start() else { return };
    let temp = tempfile::tempdir().unwrap();
    std::fs::create_dir(temp.path().join("real")).unwrap();
    std::os::unix::fs::symlink(temp.path().join("real"), temp.path().join("link")).unwrap();
    for path in [
        "real",
        "link",
        "link/../link/.",
        "link/gone/../x",
        "gone/../link",
        "real/",
    ] {
        let dir = temp.path().join(path);
        let expected = oracle.borrow_mut().ask("project_key", json!([dir]));
        assert_eq!(json!(project_key(&dir)), expected, "{path}");
    }
}

/// Where the SDK and the agent differ, the agent names the folders.
#[cfg(all(unix, not(target_os = "macos")))]
#[test]
fn project_keys_are_the_agents_where_the_sdk_differs() {
    let Some(oracle) = Oracle::start() else { return };
    for (dir, agent, sdk) in [
        ("/nowhere/x😀y", "-nowhere-x--y", "-nowhere-x-y"),
        ("/nowhere/re\u{301}ne", "-nowhere-re-ne", "-nowhere-r-ne"),
    ] {
        assert_eq!(project_key(Path::new(dir)), agent, "{dir}");
        assert_eq!(
            oracle.borrow_mut().ask("project_key", json!([dir])),
            json!(sdk),
            "the SDK was mended: {dir}"
        );
    }
}

fn paths() -> impl Strategy<Value = (String, &'static str)> {
    const NAMES: &[&str] = &[
        "k",
        "s",
        "s.jsonl",
        "subagents",
        "workflows",
        "agent-1",
        "agent-1.jsonl",
        "agent-1.meta.json",
        ".",
        "..",
        "",
        ".jsonl",
        "..jsonl",
        "...jsonl",
        "..k",
        "a b",
        "a\\b",
        "é😀.jsonl",
        "projects",
        "c",
        "x.jsonl.jsonl",
    ];
    let start = select(
        &[
            "/c/projects/",
            "/c/projects//",
            "/c/",
            "/c/projects2/",
            "/",
            "/c/projects/../projects/",
        ][..],
    );
    let names = prop::collection::vec(select(NAMES), 0..7);
    let projects_dir = select(&["/c/projects", "/c/projects/", "/c/./x/../projects"][..]);
    (start, names, projects_dir).prop_map(|(start, names, dir)| (format!("{start}{}", names.join("/")), dir))
}

#[test]
fn paths_have_the_keys_of_the_sdk() {
    check(paths(), |oracle, (path, projects_dir)| {
        let expected = oracle.ask("path_key", json!([path, projects_dir]));
        match SessionKey::from_path(Path::new(&path), Path::new(projects_dir)) {
            Ok(key) => {
                let mut found = json!({"project_key": key.project_key(), "session_id": key.session_id()});
                if let Some(subpath) = key.subpath() {
                    found["subpath"] = subpath.into();
                }
                prop_assert_eq!(found, expected);
            }
            // Keys that the SDK gives, though they lead nowhere or to another file.
            Err(PathError::EmptySession | PathError::Name(_)) => prop_assert!(expected.is_object()),
            Err(error) => prop_assert!(expected.is_null(), "{error}, but {expected}"),
        }
        Ok(())
    });
}

#[test]
fn subpaths_are_as_safe_as_the_sdk_finds_them() {
    let ordinary = "[a-z.:/]{1,12}";
    check(prop_oneof![hostile::key_part(), ordinary], |oracle, subpath| {
        let safe = oracle.ask("is_safe_subpath", json!([subpath])) == json!(true);
        let key = SessionKey::main("project", "session")
            .unwrap()
            .with_subpath(subpath)
            .unwrap();
        match key.file().map_err(|error| error.reason) {
            Ok(_) => prop_assert!(safe),
            // More than the SDK asks for: two keys would share a file, or the file could not be made.
            Err(UnsafeReason::EmptyName | UnsafeReason::TooLong { .. }) => {}
            Err(reason) => prop_assert!(!safe, "{reason}"),
        }
        Ok(())
    });
}

/// The state after the lines and what a listing shows, as the SDK writes them down.
fn summary(lines: &[String]) -> Value {
    let mut fold = Fold::new();
    lines.iter().for_each(|line| fold.fold(line.as_bytes()));
    let info = fold.info().map(|info| {
        json!({
            "summary": info.summary, "custom_title": info.custom_title, "first_prompt": info.first_prompt,
            "git_branch": info.git_branch, "cwd": info.cwd, "tag": info.tag, "created_at": info.created_at,
        })
    });
    let data: Value = serde_json::from_str(&fold.to_json()).unwrap();
    json!({"data": data, "info": info})
}

/// Takes the times out. The SDK goes through floating point, which can lose the last millisecond.
fn take_times(summary: &mut Value) -> Vec<Option<i64>> {
    let mut take = |part: &str| summary[part].as_object_mut()?.remove("created_at")?.as_i64();
    vec![take("data"), take("info")]
}

fn same_summary(oracle: &mut Oracle, lines: &[String]) -> Result<(), TestCaseError> {
    let (mut ours, mut expected) = (summary(lines), oracle.ask("summary", json!([lines])));
    for (our, expected) in take_times(&mut ours).into_iter().zip(take_times(&mut expected)) {
        let near = our
            .zip(expected)
            .is_some_and(|(our, expected)| (our - expected).abs() <= 1);
        prop_assert!(near || our == expected, "{our:?} is not {expected:?}");
    }
    prop_assert_eq!(ours, expected);
    Ok(())
}

#[test]
fn hostile_entries_have_the_sdks_summary() {
    let text = prop_oneof![
        "\\PC{0,12}",
        "[a-z \n\u{1c}\u{85}\u{a0}\u{200b}é😀]{0,12}",
        "[a-z ]{190,210}",
        prompts()
    ];
    let prompt = prop_oneof![
        text.clone().prop_map(|text| json!(text)),
        prop::collection::vec(
            text.clone().prop_map(|text| json!({"type": "text", "text": text})),
            0..4
        )
        .prop_map(Value::from),
    ];
    let row = prompt.prop_map(|content| json!({"type": "user", "message": {"content": content}}).to_string());
    let key = select(
        &[
            "customTitle",
            "aiTitle",
            "lastPrompt",
            "summary",
            "gitBranch",
            "cwd",
            "tag",
        ][..],
    );
    let title = (key, text).prop_map(|(key, text)| json!({"type": "tag", key: text}).to_string());
    let line = prop_oneof![3 => hostile::entry(), 2 => row, 1 => title, 1 => Just("not json".to_owned())];
    check(prop::collection::vec(line, 0..6), |oracle, lines| {
        same_summary(oracle, &lines)
    });
}

fn prompts() -> impl Strategy<Value = String> {
    let pieces = select(
        &[
            "<command-name>",
            "</command-name>",
            "/x",
            " ",
            "\n",
            "<tick>",
            "<goal>",
            "<local-command-stdout>",
            "[Request interrupted by user",
            "]",
            "<ide_selection>",
            "</ide_selection>",
            "<ide_opened_file>",
            "</ide_opened_file>",
            "<session-start-hook>",
            "<task-notification>",
        ][..],
    );
    prop::collection::vec(pieces, 1..5).prop_map(|pieces| pieces.concat())
}

#[test]
fn made_up_sessions_have_the_sdks_summary() {
    let Some(oracle) = Oracle::start() else { return };
    let temp = tempfile::tempdir().unwrap();
    let projects = Projects {
        seed: 11,
        sessions: 12,
        bytes: 3_000_000,
    };
    for session in projects.write(temp.path()).unwrap().sessions {
        let key = SessionKey::main(session.project_key, session.session_id).unwrap();
        let file = std::fs::read_to_string(temp.path().join(key.file().unwrap())).unwrap();
        let lines: Vec<_> = file.split_terminator('\n').map(str::to_owned).collect();
        same_summary(&mut oracle.borrow_mut(), &lines).unwrap();
    }
}
