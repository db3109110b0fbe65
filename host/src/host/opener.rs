//! Opens adapters, and again for as long as they cannot be opened, and whenever their files change.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use super::HostError;
use crate::adapter::{Adapter, AdapterError, Compiled, Runtime};
use crate::config::lock::Approvals;
use crate::config::{DestinationConfig, Manifest};
use crate::mirror::{DestinationOptions, Mirror};

/// How often it is looked whether the component or its manifest has changed.
const LOOK: Duration = Duration::from_secs(2);

/// The first pause after a failure that may pass by itself; then twice as long each time.
const FIRST: Duration = Duration::from_millis(200);
const LONGEST: Duration = Duration::from_secs(30);

/// The pause after a failure that cannot.
const PARKED: Duration = Duration::from_secs(300);

/// Adds every adapter as a destination, and has it opened in the background.
pub(super) fn open_all(
    mirror: &Arc<Mirror>,
    state: &Path,
    adapters: Vec<DestinationConfig>,
    approvals: Option<&Approvals>,
) -> Result<(), HostError> {
    if adapters.is_empty() {
        return Ok(());
    }
    let runtime = Runtime::shared(Some(&state.join("cache")))?;
    for config in adapters {
        let options = DestinationOptions {
            mirror: config.manifest.mirror.clone(),
            calls: config.manifest.instances.into(),
            // The adapter keeps its own time; this is for one that cannot.
            timeout: config.manifest.timeout * 2 + Duration::from_secs(5),
        };
        mirror
            .add_destination(&config.name, options)
            .map_err(HostError::Mirror)?;
        let opener = Opener {
            mirror: mirror.clone(),
            runtime: runtime.clone(),
            manifest: config.component.with_extension("toml"),
            config,
            approvals: approvals.cloned(),
            adapter: None,
            pause: FIRST,
        };
        mirror.spawn(opener.run());
    }
    Ok(())
}

/// One adapter.
struct Opener {
    mirror: Arc<Mirror>,
    runtime: Arc<Runtime>,
    config: DestinationConfig,
    manifest: PathBuf,
    approvals: Option<Approvals>,
    adapter: Option<Arc<Adapter>>,
    pause: Duration,
}

/// When files were last written, and how long they are: enough to see that they are others.
type Stamps = [Option<(SystemTime, u64)>; 3];

impl Opener {
    async fn run(mut self) {
        loop {
            let seen = self.stamps();
            let again = self.open().await;
            self.wait(seen, again).await;
        }
    }

    /// Opens it, and says when to try again; none once it is open.
    async fn open(&mut self) -> Option<Duration> {
        match self.load().await {
            Ok(adapter) => {
                self.mirror.opened(&self.config.name, adapter.clone());
                self.pause = FIRST;
                if let Some(old) = self.adapter.replace(adapter) {
                    old.close().await;
                }
                None
            }
            Err((cause, can_retry)) => {
                // The old one goes on where there is one.
                if self.adapter.is_none() {
                    self.mirror.not_opened(&self.config.name, cause, can_retry);
                } else {
                    tracing::warn!(destination = self.config.name, "a change is not taken over: {cause}");
                }
                let pause = self.pause;
                self.pause = (pause * 2).min(LONGEST);
                Some(if can_retry { pause } else { PARKED })
            }
        }
    }

    /// With what the manifest says now: secrets that it names are looked up anew.
    async fn load(&self) -> Result<Arc<Adapter>, (String, bool)> {
        let manifest = Manifest::load(&self.manifest).map_err(|error| (error.to_string(), false))?;
        let (name, component) = (&self.config.name, &self.config.component);
        let opened = async {
            let compiled = Compiled::load(&self.runtime, component, manifest.sha256.as_deref()).await?;
            match &self.approvals {
                Some(approvals) => Adapter::open_approved(&self.runtime, name, &compiled, &manifest, approvals).await,
                None => Adapter::open(&self.runtime, name, &compiled, &manifest).await,
            }
        };
        opened
            .await
            .map(Arc::new)
            .map_err(|error: AdapterError| (error.to_string(), error.can_retry()))
    }

    /// Until it is time to try again, or the files have changed.
    async fn wait(&self, seen: Stamps, again: Option<Duration>) {
        let over = again.map(|pause| Instant::now() + pause);
        loop {
            let left = over.map_or(LOOK, |over| over.saturating_duration_since(Instant::now()).min(LOOK));
            tokio::time::sleep(left).await;
            if over.is_some_and(|over| Instant::now() >= over) || self.have_changed(seen, again.is_some()) {
                return;
            }
        }
    }

    /// Approvals matter only to what is not open: others' are written all the time.
    fn have_changed(&self, seen: Stamps, is_waiting: bool) -> bool {
        let [component, manifest, approvals] = self.stamps();
        let [old_component, old_manifest, old_approvals] = seen;
        let files = component != old_component || manifest != old_manifest;
        files || is_waiting && approvals != old_approvals
    }

    fn stamps(&self) -> Stamps {
        let approvals = self.approvals.as_ref().map(Approvals::path);
        [Some(&self.config.component), Some(&self.manifest), approvals.as_ref()].map(|path| {
            let metadata = std::fs::metadata(path?).ok()?;
            Some((metadata.modified().ok()?, metadata.len()))
        })
    }
}
