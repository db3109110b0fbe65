use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::background::Background;
use super::{Core, Host, HostError};
use crate::block_on::block_on;
use crate::config::{Acknowledge, Config, Keep};
#[cfg(feature = "wasm")]
use crate::config::{DestinationConfig, lock::Approvals};
use crate::mirror::{DestinationOptions, Mirror};
use crate::spool::Spool;
use crate::store::Store;

/// What a host is to be made of.
#[derive(Debug)]
pub struct HostBuilder {
    state: PathBuf,
    acknowledge: Acknowledge,
    keep: Keep,
    stores: Vec<(String, Arc<dyn Store>, DestinationOptions)>,
    #[cfg(feature = "wasm")]
    adapters: Vec<DestinationConfig>,
    #[cfg(feature = "wasm")]
    approvals: Option<Approvals>,
}

impl HostBuilder {
    pub(super) fn new(state: &Path) -> Self {
        Self {
            state: state.to_owned(),
            acknowledge: Acknowledge::default(),
            keep: Keep::default(),
            stores: Vec::new(),
            #[cfg(feature = "wasm")]
            adapters: Vec::new(),
            #[cfg(feature = "wasm")]
            approvals: None,
        }
    }

    /// Takes over what a configuration directory says: its adapters, when to answer, how long to keep. The state
    /// directory stays the builder's.
    pub fn config(mut self, config: &Config) -> Self {
        self.acknowledge = config.acknowledge;
        self.keep = config.keep;
        #[cfg(feature = "wasm")]
        {
            self.adapters.extend(config.destinations.iter().cloned());
            self.approvals.clone_from(&config.approvals);
        }
        self
    }

    /// When an append is answered.
    pub fn acknowledge(mut self, acknowledge: Acknowledge) -> Self {
        self.acknowledge = acknowledge;
        self
    }

    /// How long the spool keeps what every destination has.
    pub fn keep(mut self, keep: Keep) -> Self {
        self.keep = keep;
        self
    }

    /// Adds a store written in Rust as a destination that takes everything.
    pub fn store(self, name: &str, store: Arc<dyn Store>) -> Self {
        self.store_with(name, store, DestinationOptions::default())
    }

    /// Adds a store written in Rust as a destination.
    pub fn store_with(mut self, name: &str, store: Arc<dyn Store>, options: DestinationOptions) -> Self {
        self.stores.push((name.to_owned(), store, options));
        self
    }

    /// Starts the host: its spool is open, what dead processes left is on its way, and destinations are being opened when
    /// this returns. One that cannot be opened stops nobody: it is an event, and tried again.
    pub async fn build(self) -> Result<Host, HostError> {
        let background = Background::start()?;
        let (handle, acknowledge) = (background.handle().clone(), self.acknowledge);
        let start = handle.spawn_blocking(move || self.start());
        let (spool, mirror) = start.await.map_err(|_ended| HostError::Closed)??;
        let core = Core {
            spool,
            mirror,
            acknowledge,
            background,
        };
        Ok(Host { core: Arc::new(core) })
    }

    /// [`HostBuilder::build`] for callers without async.
    pub fn build_blocking(self) -> Result<Host, HostError> {
        block_on(self.build())
    }

    /// Blocks for the disk; on the host's own runtime.
    fn start(self) -> Result<(Arc<Spool>, Arc<Mirror>), HostError> {
        self.check_names()?;
        let spool = Arc::new(Spool::open(&self.state)?);
        let mirror = Arc::new(Mirror::start(&self.state, self.keep)?);
        for (name, store, options) in self.stores {
            mirror.add_destination(&name, options).map_err(HostError::Mirror)?;
            mirror.opened(&name, store);
        }
        #[cfg(feature = "wasm")]
        super::opener::open_all(&mirror, &self.state, self.adapters, self.approvals.as_ref())?;
        let adoption = spool.adopt()?;
        for adopted in adoption.spools {
            mirror.adopt(adopted);
        }
        for refused in adoption.refused {
            tracing::warn!("a spool is left alone: {refused}");
        }
        mirror.follow(&spool);
        Ok((spool, mirror))
    }

    /// Names become directories' names.
    fn check_names(&self) -> Result<(), HostError> {
        let mut seen = BTreeSet::new();
        let stores = self.stores.iter().map(|(name, ..)| name.as_str());
        #[cfg(feature = "wasm")]
        let stores = stores.chain(self.adapters.iter().map(|adapter| adapter.name.as_str()));
        for name in stores {
            let is_plain = !name.is_empty() && name.len() <= 200 && !name.starts_with('.');
            if !is_plain || name.contains(['/', '\\', '\0']) || !seen.insert(name) {
                return Err(HostError::Name(name.to_owned()));
            }
        }
        Ok(())
    }
}
