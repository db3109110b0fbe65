//! Frames that are large, cut or strange.

use std::fs;
use std::path::{Path, PathBuf};

use mirrorbox_e2e::{Answer, Claude, Installation, Machine, Running};

const SESSION: &str = "0b6c9f0e-0000-4000-8000-000000000001";

#[test]
fn a_session_of_30_mb_is_copied_in_one_frame() {
    let Some(claude) = Claude::installed() else { return };
    let dir = tempfile::tempdir().unwrap();
    let machine = Machine::new(dir.path(), Installation::at(dir.path()));
    let told = machine.ask(&claude, &[], "The code is PINEAPPLE-42.").succeeded();
    let session = told.session();
    let stored = machine.stored_lines(&session);
    let projects = dir.path().join("projects/-srv-large");
    fs::create_dir_all(&projects).unwrap();
    fs::write(projects.join(format!("{session}.jsonl")), enlarged(&stored, 30 << 20)).unwrap();
    machine.installed.succeeds(["delete", &session, "--yes"]);
    let from = projects.parent().unwrap().to_str().unwrap();
    machine.installed.succeeds(["import", "--projects-dir", from]);
    let copied = machine
        .ask(&claude, &["--resume", &session, "--fork"], "RECALL")
        .succeeded();
    assert_eq!(copied.result(), "PINEAPPLE-42");
    let bytes: usize = machine.stored_lines(&copied.session()).iter().map(String::len).sum();
    assert!(bytes > 30 << 20, "{bytes}");
}

/// A session with as many bytes more, in a prompt before the others.
fn enlarged(lines: &[String], bytes: usize) -> String {
    let is_prompt = |line: &&String| line.contains("\"The code is PINEAPPLE-42.\"") && line.contains("\"uuid\"");
    let prompt = lines.iter().find(is_prompt).unwrap();
    let large = format!("\"{} The code is PINEAPPLE-42.\"", "word ".repeat(bytes / 5));
    let mut text = String::new();
    for line in lines {
        let line = match line == prompt {
            true => line.replace("\"The code is PINEAPPLE-42.\"", &large),
            false => line.clone(),
        };
        text.push_str(&line);
        text.push('\n');
    }
    text
}

/// An agent of our own, which prints what the real one would, up to some byte, and dies.
struct Dying {
    machine: Machine,
    claude: Claude,
    program: PathBuf,
}

impl Dying {
    fn new(dir: &Path) -> Option<Self> {
        let claude = Claude::installed()?;
        let program = dir.join("agent.sh");
        // Its transcript's line is in its file before its frame is printed.
        let script = "#!/bin/sh\nset -e\nmkdir -p \"$FOLDER\"\ncat \"$LINES\" >> \"$FOLDER/$SESSION.jsonl\"\ncat \"$PRINTED\"\nexit 7\n";
        fs::write(&program, script).unwrap();
        Some(Self {
            machine: Machine::new(dir, Installation::at(dir)),
            claude,
            program,
        })
    }

    /// Runs it; the lines are in its file, and so much is printed.
    fn run(&self, session: &str, lines: &str, printed: &[u8]) -> Answer {
        let [of_lines, of_printed] = ["lines", "printed"].map(|name| self.machine.here.join(name));
        fs::write(&of_lines, lines).unwrap();
        fs::write(&of_printed, printed).unwrap();
        let arguments = [
            "/bin/sh",
            self.program.to_str().unwrap(),
            "--output-format",
            "stream-json",
        ];
        let env = Path::new("/usr/bin/env");
        let mut command = self
            .machine
            .command(&self.claude, &["--cwd-key", "dying"], env, &arguments);
        command
            .env("FOLDER", self.folder())
            .env("SESSION", session)
            .env("LINES", of_lines)
            .env("PRINTED", of_printed);
        Running::start(command).end()
    }

    fn folder(&self) -> PathBuf {
        let key = mirrorbox::agent_format::project_key(&self.machine.here);
        self.machine.home.join(".claude/projects").join(key)
    }

    fn frame(&self, session: &str, lines: &str) -> String {
        let file = self.folder().join(format!("{session}.jsonl"));
        let entries: Vec<_> = lines.lines().collect();
        let file = serde_json::to_string(file.to_str().unwrap()).unwrap();
        format!(
            "{{\"type\":\"transcript_mirror\",\"filePath\":{file},\"entries\":[{}]}}\n",
            entries.join(",")
        )
    }
}

/// At some fifty places here: each is a process, and the library's own tests cut at every byte.
#[test]
fn a_frame_that_is_cut_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let Some(dying) = Dying::new(dir.path()) else { return };
    let step = usize::try_from(mirrorbox_e2e::amount(17, 1)).unwrap();
    let lines = "{\"type\":\"user\",\"n\":1}\n{\"type\":\"user\",\"n\":2}\n";
    let whole = dying.frame(SESSION, lines).len();
    for (number, cut) in (0..whole).step_by(step).enumerate() {
        let session = format!("0b6c9f0e-0000-4000-8000-{number:012}");
        let first = format!("{{\"type\":\"system\",\"session_id\":\"{session}\"}}\n");
        let printed = format!("{first}{}", dying.frame(&session, lines));
        let answer = dying.run(&session, lines, &printed.as_bytes()[..first.len() + cut]);
        assert_eq!(answer.code, Some(7), "{answer:#?}");
        let stored = dying.machine.stored_lines(&session).join("\n") + "\n";
        assert_eq!(stored, lines, "cut at {cut}");
    }
}

#[test]
fn what_is_no_transcript_is_named_and_what_is_no_frame_passes() {
    let dir = tempfile::tempdir().unwrap();
    let Some(dying) = Dying::new(dir.path()) else { return };
    let lines = "{\"type\":\"user\",\"n\":1}\n";
    let strange = "{\"type\":\"transcript_mirror\",\"filePath\":\"/elsewhere/s.jsonl\",\"entries\":[{}]}\n";
    let others = "no JSON\n{\"type\":\"transcript_mirro\"}\n";
    let printed = format!(
        "{strange}{others}{}{}",
        dying.frame(SESSION, lines),
        "the end without a line feed"
    );
    let answer = dying.run(SESSION, lines, printed.as_bytes());
    let passed = [
        "no JSON",
        "{\"type\":\"transcript_mirro\"}",
        "the end without a line feed",
    ];
    assert_eq!(answer.lines, passed);
    assert!(answer.stderr.contains("/elsewhere/s.jsonl"), "{answer:#?}");
    assert_eq!(dying.machine.stored_lines(SESSION).join("\n") + "\n", lines);
}
