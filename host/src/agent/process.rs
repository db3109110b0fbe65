use std::io;
use std::path::Path;
use std::process::Stdio;

use serde::{Deserialize, Serialize};
use tokio::process::{Child, Command};

use super::AgentError;
use crate::agent_format::{CONFIG_DIR, CommandLine, MARKERS};

/// In the agent's environment: which run it is a part of.
const RUN: &str = "MIRRORBOX_RUN";

/// Which of the agent's ends are ours. Its complaints go where ours go.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ends {
    pub(super) input: bool,
    pub(super) output: bool,
}

/// What of an agent's surroundings is not as this process has it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Surroundings<'a> {
    /// The run that it is a part of.
    pub(super) run: &'a str,
    /// Its configuration directory, if one was made for it.
    pub(super) config_dir: Option<&'a Path>,
    pub(super) file_mask: Option<u32>,
    pub(super) open_files: Option<u64>,
}

/// Starts the agent. Dropped, it is killed.
pub(super) fn spawn(line: &CommandLine, ends: Ends, surroundings: Surroundings<'_>) -> Result<Child, AgentError> {
    let end = |ours| if ours { Stdio::piped() } else { Stdio::inherit() };
    let mut command = Command::new(&line.program);
    command
        .args(&line.arguments)
        .stdin(end(ends.input))
        .stdout(end(ends.output))
        .kill_on_drop(true);
    for marker in MARKERS {
        command.env_remove(marker);
    }
    command.env(RUN, surroundings.run);
    if let Some(mask) = surroundings.file_mask {
        set_file_mask(&mut command, mask);
    }
    if let Some(files) = surroundings.open_files {
        limit_open_files(&mut command, files);
    }
    if let Some(dir) = surroundings.config_dir {
        command.env(CONFIG_DIR, dir);
    }
    // A terminal's Ctrl-C is for us: the agent is to finish. One that reads the terminal itself has to stay with it.
    #[cfg(unix)]
    if ends.input {
        command.process_group(0);
    }
    command.spawn().map_err(|source| AgentError::Start {
        program: line.program.to_string_lossy().into_owned(),
        source,
    })
}

#[cfg(unix)]
#[allow(unsafe_code, reason = "a child's mask can be set by the child alone")]
fn set_file_mask(command: &mut Command, mask: u32) {
    let permissions = mask & 0o777;
    #[allow(
        clippy::cast_possible_truncation,
        reason = "nine bits, in a type that is narrower on macOS"
    )]
    let mask = rustix::fs::Mode::from_bits_truncate(permissions as rustix::fs::RawMode);
    let set = move || {
        rustix::process::umask(mask);
        Ok(())
    };
    // SAFETY: The closure runs in the child between fork and exec, where only async-signal-safe functions may be
    // called. It makes the one system call `umask`, which POSIX lists among those and which cannot fail; it allocates
    // nothing, takes no lock, and owns nothing but a number.
    unsafe {
        command.pre_exec(set);
    }
}

#[cfg(not(unix))]
fn set_file_mask(_: &mut Command, _: u32) {}

#[cfg(unix)]
#[allow(
    unsafe_code,
    reason = "this process keeps its own limit, so the child alone can set its"
)]
fn limit_open_files(command: &mut Command, files: u64) {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = Rlimit {
        current: Some(files),
        ..getrlimit(Resource::Nofile)
    };
    let set = move || Ok(setrlimit(Resource::Nofile, limit)?);
    // SAFETY: The closure runs in the child between fork and exec, where only async-signal-safe functions may be
    // called. It copies four words and makes the one system call `setrlimit`, which on the systems that have it is a
    // plain system call without state in the C library; an error is made from its number. It allocates nothing, takes
    // no lock, and owns nothing but numbers.
    unsafe {
        command.pre_exec(set);
    }
}

#[cfg(not(unix))]
fn limit_open_files(_: &mut Command, _: u64) {}

/// Asks the agent to end. One that has ended is asked nothing: its number may be another's.
pub(super) fn terminate(child: &mut Child) {
    #[cfg(unix)]
    if let Some(pid) = child.id().and_then(pid) {
        // Gone just now, which is what was wanted.
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
    }
    #[cfg(not(unix))]
    drop(child.start_kill());
}

#[cfg(unix)]
fn pid(pid: u32) -> Option<rustix::process::Pid> {
    rustix::process::Pid::from_raw(i32::try_from(pid).ok()?)
}

