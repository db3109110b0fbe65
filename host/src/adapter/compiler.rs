//! Who compiles components, and what that may cost.
//!
//! A component of a few hundred kilobytes can take a compiler minutes and gigabytes. It is a stranger's, so another
//! process compiles it: `mirrorbox compile-component`, with limits of memory and time. What exceeds them is refused and
//! remembered. A program that has no such command compiles by itself what its bytes say is light.
//!
//! | module | what |
//! | --- | --- |
//! | `look` | names and sizes, without compiling anything |
//! | `hollow` | the component without its code, so that its types can be asked for before it is compiled |
//! | `child`, `worker` | the process that compiles: this side, and the other |
//! | `weight` | what may be compiled without such a process |
//! | `refused` | what took too much, remembered |
//! | `slow` | says so where it takes long |

mod child;
mod hollow;
mod look;
mod refused;
mod slow;
mod weight;
mod worker;

use std::env;
use std::ffi::OsString;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Semaphore;
use wasmtime::Engine;
use wasmtime::component::Component;

pub(super) use child::StopCompiling;
pub(super) use look::Outline;
use refused::RememberedRefusal;
pub use slow::SlowCompile;
pub(super) use slow::{Watched, listen as tell_slow};
pub use worker::compile_component;

use super::code_cache::{self, CodeCache};

/// The environment variable that names the command that compiles.
const COMMAND: &str = "MIRRORBOX_COMMAND";
/// The file name of the command where it is found beside the program that runs.
const BESIDE: &str = if cfg!(windows) { "mirrorbox.exe" } else { "mirrorbox" };

/// What compiling a component may take: so much, and for each MiB of its functions so much more, up to a bound. An
/// adapter that comes with the command takes a third of it without optimisation of the compiler itself.
const MEMORY: (u64, u64, u64) = (960 << 20, 64 << 20, 3 << 30);
const CPU_SECONDS: (u64, u64, u64) = (5, 10, 180);
/// The time by the clock is longer, for the machine may be busy: so many times the processor's, and a while. It ends
/// what hangs; what computes for too long is ended by the processor's time before.
const WALL: (u32, Duration) = (10, Duration::from_secs(30));
/// Threads of one compiler: each takes addresses of its own from the memory.
const THREADS: usize = 4;
/// How many components are compiled at a time: at least so many, so that one that takes long holds up none of the next;
/// at most so many, for each may take its gigabyte.
const SIDE_BY_SIDE: (usize, usize) = (2, 4);

/// The command that was named by this process.
static NAMED: Mutex<Option<OsString>> = Mutex::new(None);

/// Why a component was not compiled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum CompileError {
    /// It is no component, or one that this host has no use for.
    #[error("{0}")]
    NotAComponent(String),
    /// Compiling it takes more than it may.
    #[error("{0}")]
    TooMuch(String),
    /// The machine is busy, perhaps.
    #[error("it was not compiled within {} s", .0.as_secs())]
    Late(Duration),
    /// Nobody waits for it any more.
    #[error("compiling it was stopped")]
    Stopped,
    /// The fault lies with the process that compiles.
    #[error("the command that compiles it does not: {0}")]
    Compiler(String),
}

/// What compiling may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Allowance {
    /// Bytes.
    memory: u64,
    /// Of a processor, in whole seconds.
    cpu: Duration,
    /// By the clock.
    wall: Duration,
    threads: usize,
}

impl Allowance {
    fn of(look: &Outline) -> Self {
        let scaled =
            |(base, each, most): (u64, u64, u64)| (base + each.saturating_mul(look.code) / (1 << 20)).min(most);
        let cpu = Duration::from_secs(scaled(CPU_SECONDS));
        Self {
            memory: scaled(MEMORY),
            cpu,
            wall: cpu * WALL.0 + WALL.1,
            threads: available_parallelism().map_or(1, usize::from).min(THREADS),
        }
    }
}

/// Compiles components, and keeps their code.
#[derive(Debug)]
pub(super) struct Compiler {
    cache: Option<CodeCache>,
    places: Arc<Semaphore>,
}

impl Compiler {
    pub(super) fn new(cache: Option<CodeCache>) -> Self {
        let places = available_parallelism().map_or(1, usize::from);
        Self {
            cache,
            places: Arc::new(Semaphore::new(places.clamp(SIDE_BY_SIDE.0, SIDE_BY_SIDE.1))),
        }
    }

