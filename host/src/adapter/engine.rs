//! One engine for the whole process: how guests are compiled, where their compiled code is kept, what they can import.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use wasmtime::component::{Component, Linker};
use wasmtime::{Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};
use wasmtime_wasi_config::WasiConfig;

use super::AdapterError;
use super::code_cache::CodeCache;
use super::guest::Guest;
use super::log;
use super::network::{self, Reactor};
use super::ticker::Ticker;

/// The most instances that the pooling allocator has room for; it reserves addresses, not memory.
const POOLED_INSTANCES: u32 = 256;

/// The engine that every adapter of the process runs on, with everything that an adapter may import.
///
/// There is one at a time: [`Runtime::shared`] gives it to whoever asks, and it goes when the last adapter goes.
pub struct Runtime {
    engine: Engine,
    linker: Linker<Guest>,
    ticker: Ticker,
    reactor: Reactor,
    cache: Option<CodeCache>,
}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runtime").finish_non_exhaustive()
    }
}

/// Types of one engine must never meet those of another, so there is no second one.
static SHARED: Mutex<Weak<Runtime>> = Mutex::new(Weak::new());

impl Runtime {
    /// The process's engine; the first to ask makes it.
    ///
    /// `cache` is where compiled code is kept, so that a component is compiled once and not at every start. It is
    /// native code: the directory is made for its owner alone (0700), and must never lie where components are
    /// dropped. Only the first caller's directory is used; none switches the cache off.
    pub fn shared(cache: Option<&Path>) -> Result<Arc<Self>, AdapterError> {
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(runtime) = shared.upgrade() {
            return Ok(runtime);
        }
        let runtime = Arc::new(Self::new(cache)?);
        *shared = Arc::downgrade(&runtime);
        Ok(runtime)
    }

    fn new(cache: Option<&Path>) -> Result<Self, AdapterError> {
        let cache = cache.map(CodeCache::open).transpose()?;
        let config = config();
        let failed = |error: wasmtime::Error| AdapterError::Engine(format!("{error:#}"));
        let engine = match pooled(&config) {
            Some(engine) => engine,
            None => Engine::new(&config).map_err(failed)?,
        };
        Self::with_engine(engine, cache).map_err(failed)
    }

    fn with_engine(engine: Engine, cache: Option<CodeCache>) -> wasmtime::Result<Self> {
        let mut linker = Linker::new(&engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
        wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
        wasmtime_wasi_config::add_to_linker(&mut linker, |guest: &mut Guest| WasiConfig::from(&guest.settings))?;
        log::add_to_linker(&mut linker)?;
        network::add_to_linker(&mut linker)?;
        let ticker = Ticker::start(engine.clone())?;
        Ok(Self {
            engine,
            linker,
            ticker,
            reactor: Reactor::start()?,
            cache,
        })
    }

    /// Compiles a component with that digest, or maps what was compiled before.
    pub(super) fn compile(&self, sha256: &str, bytes: &[u8]) -> wasmtime::Result<Component> {
        match &self.cache {
            Some(cache) => cache.component(&self.engine, sha256, bytes),
            // `from_binary`: text is not WebAssembly to us, whatever features wasmtime was built with.
            None => Component::from_binary(&self.engine, bytes),
        }
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
fn config() -> Config {
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
    pool.total_component_instances(POOLED_INSTANCES)
        .total_core_instances(POOLED_INSTANCES * 8)
        .total_memories(POOLED_INSTANCES * 2)
        .total_tables(POOLED_INSTANCES * 4)
        .total_stacks(POOLED_INSTANCES)
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
