//! One engine for the whole process: how guests are compiled, where their compiled code is kept, what they can import.

use std::ffi::OsString;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use wasmtime::component::Linker;
use wasmtime::{Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};
use wasmtime_wasi_config::WasiConfig;

use super::AdapterError;
use super::budget::{Budget, POOLED, descriptor_limit};
use super::code_cache::CodeCache;
use super::compiler::{self, Compiler, SlowCompile};
use super::guest::Guest;
use super::log;
use super::network::{self, Reactor};
use super::opening;
use super::syncing;
use super::ticker::Ticker;
use super::writing;

/// The engine that every adapter of the process runs on, with everything that an adapter may import.
///
/// There is one at a time: [`Runtime::shared`] returns it, and it goes when the last adapter goes.
pub struct Runtime {
    engine: Engine,
    linker: Linker<Guest>,
    ticker: Ticker,
    reactor: Reactor,
    compiler: Compiler,
    budget: Arc<Budget>,
}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runtime").finish_non_exhaustive()
    }
}

/// Types of one engine must never meet those of another, so there is no second one: but in a process that was forked,
/// which has none of the threads of the one that was there.
static SHARED: Mutex<(u32, Weak<Runtime>)> = Mutex::new((0, Weak::new()));

impl Runtime {
    /// The process's engine; the first to ask makes it.
    ///
    /// `cache` is where compiled code is kept, so that a component is compiled once and not at every start. It is
    /// native code: the directory is made for its owner alone (0700), and must never lie where components are
    /// dropped. Only the first caller's directory is used; none switches the cache off.
    pub fn shared(cache: Option<&Path>) -> Result<Arc<Self>, AdapterError> {
        let (mut shared, process) = (SHARED.lock(), std::process::id());
        let known = (shared.0 == process).then(|| shared.1.upgrade());
        if let Some(runtime) = known.flatten() {
            return Ok(runtime);
        }
        let runtime = Arc::new(Self::new(cache)?);
        *shared = (process, Arc::downgrade(&runtime));
        Ok(runtime)
    }

    /// Has `command` compile components for this process from now on: the `mirrorbox` command of the same version, or a
    /// program that does [`super::compile_component`] for the arguments `compile-component --memory BYTES --cpu
    /// SECONDS`.
    ///
    /// Where none is named, the environment variable `MIRRORBOX_COMMAND` may name it, or it is found as `mirrorbox`
    /// beside the program that runs. Without any, components are compiled in this process, and refused where their
    /// bytes say that it would take long.
    pub fn compile_with(command: impl Into<OsString>) {
        compiler::compile_with(command.into());
    }

    /// Calls `tell` from now on for each component that this process has compiled for a second and that is not done: an
    /// interpreter of 18 MB takes a quarter of a minute, once for each cache.
    pub fn tell_slow_compiles(tell: impl Fn(&SlowCompile) + Send + Sync + 'static) {
        compiler::tell_slow(tell);
    }

    fn new(cache: Option<&Path>) -> Result<Self, AdapterError> {
        let cache = cache.and_then(|dir| match CodeCache::open(dir) {
            Ok(cache) => Some(cache),
            // Another user's, or on a file system that is mounted read-only: that costs time alone.
            Err(error) => {
                tracing::warn!("every start compiles: {error}");
                None
            }
        });
        let compiler = Compiler::new(cache);
        let config = config();
        let failed = |error: wasmtime::Error| AdapterError::Engine(format!("{error:#}"));
        let engine = match pooled(&config) {
            Some(engine) => engine,
            None => Engine::new(&config).map_err(failed)?,
        };
        Self::with_engine(engine, compiler).map_err(failed)
    }

    fn with_engine(engine: Engine, compiler: Compiler) -> wasmtime::Result<Self> {
        let mut linker = Linker::new(&engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
        wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
        wasmtime_wasi_config::add_to_linker(&mut linker, |guest: &mut Guest| WasiConfig::from(&guest.settings))?;
        log::add_to_linker(&mut linker, |guest| &guest.log)?;
        network::add_to_linker(&mut linker, Guest::lookups)?;
        opening::add_to_linker(&mut linker)?;
        writing::add_to_linker(&mut linker)?;
        syncing::add_to_linker(&mut linker)?;
        let ticker = Ticker::start(engine.clone())?;
        Ok(Self {
            engine,
            linker,
            ticker,
            reactor: Reactor::start()?,
            compiler,
            budget: Budget::new(descriptor_limit()),
        })
    }

    pub(super) fn budget(&self) -> &Arc<Budget> {
        &self.budget
    }

    pub(super) fn compiler(&self) -> &Compiler {
        &self.compiler
    }

    pub(super) fn engine(&self) -> &Engine {
        &self.engine
    }

    pub(super) fn linker(&self) -> &Linker<Guest> {
        &self.linker
    }

    pub(super) fn ticker(&self) -> &Ticker {
        &self.ticker
    }

    pub(super) fn reactor(&self) -> &Reactor {
        &self.reactor
    }
}

/// Epochs give threads back; nothing is on that a synchronous component does not need.
pub(super) fn config() -> Config {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .wasm_memory64(false)
        .wasm_component_model(true);
    config
}

/// Memory for instances reserved ahead, where the machine has the addresses for it; none where it has not.
fn pooled(config: &Config) -> Option<Engine> {
    let mut pool = PoolingAllocationConfig::new();
    let [instances, core_instances, memories, tables] = POOLED;
    pool.total_component_instances(instances)
        .total_core_instances(core_instances)
        .total_memories(memories)
        .total_tables(tables)
        .total_stacks(instances)
        .max_component_instance_size(16 << 20)
        .max_core_instance_size(16 << 20)
        .table_elements(100_000)
        .max_memory_size(4 << 30);
    let mut config = config.clone();
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    match Engine::new(&config) {
        Ok(engine) => Some(engine),
        Err(error) => {
            tracing::debug!("no pooling allocator on this machine: {error:#}");
            None
        }
    }
}
