//! A server's process: started, awaited, killed, restarted.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;
use nix::unistd::User;

use crate::{ServerError, process_tree};

/// Machines that run many builds at once start servers slowly.
const PATIENCE: Duration = Duration::from_secs(120);

/// How many lines of what a server printed are kept.
const LOG_LINES: usize = 40;

/// How many other ports are tried if another process takes the free one first.
const PORTS: usize = 5;

/// How a server is started, but for its port.
#[derive(Clone, Debug)]
pub(crate) struct Launch {
    pub(crate) program: PathBuf,
    /// `{port}` in an argument is the port.
    pub(crate) arguments: Vec<String>,
    /// Part of the line that it prints once it takes connections.
    pub(crate) ready: &'static str,
    /// Who runs it, if not we.
    pub(crate) user: Option<User>,
}

/// A server's process on a port of 127.0.0.1; dropping it kills it with all that it started.
#[derive(Debug)]
pub struct Server {
    launch: Launch,
    port: u16,
    child: Child,
    log: Log,
}

type Log = Arc<Mutex<VecDeque<String>>>;

impl Server {
    /// Starts a server on a free port, and waits until it takes connections.
    pub(crate) fn start(launch: Launch) -> Result<Self, ServerError> {
        let mut last = None;
        for _ in 0..PORTS {
            let port = free_port()?;
            match launch.start(port) {
                Ok((child, log)) => {
                    return Ok(Self {
                        launch,
                        port,
                        child,
                        log,
                    });
                }
                Err(error @ ServerError::NotReady { .. }) if error.to_string().contains("ddress already in use") => {
                    last = Some(error);
                }
                Err(error) => return Err(error),
            }
        }
        Err(last.unwrap_or(ServerError::NotReady {
            program: launch.program.display().to_string(),
            what: "found no free port".into(),
            log: String::new(),
        }))
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where clients connect to.
    pub fn address(&self) -> SocketAddr {
        local(self.port)
    }

    /// The end of what it printed.
    pub fn log(&self) -> String {
        text(&self.log)
    }

    /// Kills it as a power failure would: at once, with all that it started.
    pub fn kill9(&mut self) {
        if self.runs() {
            process_tree::kill(self.child.id());
            // Nobody else waits for it, so there is no error to expect.
            let _ = self.child.wait();
        }
    }

    /// Whether it has not ended yet: the number of a process that has may be another's by now.
    fn runs(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Kills it if it runs, and starts it on the same port and data; waits until it takes connections.
    pub fn restart(&mut self) -> Result<(), ServerError> {
        self.kill9();
        (self.child, self.log) = self.launch.start(self.port)?;
        Ok(())
    }

    /// Stops it in the middle of whatever it does: connections stay open and nobody answers.
    pub fn pause(&mut self) {
        if self.runs() {
            process_tree::signal(self.child.id(), Signal::SIGSTOP);
        }
    }

    /// Lets it go on after [`Server::pause`].
    pub fn resume(&mut self) {
        if self.runs() {
            process_tree::signal(self.child.id(), Signal::SIGCONT);
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill9();
    }
}

impl Launch {
    fn start(&self, port: u16) -> Result<(Child, Log), ServerError> {
        let number = port.to_string();
        let arguments = self
            .arguments
            .iter()
            .map(|argument| argument.replace("{port}", &number));
        let mut command = Command::new(&self.program);
        command
            .args(arguments)
            // Open until this process ends, however it does: a server that reads it ends then, too.
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if let Some(user) = &self.user {
            run_as(&mut command, user);
        }
        let starting = command.spawn();
        let mut child = starting.map_err(ServerError::io(format!("start `{}`", self.program.display())))?;
        let log = Log::default();
        if let Err(what) = self.await_ready(&mut child, &log, port) {
            process_tree::kill(child.id());
            let _ = child.wait();
            return Err(ServerError::NotReady {
                program: self.program.display().to_string(),
                what,
                log: text(&log),
            });
        }
        Ok((child, log))
    }

    /// Waits for the line that says so, then connects; else what happened instead.
    fn await_ready(&self, child: &mut Child, log: &Log, port: u16) -> Result<(), String> {
        let (says_ready, is_ready) = mpsc::channel();
        if let Some(stdout) = child.stdout.take() {
            read(stdout, self.ready, log.clone(), says_ready.clone());
        }
        if let Some(stderr) = child.stderr.take() {
            read(stderr, self.ready, log.clone(), says_ready);
        }
        match is_ready.recv_timeout(PATIENCE) {
            Ok(()) => {}
            Err(RecvTimeoutError::Timeout) => return Err(format!("was not ready after {PATIENCE:?}")),
            Err(RecvTimeoutError::Disconnected) => return Err("ended".into()),
        }
        let connected = TcpStream::connect_timeout(&local(port), PATIENCE);
        connected
            .map(drop)
            .map_err(|error| format!("said that it is ready, but: {error}"))
    }
}

/// Reads what a server prints until it ends, so that its pipe never fills, and tells of the ready line.
fn read(output: impl Read + Send + 'static, ready: &'static str, log: Log, says_ready: Sender<()>) {
    thread::spawn(move || {
        let mut lines = BufReader::new(output);
        let mut says_ready = Some(says_ready);
        let mut line = Vec::new();
        while lines.read_until(b'\n', &mut line).is_ok_and(|len| len > 0) {
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            let is_ready = text.contains(ready);
            let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
            if log.len() == LOG_LINES {
                log.pop_front();
            }
            log.push_back(text);
            drop(log);
            if let Some(says_ready) = says_ready.take_if(|_| is_ready) {
                // The caller that waited may have given up.
                let _ = says_ready.send(());
            }
            line.clear();
        }
    });
}

/// Lets another user run a program, where we may.
pub(crate) fn run_as(command: &mut Command, user: &User) {
    use std::os::unix::process::CommandExt;
    command
        .uid(user.uid.as_raw())
        .gid(user.gid.as_raw())
        .current_dir(Path::new("/"));
}

fn text(log: &Log) -> String {
    let log = log.lock().unwrap_or_else(PoisonError::into_inner);
    log.iter().map(|line| format!("  {line}\n")).collect()
}

pub(crate) fn local(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

fn free_port() -> Result<u16, ServerError> {
    let listener = TcpListener::bind(local(0)).and_then(|listener| listener.local_addr());
    listener
        .map(|address| address.port())
        .map_err(ServerError::io("find a free port"))
}
