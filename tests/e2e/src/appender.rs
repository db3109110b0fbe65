//! Starts and kills the process that appends to a host of its own.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::{Mirrored, Run, built, target_dir};

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(300);

/// A process with a host of its own (`src/bin/appender.rs`), that can be killed. Dropped, it is.
#[derive(Debug)]
pub struct Appender {
    child: Child,
    stdin: Option<ChildStdin>,
    said: Receiver<String>,
    listener: Option<JoinHandle<()>>,
    run: Run,
}

/// A process's memory, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    /// In use now.
    pub resident: u64,
    /// The most that ever was.
    pub peak: u64,
}

impl Appender {
    /// Starts one. `run` is to be different each time: it stands in the entries.
    pub fn start(mirrored: &Mirrored, run: &str) -> Self {
        Self::start_within(mirrored, run, Command::new("env"))
    }

    /// Starts one through another program, which gets its command line as arguments and must become it.
    pub fn start_within(mirrored: &Mirrored, run: &str, mut program: Command) -> Self {
        program.arg(built(target_dir().join("debug/appender")));
        program.args([mirrored.config(), mirrored.state()]).arg(run);
        let mut child = program.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let stdout = child.stdout.take().unwrap();
        // What was said before a kill is read after it, so nothing may hold the listener up.
        let (tell, said) = mpsc::channel();
        let listener = thread::spawn(move || {
            for line in BufReader::new(stdout).split(b'\n') {
                let line = String::from_utf8(line.unwrap()).unwrap();
                if tell.send(line).is_err() {
                    return;
                }
            }
        });
        let mut appender = Self {
            stdin: child.stdin.take(),
            child,
            said,
            listener: Some(listener),
            run: Run {
                name: run.to_owned(),
                writer: String::new(),
                acked: BTreeMap::new(),
            },
        };
        appender.run.writer = appender.wait_for("writer ");
        appender
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Begins to append entries of a session, call after call. Sessions go side by side.
    pub fn append(&mut self, session: &str, first: u64, count: u64) {
        self.tell(&format!("append {session} {first} {count}"));
    }

    /// Waits for a line that begins so; the rest of it. What is acknowledged on the way is noted.
    pub fn wait_for(&mut self, prefix: &str) -> String {
        loop {
            let line = self.hear();
            if let Some(rest) = line.strip_prefix(prefix) {
                return rest.to_owned();
            }
            assert!(!line.starts_with("failed"), "{line}");
        }
    }

    /// Waits until so many entries are acknowledged in all.
    pub fn wait_acked(&mut self, total: u64) {
        while self.run.total() < total {
            let line = self.hear();
            assert!(!line.starts_with("failed"), "{line}");
        }
    }

    /// Waits until so many sessions have all that they were to have.
    pub fn wait_appended(&mut self, sessions: usize) {
        for _ in 0..sessions {
            self.wait_for("appended ");
        }
    }

    /// Has everything delivered, and gives what is left after a minute and a half.
    pub fn flush(&mut self) -> u64 {
        self.tell("flush 90");
        self.wait_for("left ").parse().unwrap()
    }

    /// How a destination is doing: `mirrorbox::mirror::DestinationStatus` as JSON.
    pub fn status(&mut self, destination: &str) -> Value {
        self.tell("status");
        let status: Value = serde_json::from_str(&self.wait_for("status ")).unwrap();
        let all = status.as_array().unwrap();
        all.iter()
            .find(|one| one["destination"] == destination)
            .unwrap()
            .clone()
    }

    /// Waits until a destination's status is as wanted.
    pub fn wait_status(&mut self, destination: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let begun = std::time::Instant::now();
        loop {
            let status = self.status(destination);
            if wanted(&status) {
                return status;
            }
            assert!(begun.elapsed() < PATIENCE, "{status:#}");
            // There is nobody to wake us: it is another process.
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Its memory.
    pub fn memory(&self) -> Memory {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap();
        let figure = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
        };
        Memory {
            resident: figure("VmRSS:"),
            peak: figure("VmHWM:"),
        }
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.id().try_into().unwrap()), signal).unwrap();
    }

    /// Kills it, whatever it is doing, and gives what it had acknowledged by then.
    pub fn kill(mut self) -> Run {
        self.child.kill().unwrap();
        self.end()
    }

    /// Lets it deliver, for so many seconds at most, and end; what is left.
    pub fn close(mut self, seconds: u64) -> (Run, u64) {
        self.tell(&format!("close {seconds}"));
        let left = self.wait_for("left ").parse().unwrap();
        (self.end(), left)
    }

    fn end(&mut self) -> Run {
        self.child.wait().unwrap();
        self.listener.take().unwrap().join().unwrap();
        while let Ok(line) = self.said.try_recv() {
            self.note(&line);
        }
        self.run.clone()
    }

    fn tell(&mut self, command: &str) {
        writeln!(self.stdin.as_mut().unwrap(), "{command}").unwrap();
    }

    fn hear(&mut self) -> String {
        let line = self.said.recv_timeout(PATIENCE);
        let line = line.unwrap_or_else(|error| panic!("run {} says nothing more: {error}", self.run.name));
        self.note(&line);
        line
    }

    /// A kill may cut the last line off, and its number with it: what is left of that is a smaller one.
    fn note(&mut self, line: &str) {
        let mut words = line.split(' ');
        if let (Some("acked"), Some(session), Some(next)) = (words.next(), words.next(), words.next()) {
            let next = next.parse().unwrap_or(0);
            let acked = self.run.acked.entry(session.to_owned()).or_default();
            *acked = next.max(*acked);
        }
    }
}

impl Drop for Appender {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
