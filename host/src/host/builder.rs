//! Builds a `Host`: its state directory, its destinations, and the adapter directory that it watches.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
#[cfg(feature = "wasm")]
use std::sync::OnceLock;

use tokio::sync::broadcast;

use super::background::Background;
use super::{AdapterEvent, Core, Host, HostError};
#[cfg(feature = "wasm")]
use super::{Watching, adapters};
use crate::block_on::block_on;
use crate::config::directory::is_destination_name;
#[cfg(feature = "wasm")]
use crate::config::{ADAPTERS, grounds::Grounds, lock::Approvals};
use crate::config::{Acknowledge, Config, Keep};
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
    config_dir: Option<PathBuf>,
    #[cfg(feature = "wasm")]
    approvals: Option<Approvals>,
    #[cfg(feature = "wasm")]
    watching: Watching,
}

/// How many events of adapters a slow listener may fall behind before it gets the number of those it missed.
const BACKLOG: usize = 1024;

impl HostBuilder {
    pub(super) fn new(state: &Path) -> Self {
        Self {
            state: state.to_owned(),
            acknowledge: Acknowledge::default(),
            keep: Keep::default(),
            stores: Vec::new(),
            #[cfg(feature = "wasm")]
            config_dir: None,
            #[cfg(feature = "wasm")]
            approvals: None,
            #[cfg(feature = "wasm")]
            watching: Watching::default(),
        }
    }

    /// Takes over what a configuration directory says: when to answer, how long to keep, and its adapter directory,
    /// which the host looks at itself from then on: adapters come and go while it runs. The state directory stays the
    /// builder's.
    pub fn config(mut self, config: &Config) -> Self {
        self.acknowledge = config.acknowledge;
        self.keep = config.keep;
        #[cfg(feature = "wasm")]
        {
            self.config_dir = Some(config.dir.clone());
            self.approvals.clone_from(&config.approvals);
        }
        self
    }

    /// How the adapter directory is watched.
    #[cfg(feature = "wasm")]
    pub fn watching(mut self, watching: Watching) -> Self {
        self.watching = watching;
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

    /// Starts the host: its spool is open, what dead processes left is being opened, and destinations are, too, when
    /// this returns. One that cannot be opened stops nobody: it is an event, and tried again.
    pub async fn build(self) -> Result<Host, HostError> {
        let background = Background::start()?;
        let (handle, acknowledge) = (background.handle().clone(), self.acknowledge);
        let state = self.state.clone();
        let adapter_events = broadcast::Sender::new(BACKLOG);
        let start = {
            let adapter_events = adapter_events.clone();
            handle.spawn_blocking(move || self.start(adapter_events))
        };
        let Started {
            spool,
            mirror,
            #[cfg(feature = "wasm")]
            adapters,
        } = start.await.map_err(|_ended| HostError::Closed)??;
        let core = Core {
            state,
            spool,
            mirror,
            acknowledge,
            background,
            adapter_events,
            #[cfg(feature = "wasm")]
            adapters,
        };
        Ok(Host { core: Arc::new(core) })
    }

    /// [`HostBuilder::build`] for callers without async.
    pub fn build_blocking(self) -> Result<Host, HostError> {
        block_on(self.build())
    }

    /// Blocks for the disk; on the host's own runtime.
    fn start(self, adapter_events: broadcast::Sender<AdapterEvent>) -> Result<Started, HostError> {
        self.check_names()?;
        let spool = Arc::new(Spool::open(&self.state)?);
        let mirror = Arc::new(Mirror::start(&self.state, self.keep)?);
        mirror.begin_adopting();
        for (name, store, options) in &self.stores {
            mirror
                .add_destination(name, options.clone())
                .map_err(HostError::Mirror)?;
            mirror.opened(name, store.clone());
        }
        #[cfg(feature = "wasm")]
        let adapters = self.watch_adapters(&mirror, adapter_events)?;
        #[cfg(not(feature = "wasm"))]
        drop(adapter_events);
        mirror.keep_adopting(&spool)?;
        mirror.follow(&spool);
        Ok(Started {
            spool,
            mirror,
            #[cfg(feature = "wasm")]
            adapters,
        })
    }

    #[cfg(feature = "wasm")]
    fn watch_adapters(
        self,
        mirror: &Arc<Mirror>,
        events: broadcast::Sender<AdapterEvent>,
    ) -> Result<Arc<adapters::Board>, HostError> {
        let board = Arc::new(adapters::Board::new(events));
        if let Some(config) = self.config_dir {
            adapters::watch(adapters::Directory {
                dir: config.join(ADAPTERS),
                grounds: parking_lot::Mutex::new(Grounds::of_host(&config, &self.state)),
                approvals: self.approvals,
                state: self.state,
                watching: self.watching,
                taken: self.stores.into_iter().map(|(name, ..)| name).collect(),
                mirror: mirror.clone(),
                board: board.clone(),
                runtime: OnceLock::new(),
            })?;
        }
        Ok(board)
    }

    /// Names become directories' names.
    fn check_names(&self) -> Result<(), HostError> {
        let mut seen = BTreeSet::new();
        for (name, ..) in &self.stores {
            if !is_destination_name(name) || !seen.insert(name) {
                return Err(HostError::Name(name.clone()));
            }
        }
        Ok(())
    }
}

/// What a host is made of.
struct Started {
    spool: Arc<Spool>,
    mirror: Arc<Mirror>,
    #[cfg(feature = "wasm")]
    adapters: Arc<adapters::Board>,
}
