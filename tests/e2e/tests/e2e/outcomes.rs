//! Nothing fails in silence: what `run`, `watch`, `drain` and `status` say, and how they end, in each situation of the
//! table in docs/cli.md. Agents are small scripts: what counts is what they leave in their files.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use mirrorbox::agent_format::project_key_named;
use mirrorbox_e2e::{Installation, Ran};
use serde_json::Value;
use tempfile::TempDir;

const SESSION: &str = "3c1c6f3e-0000-4000-8000-000000000001";
const ROW: &str = r#"{"type":"user","uuid":"1","message":{"role":"user","content":"hi"}}"#;

/// A machine with the fs adapter, a home and a directory in which agents are started.
struct Machine {
    dir: TempDir,
    installed: Installation,
}

impl Machine {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let installed = Installation::at(dir.path());
        let machine = Self { dir, installed };
        fs::create_dir_all(machine.project()).unwrap();
        fs::create_dir(machine.here()).unwrap();
        machine
    }

    fn here(&self) -> PathBuf {
        self.dir.path().join("work")
    }

    fn projects(&self) -> PathBuf {
        self.dir.path().join("home/.claude/projects")
    }

    /// The folder that agents write to which are started here.
    fn project(&self) -> PathBuf {
        self.projects().join(project_key_named(&self.here(), false, None))
    }

    fn transcript(&self) -> PathBuf {
        self.project().join(format!("{SESSION}.jsonl"))
    }

    /// A directory that nobody can look into, root included: its name leads in a circle.
    fn circle(&self, at: &Path) {
        let round = self.dir.path().join("round");
        fs::create_dir_all(at.parent().unwrap()).unwrap();
        symlink(at, &round).unwrap();
        symlink(&round, at).unwrap();
    }

    fn command(&self, agent: &[&str]) -> Command {
        let mut command = self.installed.command(["run", "--deliver", "30s", "--"]);
        command
            .args(agent)
            .current_dir(self.here())
            .env("HOME", self.dir.path().join("home"))
            .env("F", self.transcript())
            .env("ROW", ROW)
            .env_remove("CLAUDE_CONFIG_DIR")
            .env_remove("CLAUDE_CODE_PROJECT_DIR_NAME");
        command
    }

    fn run(&self, script: &str) -> Ran {
        ran(&mut self.command(&["sh", "-c", script]))
    }

    fn is_stored(&self) -> bool {
        self.installed.run(["show", SESSION]).code == Some(0)
    }

    fn status(&self, code: i32) -> (Value, String) {
        let json = self.installed.run(["status", "--json"]);
        assert_eq!(json.code, Some(code), "{json:#?}");
        let text = self.installed.run(["status"]);
        assert_eq!(text.code, Some(code), "{text:#?}");
        (serde_json::from_str(&json.stdout).unwrap(), text.stdout)
    }
}

