//! The same through the command: `mirrorbox watch` follows an agent's files while an adapter is replaced again and
//! again.

use std::fs::{self, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::{Duration, Instant};

use mirrorbox_e2e::{Installation, PROJECT, entry};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::directory::{Directory, PATIENCE, RUN, build, digest};

const SWAPS: u64 = 100;
const NAMES: [&str; 3] = ["one", "two", "three"];
const SESSIONS: [&str; 2] = ["a", "b"];

/// `mirrorbox watch`, running. Dropped, it is killed.
struct Watch {
    child: Child,
    socket: PathBuf,
}

impl Watch {
    fn start(mut command: Command, state: &Path) -> Self {
        Self {
            child: command.stderr(Stdio::null()).spawn().unwrap(),
            socket: state.join("watch/status.sock"),
        }
    }

    /// What it says of an adapter; none before it says anything.
    fn adapter(&self, name: &str) -> Option<Value> {
        let mut answer = String::new();
        let mut stream = UnixStream::connect(&self.socket).ok()?;
        stream.read_to_string(&mut answer).unwrap();
        let status: Value = serde_json::from_str(&answer).unwrap();
        let adapters = status["adapters"].as_array().unwrap();
        adapters.iter().find(|adapter| adapter["name"] == name).cloned()
    }

    /// Waits until a build is open.
    fn until_open(&self, name: &str, digest: &str) {
        let begun = Instant::now();
        loop {
            let adapter = self.adapter(name);
            if adapter.as_ref().is_some_and(|adapter| adapter["digest"] == digest) {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "{adapter:#?}");
            // It is another process.
            sleep(Duration::from_millis(5));
        }
    }

    /// Lets it take and deliver what is there, and end.
    fn stop(&mut self) -> Option<i32> {
        kill(Pid::from_raw(self.child.id().try_into().unwrap()), Signal::SIGTERM).unwrap();
        self.child.wait().unwrap().code()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Writes a session as an agent does, until the test stops it; returns how many entries.
fn write(project: &Path, session: &'static str, stop: Arc<AtomicBool>) -> JoinHandle<u64> {
    let path = project.join(format!("{session}.jsonl"));
    spawn(move || {
        let mut file = OpenOptions::new().append(true).create(true).open(path).unwrap();
        let mut written = 0;
        while !stop.load(Ordering::Relaxed) {
            writeln!(file, "{}", entry(RUN, session, written)).unwrap();
            written += 1;
            sleep(Duration::from_millis(10));
        }
        written
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_times_under_an_agent_that_writes() {
    let directory = Directory::new();
    let builds = [build(0), build(1)];
    let digests = [digest(&builds[0]), digest(&builds[1])];
    for name in NAMES {
        directory.install(name, &builds[0]);
    }
    let projects = directory.config().with_file_name("projects");
    fs::create_dir_all(projects.join(PROJECT)).unwrap();
    let installation = Installation {
        config: directory.config(),
        state: directory.state(),
        store: directory.folder("two"),
    };
    let mut command = installation.command(["watch", "--deliver", "120s", "--projects-dir"]);
    command.arg(&projects);
    let mut watch = Watch::start(command, &directory.state());
    for name in NAMES {
        watch.until_open(name, &digests[0]);
    }
    let stop = Arc::new(AtomicBool::new(false));
    let writing = SESSIONS.map(|session| write(&projects.join(PROJECT), session, stop.clone()));
    let begun = Instant::now();
    for swap in 1..=SWAPS {
        let which = usize::try_from(swap % 2).unwrap();
        directory.put("two.wasm", &builds[which]);
        watch.until_open("two", &digests[which]);
    }
    let took = begun.elapsed() / u32::try_from(SWAPS).unwrap();
    stop.store(true, Ordering::Relaxed);
    let written = writing.map(|writing| writing.join().unwrap());
    let adapter = watch.adapter("two").unwrap();
    assert_eq!(watch.stop(), Some(0), "{adapter:#}");
    let written: Vec<_> = SESSIONS.into_iter().zip(written).collect();
    for name in NAMES {
        directory.check(name, &written).await;
    }
    println!("{SWAPS} swaps under `watch`, {took:?} each with the quiet time, {written:?} entries");
}
