//! The agent's real command, on machines of a test's own.
#![allow(clippy::indexing_slicing, reason = "a JSON value gives null for what it lacks")]

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use mirrorbox_servers::Model;
use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;
use serde_json::Value;

use crate::{Installation, target_dir};

/// Longer than anything takes on a machine that has other things to do.
const PATIENCE: Duration = Duration::from_secs(180);

/// How long a command waits for delivery at its end.
const DELIVER: &str = "--deliver";

/// The command, and a stand-in for the model that it asks.
#[derive(Debug)]
pub struct Claude {
    /// Where the command is.
    pub program: PathBuf,
    /// What it asks.
    pub model: Model,
}

impl Claude {
    /// The command from the agent's own SDK; none where that is not installed: the test says so and is passed over.
    pub fn installed() -> Option<Self> {
        let libraries = fs::read_dir(target_dir().join("oracle/lib"))
            .into_iter()
            .flatten()
            .flatten();
        let program = libraries
            .map(|version| version.path().join("site-packages/claude_agent_sdk/_bundled/claude"))
            .find(|program| program.is_file());
        match program {
            Some(program) => Some(Self {
                program,
                model: Model::start().unwrap(),
            }),
            None => {
                eprintln!("passed over: the agent's SDK is not installed (`cargo xtask setup` does)");
                None
            }
        }
    }
}

/// A machine: an installation of Mirrorbox, a home and a directory to work in.
#[derive(Debug)]
pub struct Machine {
    /// Mirrorbox.
    pub installed: Installation,
    /// The home directory.
    pub home: PathBuf,
    /// Where agents are started.
    pub here: PathBuf,
}

impl Machine {
    /// A machine under `dir`, with an empty home.
    pub fn new(dir: &Path, installed: Installation) -> Self {
        let machine = Self {
            installed,
            home: dir.join("home"),
            here: dir.join("work"),
        };
        fs::create_dir_all(&machine.home).unwrap();
        fs::create_dir_all(&machine.here).unwrap();
        machine
    }

    /// `mirrorbox run OPTIONS -- PROGRAM ARGUMENTS`, not started yet. Unless the options say how long it waits for
    /// delivery, it waits until that is done: the command's own limit is for people, and a busy machine needs longer.
    pub fn command(&self, claude: &Claude, options: &[&str], program: &Path, arguments: &[&str]) -> Command {
        let mut command = self.installed.command(["run"]);
        command.args(options).args(patient_delivery(options));
        command.arg("--").arg(program).args(arguments);
        command
            .current_dir(&self.here)
            .env("HOME", &self.home)
            .env_remove("CLAUDE_CONFIG_DIR")
            .env_remove("CLAUDE_CODE_PROJECT_DIR_NAME")
            .envs(claude.model.environment());
        command
    }

    /// The same for a prompt, answered in JSON messages.
    pub fn asking(&self, claude: &Claude, options: &[&str], prompt: &str) -> Command {
        let arguments = [
            "-p",
            prompt,
            "--output-format",
            "stream-json",
            "--verbose",
            "--allowedTools=Bash,Agent,Task",
        ];
        self.command(claude, options, &claude.program, &arguments)
    }

    /// Asks, and waits for the end.
    pub fn ask(&self, claude: &Claude, options: &[&str], prompt: &str) -> Answer {
        Running::start(self.asking(claude, options, prompt)).end()
    }

    /// What the agent's own file of a session holds, but for what it keeps to itself.
    pub fn own_lines(&self, session: &str) -> Vec<String> {
        let is_own = |line: &str| {
            let line: Value = serde_json::from_str(line).unwrap();
            let kind = line["type"].as_str().unwrap();
            kind.starts_with("api-request") || kind == "resume-head-vouch"
        };
        let text = fs::read_to_string(self.own_file(session).unwrap()).unwrap();
        text.lines().filter(|line| !is_own(line)).map(str::to_owned).collect()
    }

    /// Waits until the agent has written a prompt to its own file of a session, as what the user said.
    pub fn wait_written(&self, session: &str, prompt: &str) {
        let part = format!("\"role\":\"user\",\"content\":\"{prompt}\"");
        let until = Instant::now() + PATIENCE;
        let is_written = || {
            fs::read_to_string(self.own_file(session)?)
                .ok()
                .map(|text| text.contains(&part))
        };
        while is_written() != Some(true) {
            assert!(Instant::now() < until, "{part} is not written");
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// The agent's own file of a session: in a directory that was made for it, else in its home.
    pub fn own_file(&self, session: &str) -> Option<PathBuf> {
        let runs = folders(&self.installed.state.join("agents")).into_iter();
        let made = runs.map(|run| run.join("config/projects"));
        let all = made.chain([self.home.join(".claude/projects")]);
        let files = all
            .flat_map(|projects| folders(&projects))
            .map(|project| project.join(format!("{session}.jsonl")));
        files.into_iter().find(|file| file.is_file())
    }

    /// The files that a restore makes of a session, by their path in the project's folder.
    pub fn stored(&self, session: &str) -> BTreeMap<String, Vec<String>> {
        let into = tempfile::tempdir().unwrap();
        let target = into.path().join("restored");
        self.installed
            .succeeds(["restore", session, "--into", target.to_str().unwrap()]);
        let mut files = BTreeMap::new();
        let mut folders = folders(&target.join("projects"));
        let project = folders.first().unwrap().clone();
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                let name = path.strip_prefix(&project).unwrap().to_str().unwrap().to_owned();
                let text = fs::read_to_string(&path).unwrap();
                files.insert(name, text.lines().map(str::to_owned).collect());
            }
        }
        files
    }

