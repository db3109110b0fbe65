//! The other side: what the process does that compiles.

use std::io::{self, Read, Write};
use std::process::ExitCode;

use wasmtime::Engine;

use super::super::engine;

/// The exit code for what is no component; standard error says what is wrong with it.
pub(super) const REFUSES: u8 = 65;
/// The exit code where this process itself is at fault.
const FAILS: u8 = 70;

/// Compiles the component on standard input, and writes its code to standard output. What it takes beyond `memory`
/// bytes of addresses or `cpu` seconds of a processor ends this process.
///
/// For programs that offer the host what the command does with `mirrorbox compile-component`
/// ([`Runtime::compile_with`](crate::adapter::Runtime::compile_with)): call it first of all, before there are
/// other threads. It takes arguments `compile-component --memory BYTES --cpu SECONDS`.
pub fn compile_component(memory: u64, cpu: u64) -> ExitCode {
    match compile(memory, cpu) {
        Ok(()) => ExitCode::SUCCESS,
        Err((code, reason)) => {
            // Who reads it may be gone; then the code is not wanted either.
            let _ = writeln!(io::stderr(), "{reason}");
            ExitCode::from(code)
        }
    }
}

fn compile(memory: u64, cpu: u64) -> Result<(), (u8, String)> {
    let failed = |error: io::Error| (FAILS, error.to_string());
    limit(memory, cpu).map_err(failed)?;
    let mut component = Vec::new();
    io::stdin().lock().read_to_end(&mut component).map_err(failed)?;
    // Without room for instances: that takes terabytes of addresses, and the code is the same.
    let engine = Engine::new(&engine::config()).map_err(|error| (FAILS, format!("{error:#}")))?;
    let code = engine
        .precompile_component(&component)
        .map_err(|error| (REFUSES, error.root_cause().to_string()))?;
    let mut stdout = io::stdout().lock();
    stdout.write_all(&code).and_then(|()| stdout.flush()).map_err(failed)
}

/// The limits hold from here on; and a core of this process would tell nobody anything.
#[cfg(unix)]
fn limit(memory: u64, cpu: u64) -> io::Result<()> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    // A second more until it is killed for good, for the signal before says why it ends.
    for (resource, most, then) in [
        (Resource::As, memory, 0),
        (Resource::Cpu, cpu, 1),
        (Resource::Core, 0, 0),
    ] {
        let allowed = getrlimit(resource).maximum.unwrap_or(u64::MAX);
        let limit = Rlimit {
            current: Some(most.min(allowed)),
            maximum: Some(most.saturating_add(then).min(allowed)),
        };
        setrlimit(resource, limit)?;
    }
    Ok(())
}

/// There are no such limits; the time by the clock is kept by who started this process.
#[cfg(not(unix))]
fn limit(_memory: u64, _cpu: u64) -> io::Result<()> {
    Ok(())
}