/// A process, told from others that get its number later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Identity {
    pub(super) pid: u32,
    /// When it was started, in the kernel's ticks, where the kernel says so.
    started: Option<u64>,
}

impl Identity {
    pub(super) fn of(pid: u32) -> Self {
        Self {
            pid,
            // Then its number has to do.
            started: started(pid).ok().flatten(),
        }
    }

    /// Whether it has not ended, as far as is known: rows of one that is taken for dead would be left behind.
    pub(super) fn is_alive(&self) -> bool {
        is_there(self.pid)
            && match (self.started, started(self.pid)) {
                (None, _) | (_, Err(_)) => true,
                (Some(then), Ok(now)) => now == Some(then),
            }
    }
}

/// A process of a run's agent, found by its environment: for a run whose host was killed before it had written down
/// which process the agent is. Returns `None` if no process has the mark, or if the system has no `/proc`. Fails if
/// that cannot be seen just now (no descriptor is free, say).
pub(super) fn of_run(run: &str) -> io::Result<Option<u32>> {
    let mark = format!("{RUN}={run}");
    let processes = match std::fs::read_dir("/proc") {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        processes => processes?,
    };
    for entry in processes {
        let name = entry?.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        let environment = match std::fs::read(format!("/proc/{pid}/environ")) {
            Ok(environment) => environment,
            // It has ended meanwhile, or is another user's: then it is not the agent.
            Err(error) if error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(ESRCH) => continue,
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => continue,
            Err(error) => return Err(error),
        };
        let mut variables = environment.split(|byte| *byte == 0);
        if variables.any(|variable| variable == mark.as_bytes()) {
            return Ok(Some(pid));
        }
    }
    Ok(None)
}

#[cfg(unix)]
fn is_there(number: u32) -> bool {
    pid(number).is_some_and(|pid| rustix::process::test_kill_process(pid).is_ok())
}

/// Elsewhere nobody can be asked, and an agent does not outlive what it prints to.
#[cfg(not(unix))]
fn is_there(_: u32) -> bool {
    false
}

/// None where there is no such process, or it has ended and nobody has asked how; and where the kernel does not say.
fn started(pid: u32) -> io::Result<Option<u64>> {
    match std::fs::read_to_string(format!("/proc/{pid}/stat")) {
        Ok(stat) => Ok(started_by(&stat)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        // It ended while it was read.
        Err(error) if error.raw_os_error() == Some(ESRCH) => Ok(None),
        Err(error) => Err(error),
    }
}

/// "No such process", wherever there is `/proc`.
const ESRCH: i32 = 3;

fn started_by(stat: &str) -> Option<u64> {
    // The program's name may hold anything, but nothing behind it holds a parenthesis.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace();
    let has_ended = matches!(fields.next()?, "Z" | "X");
    let started = fields.nth(18)?.parse().ok()?;
    (!has_ended).then_some(started)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn an_agent_has_the_limit_of_open_files_that_it_is_given() {
        crate::host::raise_file_limit().unwrap();
        let ends = Ends {
            input: false,
            output: true,
        };
        let surroundings = Surroundings {
            run: "run",
            config_dir: None,
            file_mask: None,
            open_files: Some(333),
        };
        let line = CommandLine::new(&["sh", "-c", "ulimit -n"].map(Into::into)).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let printed = runtime.block_on(async {
            let child = spawn(&line, ends, surroundings).unwrap();
            child.wait_with_output().await.unwrap().stdout
        });
        assert_eq!(printed, b"333\n");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn an_agent_that_nobody_wrote_down_is_found_by_its_run() {
        let run = uuid::Uuid::new_v4().simple().to_string();
        let mut cat = std::process::Command::new("cat");
        cat.env(RUN, &run).stdin(Stdio::piped());
        assert_eq!(of_run(&run).unwrap(), None);
        let mut child = cat.spawn().unwrap();
        assert_eq!(of_run(&run).unwrap(), Some(child.id()));
        drop(child.stdin.take());
        child.wait().unwrap();
        assert_eq!(of_run(&run).unwrap(), None);
    }

    #[test]
    fn a_process_is_alive_until_it_has_ended() {
        let mut child = std::process::Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        let identity = Identity::of(child.id());
        assert!(identity.is_alive());
        let other = Identity {
            started: Some(1),
            ..identity.clone()
        };
        assert!(!other.is_alive(), "another process had this number");
        drop(child.stdin.take());
        child.wait().unwrap();
        assert!(!identity.is_alive());
    }
}