    /// What is stored of a session's main transcript.
    pub fn stored_lines(&self, session: &str) -> Vec<String> {
        self.stored(session).remove(&format!("{session}.jsonl")).unwrap()
    }
}

/// The option of `run` and `watch` that lets delivery take as long as it needs; empty where the options hold one.
pub fn patient_delivery(options: &[&str]) -> Vec<String> {
    match options.contains(&DELIVER) {
        true => Vec::new(),
        false => vec![DELIVER.to_owned(), format!("{}s", PATIENCE.as_secs())],
    }
}

/// The directories in a directory; none where it is not there.
fn folders(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).into_iter().flatten();
    entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect()
}

/// What an agent answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The exit code; none where a signal ended it.
    pub code: Option<i32>,
    /// The lines that were printed.
    pub lines: Vec<String>,
    /// What was complained of.
    pub stderr: String,
}

impl Answer {
    /// The session's id, as the messages name it.
    pub fn session(&self) -> String {
        let messages = self.messages();
        let id = messages.iter().find_map(|message| message["session_id"].as_str());
        id.unwrap_or_else(|| panic!("no session: {self:#?}")).to_owned()
    }

    /// What the turn ended with.
    pub fn result(&self) -> String {
        let messages = self.messages();
        let result = messages.iter().find(|message| message["type"] == "result");
        let result = result.unwrap_or_else(|| panic!("no result: {self:#?}"));
        result["result"].as_str().unwrap_or_default().to_owned()
    }

    /// The messages, of which none is the mirror's.
    fn messages(&self) -> Vec<Value> {
        let messages = self.lines.iter().filter_map(|line| serde_json::from_str(line).ok());
        let messages: Vec<Value> = messages.collect();
        assert!(
            messages.iter().all(|message| message["type"] != "transcript_mirror"),
            "{self:#?}"
        );
        messages
    }

    /// The answer of an agent that was content.
    pub fn succeeded(self) -> Self {
        assert_eq!(self.code, Some(0), "{self:#?}");
        self
    }
}

/// A run that is under way. Killed if it is dropped.
#[derive(Debug)]
pub struct Running {
    child: Child,
    lines: Receiver<String>,
    seen: Vec<String>,
    stderr: thread::JoinHandle<String>,
}

impl Running {
    /// Starts a command, with an end of its input to write to where it is piped.
    pub fn start(mut command: Command) -> Self {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (to, lines) = mpsc::channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                if to.send(line).is_err() {
                    return;
                }
            }
        });
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let stderr = thread::spawn(move || stderr.lines().map_while(Result::ok).collect::<Vec<_>>().join("\n"));
        Self {
            child,
            lines,
            seen: Vec::new(),
            stderr,
        }
    }

    /// Its input.
    pub fn input(&mut self) -> ChildStdin {
        self.child.stdin.take().unwrap()
    }

    /// Waits for a line that holds this.
    pub fn wait_line(&mut self, part: &str) {
        while !self.seen.last().is_some_and(|line| line.contains(part)) {
            let line = self.lines.recv_timeout(PATIENCE);
            self.seen
                .push(line.unwrap_or_else(|error| panic!("{part}: {error}: {:#?}", self.seen)));
        }
    }

    /// The session's id, once a line has named it.
    pub fn session(&mut self) -> String {
        self.wait_line("\"session_id\":\"");
        let message: Value = serde_json::from_str(self.seen.last().unwrap()).unwrap();
        message["session_id"].as_str().unwrap().to_owned()
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        signal::kill(self.pid(), signal).unwrap();
    }

    /// The agent that it started: of its children, the one that runs another program. (It compiles in a child of its
    /// own.)
    pub fn agent(&self) -> Pid {
        let children = format!("/proc/{0}/task", self.child.id());
        let tasks = fs::read_dir(children).unwrap();
        let children = tasks.flat_map(|task| {
            let children = fs::read_to_string(task.unwrap().path().join("children")).unwrap_or_default();
            children.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
        });
        // One that has ended runs no program any more.
        let program = |pid: &str| fs::read_link(format!("/proc/{pid}/exe")).ok();
        let ours = program(&self.child.id().to_string());
        let agents = children.filter(|pid| program(pid).is_some_and(|other| Some(other) != ours));
        let agents: Vec<i32> = agents.map(|pid| pid.parse().unwrap()).collect();
        let [agent] = *agents else { panic!("{agents:?}") };
        Pid::from_raw(agent)
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).unwrap())
    }

    /// Waits for the end.
    pub fn end(mut self) -> Answer {
        while let Ok(line) = self.lines.recv_timeout(PATIENCE) {
            self.seen.push(line);
        }
        let status = self.child.wait().unwrap();
        Answer {
            code: status.code(),
            lines: std::mem::take(&mut self.seen),
            stderr: std::mem::replace(&mut self.stderr, thread::spawn(String::new))
                .join()
                .unwrap(),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