    /// Held by who compiles.
    pub(super) fn places(&self) -> &Arc<Semaphore> {
        &self.places
    }

    /// Whether code is kept for the next time.
    pub(super) fn keeps(&self) -> bool {
        self.cache.is_some()
    }

    /// What was compiled before.
    pub(super) fn kept(&self, engine: &Engine, sha256: &str) -> Option<Component> {
        self.cache.as_ref()?.kept(engine, sha256)
    }

    /// The component without its code. Its types, and whether it can be linked, are those of the component.
    pub(super) fn hollow(
        &self,
        engine: &Engine,
        sha256: &str,
        bytes: &[u8],
        stop: &StopCompiling,
    ) -> Result<Component, CompileError> {
        let hollow = hollow::hollow(bytes).map_err(|error| CompileError::NotAComponent(error.to_string()))?;
        // Tens of thousands of functions that do nothing (an interpreter has as many) take a while, too.
        let limits = Allowance::of(&Outline {
            code: bytes.len() as u64,
            ..Outline::default()
        });
        let code = self.code(engine, sha256, &hollow, &limits, stop)?;
        loaded(code_cache::load(engine, &code))
    }

    /// Compiles the component, and keeps its code.
    pub(super) fn compile(
        &self,
        engine: &Engine,
        sha256: &str,
        bytes: &[u8],
        look: &Outline,
        stop: &StopCompiling,
    ) -> Result<Component, CompileError> {
        let limits = Allowance::of(look);
        let code = self.code(engine, sha256, bytes, &limits, stop)?;
        loaded(match &self.cache {
            Some(cache) => cache.keep(engine, sha256, &code),
            None => code_cache::load(engine, &code),
        })
    }

    fn code(
        &self,
        engine: &Engine,
        sha256: &str,
        bytes: &[u8],
        limits: &Allowance,
        stop: &StopCompiling,
    ) -> Result<Vec<u8>, CompileError> {
        let cache = self.cache.as_ref();
        let refused = cache.map(|cache| RememberedRefusal::beside(&cache.path(engine, sha256)));
        if let Some(reason) = refused.as_ref().and_then(|refused| refused.reason(limits)) {
            return Err(CompileError::TooMuch(reason));
        }
        let Some(program) = command() else {
            weight::check(bytes)?;
            let code = engine.precompile_component(bytes);
            return code.map_err(|error| CompileError::NotAComponent(error.root_cause().to_string()));
        };
        let code = child::compile(&program, bytes, limits, stop);
        if let (Some(refused), Err(CompileError::TooMuch(reason))) = (refused, &code) {
            refused.remember(limits, reason);
        }
        code
    }
}

/// Loads code. What no place in the pool has room for is the component's fault; the rest is that of the code: most of
/// all, it is of another version, by a command that is not of this library's.
fn loaded(component: wasmtime::Result<Component>) -> Result<Component, CompileError> {
    component.map_err(|error| {
        let reason = format!("{error:#}");
        if reason.contains("pooling allocator") {
            CompileError::NotAComponent(reason)
        } else {
            CompileError::Compiler(format!("its code cannot be used here: {reason}"))
        }
    })
}

/// Names the command that compiles for this process.
pub(super) fn compile_with(command: OsString) {
    *NAMED.lock() = Some(command);
}

/// The command that compiles: the one that was named, or that the environment names, or that lies beside this program.
fn command() -> Option<OsString> {
    let named = NAMED.lock().clone();
    named.or_else(|| env::var_os(COMMAND)).or_else(|| {
        // Where this program is cannot be told on every system: then there is nothing beside it.
        let beside = env::current_exe().ok()?.with_file_name(BESIDE);
        beside.is_file().then(|| beside.into_os_string())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_compiling_may_take_grows_with_the_code_up_to_a_bound() {
        let limits = |code| {
            Allowance::of(&Outline {
                code,
                ..Outline::default()
            })
        };
        assert_eq!((limits(0).memory, limits(0).cpu.as_secs()), (960 << 20, 5));
        assert_eq!(limits(3 << 20).cpu.as_secs(), 35);
        assert_eq!(limits(u64::MAX), limits(1 << 40));
        assert_eq!(limits(u64::MAX).memory, 3 << 30);
    }
}
