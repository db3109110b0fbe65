//! The process that compiles: started, fed, waited for, and ended where it takes too long or nobody wants it any more.

use std::ffi::OsStr;
use std::io::{self, Read, Write};
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};

use super::worker::REFUSES;
use super::{Allowance, CompileError};

/// The most code that is taken: 512 MiB. The largest language runtimes compile to less than a quarter of it.
const MOST_CODE: u64 = 512 << 20;
/// The most that is read of what the compiler complains of.
const MOST_COMPLAINT: u64 = 4 << 10;
/// The exit code of a Rust program that panicked.
const PANICKED: i32 = 101;
/// How often it is looked whether the process has ended, once it has closed its output.
const LOOK: Duration = Duration::from_millis(2);

/// Ends a compiler that nobody waits for any more.
#[derive(Clone, Debug, Default)]
pub(in crate::adapter) struct StopCompiling(Arc<Mutex<CompilerState>>);

#[derive(Debug, Default)]
struct CompilerState {
    is_asked: bool,
    is_late: bool,
    child: Option<Child>,
}

/// Ends the compiler when it is dropped, if it still runs.
#[derive(Debug)]
pub(in crate::adapter) struct StopOnDrop(StopCompiling);

impl StopCompiling {
    pub(in crate::adapter) fn on_drop(&self) -> StopOnDrop {
        StopOnDrop(self.clone())
    }

    fn lock(&self) -> MutexGuard<'_, CompilerState> {
        self.0.lock()
    }

    /// Takes the process in; one that was to be ended before it began is ended now.
    fn watch(&self, child: Child) {
        let mut stopping = self.lock();
        stopping.child = Some(child);
        if stopping.is_asked {
            stopping.kill();
        }
    }

    /// How the process ended.
    fn wait(&self) -> io::Result<ExitStatus> {
        loop {
            let mut stopping = self.lock();
            let Some(child) = &mut stopping.child else {
                return Err(io::Error::other("the compiler was never started"));
            };
            if let Some(status) = child.try_wait()? {
                stopping.child = None;
                return Ok(status);
            }
            drop(stopping);
            thread::sleep(LOOK);
        }
    }
}

impl CompilerState {
    fn kill(&mut self) {
        if let Some(child) = &mut self.child
            && let Err(error) = child.kill()
        {
            tracing::debug!("the compiler cannot be ended: {error}");
        }
    }
}

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        let mut stopping = self.0.lock();
        stopping.is_asked = true;
        stopping.kill();
    }
}

/// Compiles `component` in a process of `program`; the code.
pub(super) fn compile(
    program: &OsStr,
    component: &[u8],
    limits: &Allowance,
    stop: &StopCompiling,
) -> Result<Vec<u8>, CompileError> {
    let failed = |error: io::Error| CompileError::Compiler(format!("{}: {error}", program.to_string_lossy()));
    let mut child = command(program, limits).spawn().map_err(failed)?;
    let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    stop.watch(child);
    let (said, status) = thread::scope(|scope| {
        let (done, waiting) = mpsc::channel::<()>();
        scope.spawn(move || {
            // It ends without a message once `done` is gone.
            if waiting.recv_timeout(limits.wall) == Err(RecvTimeoutError::Timeout) {
                let mut stopping = stop.lock();
                stopping.is_late = true;
                stopping.kill();
            }
        });
        let said = talk(pipes, component);
        let status = stop.wait();
        drop(done);
        (said, status)
    });
    let Said { code, complaint } = said.map_err(failed)?;
    let status = status.map_err(failed)?;
    let CompilerState { is_asked, is_late, .. } = *stop.lock();
    match status.code() {
        Some(0) if code.len() as u64 <= MOST_CODE => Ok(code),
        Some(0) => Err(CompileError::TooMuch(format!(
            "it compiles to more than {} MiB",
            MOST_CODE >> 20
        ))),
        Some(code) if code == i32::from(REFUSES) => Err(CompileError::NotAComponent(complaint)),
        _ if is_asked => Err(CompileError::Stopped),
        _ if is_late => Err(CompileError::Late(limits.wall)),
        _ => Err(broke_down(status, &complaint, limits)),
    }
}

/// Nothing of this process's environment, credentials among it, and few threads: each has a share of the memory.
fn command(program: &OsStr, limits: &Allowance) -> Command {
    let mut command = Command::new(program);
    command
        .arg("compile-component")
        .args(["--memory", &limits.memory.to_string()])
        .args(["--cpu", &limits.cpu.as_secs().to_string()])
        .env_clear()
        .env("RAYON_NUM_THREADS", limits.threads.to_string())
        // glibc sets addresses for a heap aside for every thread, and those count.
        .env("MALLOC_ARENA_MAX", "2")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

struct Said {
    code: Vec<u8>,
    complaint: String,
}

/// The process reads all before it writes anything, and complains of little: no pipe fills up while another is waited
/// for.
fn talk(
    (stdin, stdout, stderr): (Option<ChildStdin>, Option<ChildStdout>, Option<ChildStderr>),
    component: &[u8],
) -> io::Result<Said> {
    if let Some(mut stdin) = stdin {
        match stdin.write_all(component) {
            // It has ended, and its status says why.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
            written => written?,
        }
    }
    let (mut code, mut complaint) = (Vec::new(), Vec::new());
    if let Some(stdout) = stdout {
        stdout.take(MOST_CODE + 1).read_to_end(&mut code)?;
    }
    if let Some(stderr) = stderr {
        stderr.take(MOST_COMPLAINT).read_to_end(&mut complaint)?;
    }
    let complaint = String::from_utf8_lossy(&complaint).trim().to_owned();
    Ok(Said { code, complaint })
}

/// Whose fault an unusual end is: what a component takes beyond its limits, or does to the compiler, it does every
/// time.
#[cfg(unix)]
fn broke_down(status: ExitStatus, complaint: &str, limits: &Allowance) -> CompileError {
    use std::os::unix::process::ExitStatusExt;

    use rustix::process::Signal;
    let is = |signals: &[Signal]| signals.iter().any(|signal| status.signal() == Some(signal.as_raw()));
    if is(&[Signal::XCPU]) {
        let cpu = limits.cpu.as_secs();
        return CompileError::TooMuch(format!("compiling it takes more than {cpu} s of a processor"));
    }
    if complaint.contains("memory allocation") {
        let memory = limits.memory >> 20;
        return CompileError::TooMuch(format!("compiling it takes more than {memory} MiB of memory"));
    }
    let is_broken = is(&[Signal::ABORT, Signal::SEGV, Signal::BUS, Signal::ILL]) || status.code() == Some(PANICKED);
    let reason = format!("it ended with {status}: {complaint}");
    match is_broken {
        true => CompileError::TooMuch(format!("the compiler breaks down on it: {reason}")),
        // Another program, or one that another process ended: the system, where its memory runs short.
        false => CompileError::Compiler(reason),
    }
}

#[cfg(not(unix))]
fn broke_down(status: ExitStatus, complaint: &str, _limits: &Allowance) -> CompileError {
    let reason = format!("it ended with {status}: {complaint}");
    match status.code() == Some(PANICKED) {
        true => CompileError::TooMuch(format!("the compiler breaks down on it: {reason}")),
        false => CompileError::Compiler(reason),
    }
}
