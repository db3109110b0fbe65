//! The destinations of a configuration for commands that only read, opened side by side.

use std::sync::Arc;

use futures_util::future::join_all;

use crate::adapter::{Adapter, AdapterError, Compiled, Runtime, Usage};
use crate::config::lock::Approvals;
use crate::config::{Config, DestinationConfig};
use crate::store::Store;

/// Every destination of a configuration, opened as far as it could be: for a caller that only reads stored sessions.
/// Its calls need a tokio runtime with time around them.
///
/// ```no_run
/// use std::path::Path;
///
/// use mirrorbox::config::Config;
/// use mirrorbox::host::Destinations;
/// use mirrorbox::session;
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let config = Config::load(Path::new("/etc/mirrorbox"), Path::new("/var/lib/mirrorbox"))?;
/// let destinations = Destinations::open(&config).await?;
/// for destination in destinations.each() {
///     match destination.store() {
///         Ok(store) => println!("{}: {} sessions", destination.name(), session::list(store, None).await?.len()),
///         Err(error) => println!("{}: {error}", destination.name()),
///     }
/// }
/// destinations.close().await;
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Destinations {
    each: Vec<Destination>,
}

/// An adapter with its manifest.
#[derive(Debug)]
pub struct Destination {
    config: DestinationConfig,
    compiled: Option<Compiled>,
    adapter: Result<Arc<Adapter>, AdapterError>,
}

impl Destinations {
    /// Loads and opens every destination, side by side. One that cannot be opened does not stop the others:
    /// [`Destination::store`] says why. Fails only where the engine itself cannot be started.
    ///
    /// Compiled code is kept in `cache` under [`Config::state`].
    pub async fn open(config: &Config) -> Result<Self, AdapterError> {
        let cache = config.state.join("cache");
        let runtime = Runtime::shared(Some(&cache))?;
        let opening = config
            .destinations
            .iter()
            .map(|destination| Destination::open(&runtime, destination, config.approvals.as_ref()));
        Ok(Self {
            each: join_all(opening).await,
        })
    }

    /// The destinations, by name.
    pub fn each(&self) -> &[Destination] {
        &self.each
    }

    /// Lets calls under way finish and ends every adapter.
    pub async fn close(&self) {
        let adapters = self
            .each
            .iter()
            .filter_map(|destination| destination.adapter.as_ref().ok());
        join_all(adapters.map(|adapter| adapter.close())).await;
    }
}

impl Destination {
    async fn open(runtime: &Arc<Runtime>, config: &DestinationConfig, approvals: Option<&Approvals>) -> Self {
        let DestinationConfig { name, manifest, .. } = config;
        let compiled = Compiled::load(runtime, &config.component, manifest.sha256.as_deref()).await;
        let (compiled, adapter) = match (compiled, approvals) {
            (Err(error), _) => (None, Err(error)),
            (Ok(compiled), Some(approvals)) => {
                let adapter = Adapter::open_approved(runtime, name, &compiled, manifest, approvals).await;
                (Some(compiled), adapter)
            }
            (Ok(compiled), None) => {
                let adapter = Adapter::open(runtime, name, &compiled, manifest).await;
                (Some(compiled), adapter)
            }
        };
        if let Err(error) = &adapter {
            tracing::warn!(destination = name, "not opened: {error}");
        }
        Self {
            config: config.clone(),
            compiled,
            adapter: adapter.map(Arc::new),
        }
    }

    /// Its name: the file name of its component without `.wasm`.
    pub fn name(&self) -> &str {
        &self.config.name
    }

    /// Where its component lies and what its manifest says.
    pub fn config(&self) -> &DestinationConfig {
        &self.config
    }

    /// Its component, where that could be compiled and keeps the contract; it need not have been opened.
    pub fn component(&self) -> Option<&Compiled> {
        self.compiled.as_ref()
    }

    /// What its adapter has used, if it is open.
    pub fn usage(&self) -> Option<Usage> {
        self.adapter.as_ref().ok().map(|adapter| adapter.usage())
    }

    /// The store, or why it could not be opened.
    pub fn store(&self) -> Result<Arc<dyn Store>, &AdapterError> {
        match &self.adapter {
            Ok(adapter) => Ok(adapter.clone()),
            Err(error) => Err(error),
        }
    }

    /// Whether a project's transcripts come here ([`crate::config::MirrorSettings::takes`]).
    pub fn takes(&self, project_key: &str) -> bool {
        self.config.manifest.mirror.takes(project_key)
    }
}