fn ran(command: &mut Command) -> Ran {
    let output = command.output().unwrap();
    Ran {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

const WRITE: &str = r#"echo "$ROW" > "$F""#;

#[test]
fn an_agent_that_writes_nothing_is_told_of() {
    let machine = Machine::new();
    let ran = ran(&mut machine.command(&["/bin/true"]));
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    let folder = machine.project().display().to_string();
    assert!(
        ran.stderr.contains("not one line was mirrored") && ran.stderr.contains(&folder),
        "{ran:#?}"
    );
    let written = machine.run(WRITE);
    assert_eq!((written.code, &*written.stderr), (Some(0), ""), "{written:#?}");
    assert!(machine.is_stored());
    machine.status(0);
}

/// One that had a turn must have written something.
#[test]
fn a_turn_of_which_nothing_is_mirrored_is_no_success() {
    let machine = Machine::new();
    let script = r#"echo '{"type":"result","session_id":"x"}'"#;
    let agent = ["sh", "-c", script, "sh", "--output-format", "stream-json"];
    let ran = ran(&mut machine.command(&agent));
    assert_eq!(ran.code, Some(3), "{ran:#?}");
    assert!(ran.stderr.contains("not one line was mirrored"), "{ran:#?}");
}

#[test]
fn markers_of_another_agent_do_not_reach_the_agent() {
    let machine = Machine::new();
    let script = format!(r#"[ -n "$CLAUDECODE$CLAUDE_CODE_CHILD_SESSION" ] || {WRITE}"#);
    let mut command = machine.command(&["sh", "-c", &script]);
    let ran = ran(command.env("CLAUDECODE", "1").env("CLAUDE_CODE_CHILD_SESSION", "1"));
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    assert!(machine.is_stored());
}

#[test]
fn an_agent_that_is_to_keep_nothing_is_told_of_before_it_starts() {
    let machine = Machine::new();
    let agent = machine.dir.path().join("claude");
    fs::write(&agent, "#!/bin/sh\necho begins >&2\n").unwrap();
    fs::set_permissions(&agent, Permissions::from_mode(0o755)).unwrap();
    let told_before = |ran: Ran, by: &str| {
        assert_eq!(ran.code, Some(3), "{ran:#?}");
        let (before, _) = ran.stderr.split_once("begins").unwrap();
        assert!(before.contains(by), "{ran:#?}");
    };
    let agent = agent.to_str().unwrap();
    let option = ran(&mut machine.command(&[agent, "--no-session-persistence"]));
    told_before(option, "--no-session-persistence");
    let variable = "CLAUDE_CODE_SKIP_PROMPT_HISTORY";
    told_before(ran(machine.command(&[agent]).env(variable, "1")), variable);
}

#[test]
fn what_cannot_be_looked_at_elsewhere_does_not_keep_an_agent_from_its_work() {
    let machine = Machine::new();
    let other = machine.projects().join("-other/s/subagents");
    machine.circle(&other);
    let ran = machine.run(WRITE);
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    assert!(ran.stderr.contains(other.to_str().unwrap()), "{ran:#?}");
    assert!(
        !ran.stderr.contains(machine.installed.state.to_str().unwrap()),
        "{ran:#?}"
    );
    assert!(machine.is_stored());
}

#[test]
fn what_cannot_be_looked_at_in_the_agents_own_project_is_no_success() {
    let machine = Machine::new();
    let own = machine.project().join("s/subagents");
    machine.circle(&own);
    let ran = machine.run(WRITE);
    assert_eq!(ran.code, Some(3), "{ran:#?}");
    assert_eq!(ran.stderr.matches(own.to_str().unwrap()).count(), 1, "{ran:#?}");
    assert!(machine.is_stored(), "the rest goes on");
}

#[test]
fn a_link_in_the_place_of_a_transcript_is_named() {
    let machine = Machine::new();
    let script = format!(r#"{WRITE}; ln -s "$F" "${{F%.jsonl}}-2.jsonl""#);
    let ran = machine.run(&script);
    assert_eq!(ran.code, Some(3), "{ran:#?}");
    assert!(ran.stderr.contains("-2.jsonl is a symbolic link"), "{ran:#?}");
    assert!(machine.is_stored());
}

#[test]
fn a_project_whose_folder_is_a_link_is_followed() {
    let machine = Machine::new();
    fs::rename(machine.project(), machine.dir.path().join("elsewhere")).unwrap();
    symlink(machine.dir.path().join("elsewhere"), machine.project()).unwrap();
    let ran = machine.run(WRITE);
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    assert!(machine.is_stored());
}

/// As `import` stores them: byte for byte, in the order of the file.
#[test]
fn odd_lines_hold_back_nothing_and_are_stored_where_they_stand() {
    let machine = Machine::new();
    let good = |number: u8| ROW.replace("\"1\"", &format!("\"{number}\"")).into_bytes();
    let mut text = Vec::new();
    let padded = [good(3), vec![0; 500]].concat();
    for line in [
        good(1),
        [vec![0; 500], good(2)].concat(),
        padded,
        b"no entry".to_vec(),
        good(4),
    ] {
        text.extend([line, b"\n".to_vec()].concat());
    }
    let made = machine.dir.path().join("made");
    fs::write(&made, &text).unwrap();
    let ran = machine.run(&format!("cp {} \"$F\"", made.display()));
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    let into = machine.dir.path().join("restored");
    machine
        .installed
        .succeeds(["restore", SESSION, "--into", into.to_str().unwrap()]);
    let folder = fs::read_dir(into.join("projects"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    assert_eq!(fs::read(folder.join(format!("{SESSION}.jsonl"))).unwrap(), text);
}

#[test]
fn half_a_line_at_the_end_is_named() {
    let machine = Machine::new();
    let ran = machine.run(&format!(r#"{WRITE}; printf '{{"type":"us' >> "$F""#));
    assert_eq!(ran.code, Some(3), "{ran:#?}");
    assert!(
        ran.stderr.contains("not complete") && ran.stderr.contains(SESSION),
        "{ran:#?}"
    );
    assert!(machine.is_stored());
}

#[test]
fn a_run_whose_rows_cannot_be_taken_stays_until_they_are() {
    let machine = Machine::new();
    let subagents = machine.project().join(SESSION).join("subagents");
    machine.circle(&subagents);
    fs::remove_file(&subagents).unwrap();
    let round = machine.dir.path().join("round");
    let script = format!("{WRITE}; ln -s {} {}", round.display(), subagents.display());
    let ran = machine.run(&script);
    assert_eq!(ran.code, Some(3), "{ran:#?}");
    let (json, text) = machine.status(3);
    let run = &json["runs"][0];
    assert!(run["dir"].as_str().unwrap().contains("agents"), "{json}");
    assert!(!run["cause"].as_str().unwrap().is_empty(), "{json}");
    assert!(text.contains(run["dir"].as_str().unwrap()), "{text}");
    let drained = machine.installed.run(["drain"]);
    assert_eq!(drained.code, Some(3), "{drained:#?}");
    assert!(drained.stdout.contains(run["dir"].as_str().unwrap()), "{drained:#?}");
    fs::remove_file(&subagents).unwrap();
    machine.installed.succeeds(["drain"]);
    machine.status(0);
}

#[test]
fn an_adapter_that_takes_no_part_is_named_at_the_end() {
    let machine = Machine::new();
    let component = machine.installed.config.join("adapters/fs.wasm");
    fs::set_permissions(&component, Permissions::from_mode(0o666)).unwrap();
    let ran = machine.run(WRITE);
    assert_eq!(ran.code, Some(3), "{ran:#?}");
    let warning = "warning: adapter `fs` takes no part: ";
    assert!(
        ran.stderr.contains(warning) && ran.stderr.contains("fs.wasm"),
        "{ran:#?}"
    );
    let (json, text) = machine.status(3);
    assert_eq!(json["adapters"][0]["name"], "fs", "{json}");
    assert!(text.contains("adapter fs (failed): "), "{text}");
}

/// Files of ours are private whatever the umask, and those of the agent as its user has them.
#[test]
fn the_agent_keeps_its_umask_and_ours_is_private() {
    let machine = Machine::new();
    let store = &machine.installed.store;
    fs::set_permissions(store, Permissions::from_mode(0o755)).unwrap();
    let run = machine.command(&["sh", "-c", WRITE]);
    let mut command = Command::new("sh");
    command
        .args(["-c", "umask 022; exec \"$@\"", "sh"])
        .arg(run.get_program())
        .args(run.get_args());
    command
        .current_dir(machine.here())
        .envs(run.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let ran = ran(&mut command);
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&machine.transcript()), 0o644);
    let mut folders = vec![store.clone(), machine.installed.state.clone()];
    let mut seen = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            seen += 1;
            assert_eq!(mode(&path) & 0o077, 0, "{}", path.display());
            if path.is_dir() {
                folders.push(path);
            }
        }
    }
    assert!(seen > 5);
}
