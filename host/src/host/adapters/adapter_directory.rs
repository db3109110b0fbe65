//! The adapter directory, what all of its names share, and how it is watched.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use parking_lot::Mutex;

use super::Board;
use crate::adapter::{AdapterError, Runtime};
use crate::config::Manifest;
use crate::config::grounds::Grounds;
use crate::config::lock::Approvals;
use crate::mirror::Mirror;

/// How the adapter directory is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watching {
    /// Whether to listen to the system's file events. Where there are none, looking from time to time is enough.
    pub events: bool,
    /// How often it is looked in any case; also at the files that manifests name.
    pub rescan: Duration,
    /// A name is looked into once its files have been the same for so long.
    pub quiet: Duration,
}

impl Default for Watching {
    /// With file events, looking every 2 seconds, quiet after 200 ms.
    fn default() -> Self {
        Self {
            events: true,
            rescan: Duration::from_secs(2),
            quiet: Duration::from_millis(200),
        }
    }
}

/// The adapter directory, and what all of its names share.
#[derive(Debug)]
pub(in crate::host) struct Directory {
    pub(in crate::host) dir: PathBuf,
    /// What adapters are granted, held against each other.
    pub(in crate::host) grounds: Mutex<Grounds>,
    /// What adapters are held against before they open.
    pub(in crate::host) approvals: Option<Approvals>,
    pub(in crate::host) state: PathBuf,
    pub(in crate::host) watching: Watching,
    /// Names that other destinations of the host have.
    pub(in crate::host) taken: BTreeSet<String>,
    pub(in crate::host) mirror: Arc<Mirror>,
    pub(in crate::host) board: Arc<Board>,
    pub(in crate::host) runtime: OnceLock<Arc<Runtime>>,
}

impl Directory {
    /// The engine: started for the first component, and kept.
    pub(super) fn runtime(&self) -> Result<Arc<Runtime>, AdapterError> {
        if let Some(runtime) = self.runtime.get() {
            return Ok(runtime.clone());
        }
        let runtime = Runtime::shared(Some(&self.state.join("cache")))?;
        Ok(self.runtime.get_or_init(|| runtime).clone())
    }

    /// Takes down what a name's manifest grants; the manifest is refused if that overlaps with what others have. Blocks
    /// for the disk.
    pub(super) fn claim(&self, name: &str, manifest: &mut Manifest) {
        let mut grounds = self.grounds.lock();
        grounds.claim(name, manifest);
        if let Some(overlap) = grounds.overlap(name) {
            manifest.refuse(overlap);
        }
    }

    /// Nothing is granted under a name any more.
    pub(super) fn release(&self, name: &str) {
        self.grounds.lock().release(name);
    }
}
