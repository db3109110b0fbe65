//! Storage adapters as WebAssembly components: compiled, checked against the contract, sandboxed, and used as a
//! [`Store`].
//!
//! | module | what |
//! | --- | --- |
//! | `engine` | one engine for the process; what a component can import |
//! | `component`, `code_cache` | a component's file: read, checked, compiled once, inspected |
//! | `compiler` | who compiles, and what that may cost |
//! | `contract` | which version of the contract it keeps, where it differs, and the bindings of each version |
//! | `guest`, `preopens`, `opening`, `open_count`, `writing`, `syncing` | what an instance may touch, open, write |
//! | `limits`, `log` | what it may use and say |
//! | `budget`, `reserve` | what all adapters of the process share, and how much of it one may have |
//! | `refusals`, `usage` | what it tried and may not, and what it used |
//! | `network` | where an instance may connect to, and the connections that are kept for it |
//! | `instance`, `pool`, `idle`, `place` | an instance on its thread; those of one adapter, and who may use one |
//! | `crash_loop`, `trap` | whether one that crashed gets another instance now; what a crash means |
//! | `wants`, `language` | what a component could make use of; which tools made it |
//! | `ticker` | the clock that stops a guest |
//!
//! What a broken or hostile component can cost: one instance at a time, the memory and time that its manifest
//! allows, and the bytes in the directories that its manifest grants. Never the host, never another adapter.

mod budget;
mod code_cache;
mod compiler;
mod component;
mod contract;
mod crash_loop;
mod engine;
mod error;
mod guest;
mod idle;
mod instance;
mod language;
mod limits;
mod log;
mod network;
mod open_count;
mod opening;
mod place;
mod pool;
mod preopens;
mod refusals;
mod reserve;
mod syncing;
mod ticker;
mod trap;
mod usage;
mod wants;
mod writing;

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::broadcast;

pub use compiler::{SlowCompile, compile_component};
pub(crate) use component::sha256;
pub use component::{Compiled, Inspection};
pub use contract::ContractError;
pub use crash_loop::InstanceState;
pub use engine::Runtime;
pub use error::AdapterError;
pub(crate) use instance::STEPS;
pub use language::Language;
pub use refusals::Refused;
pub use usage::Usage;
pub use wants::Wants;

use crate::config::lock::{Admission, Approvals};
use crate::config::network::Refusal;
use crate::config::{Manifest, Settings};
use crate::key::SessionKey;
use crate::store::{Batch, Page, Position, Store, StoreError, StoreInfo, StoredSession, Summary};
use contract::v0_1::bindings;
use guest::InstanceGrants;
use instance::Template;
use pool::InstancePool;

/// A component that was loaded and opened.
///
/// Calls go to a pool of instances, each on its own thread; a call waits while every instance is busy. They need a
/// tokio runtime with time enabled around them. Dropping an adapter lets its instances end by themselves;
/// [`Adapter::close`] awaits that.
#[derive(Debug)]
pub struct Adapter {
    info: StoreInfo,
    pool: InstancePool,
}

impl Adapter {
    /// Loads the component at `path` under the grants and limits of `manifest`, and opens it.
    ///
    /// Compiles on a blocking thread: seconds for a large component that is not in the code cache.
    pub async fn load(
        runtime: &Arc<Runtime>,
        name: &str,
        path: &Path,
        manifest: &Manifest,
    ) -> Result<Self, AdapterError> {
        // A secret that is missing is reported at once, and not after compiling.
        settings(manifest)?;
        let compiled = Compiled::load(runtime, path, manifest.sha256.as_deref()).await?;
        Self::open(runtime, name, &compiled, manifest).await
    }

    /// Opens a component that is compiled already, under the grants and limits of `manifest`. Secrets that it names are
    /// looked up now.
    pub async fn open(
        runtime: &Arc<Runtime>,
        name: &str,
        compiled: &Compiled,
        manifest: &Manifest,
    ) -> Result<Self, AdapterError> {
        Self::start(runtime, name, compiled, manifest, None).await
    }

    async fn start(
        runtime: &Arc<Runtime>,
        name: &str,
        compiled: &Compiled,
        manifest: &Manifest,
        approvals: Option<&Approvals>,
    ) -> Result<Self, AdapterError> {
        let preparing = {
            let (runtime, name, approvals) = (runtime.clone(), name.to_owned(), approvals.cloned());
            let (compiled, manifest) = (compiled.clone(), manifest.clone());
            tokio::task::spawn_blocking(move || prepare(runtime, &name, &compiled, manifest, approvals.as_ref()))
        };
        let stopped = |error: tokio::task::JoinError| AdapterError::Start(error.to_string());
        let (template, admission) = preparing.await.map_err(stopped)??;
        let pool = InstancePool::new(template, manifest.instances);
        match pool.start().await {
            Ok(info) => {
                if let Some(admission) = admission {
                    let recording = tokio::task::spawn_blocking(move || admission.record());
                    recording.await.map_err(stopped)?;
                }
                Ok(Self { info, pool })
            }
            Err(AdapterError::Open { source, .. }) => {
                pool.close().await;
                let place = manifest.place_of(&source.to_string());
                Err(AdapterError::Open { place, source })
            }
            Err(error) => {
                pool.close().await;
                Err(error)
            }
        }
    }

    /// [`Adapter::open`], if it may do no more than was approved under `name`. What is new is recorded before its first
    /// instance is made, so that it is trusted once; what was opened is recorded then.
    pub async fn open_approved(
        runtime: &Arc<Runtime>,
        name: &str,
        compiled: &Compiled,
        manifest: &Manifest,
        approvals: &Approvals,
    ) -> Result<Self, AdapterError> {
        Self::start(runtime, name, compiled, manifest, Some(approvals)).await
    }

    /// What it has used since it was opened.
    pub fn usage(&self) -> Usage {
        self.pool.usage()
    }

    /// What it tried and its manifest does not allow: each thing once, in the order in which it was first tried, 256 at
    /// most; [`Usage::refused`] counts all.
    ///
    /// Of files there is nothing to tell: what is not granted is not there for it.
    pub fn refusals(&self) -> Vec<Refused> {
        self.pool.log().refusals().each()
    }

    /// Receives each refusal from now on, once, when it is first tried. A listener that is 64 behind
    /// misses the oldest; [`Adapter::refusals`] has them.
    pub fn listen_refusals(&self) -> broadcast::Receiver<Refusal> {
        self.pool.log().refusals().listen()
    }

    /// Lets calls under way finish and ends every instance. Later calls fail as `Unavailable`.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

fn settings(manifest: &Manifest) -> Result<Settings, AdapterError> {
    Settings::resolve(&manifest.settings()).map_err(|message| AdapterError::Setting {
        place: manifest.place_of(&message),
        message,
    })
}

/// Everything that can be done before the first instance is made; blocks for files.
fn prepare(
    runtime: Arc<Runtime>,
    name: &str,
    compiled: &Compiled,
    mut manifest: Manifest,
    approvals: Option<&Approvals>,
) -> Result<(Template, Option<Admission>), AdapterError> {
    if let Some(overlap) = manifest.refusal() {
        return Err(AdapterError::Overlap(Box::new(overlap.clone())));
    }
    // What is approved is what is opened, whatever becomes of the paths meanwhile.
    drop(manifest.settle());
    let admission = approvals
        .map(|approvals| compiled.admit(name, &manifest, approvals))
        .transpose()?;
    let settings = settings(&manifest)?;
    let linked = runtime.linker().instantiate_pre(&compiled.component);
    let instance = linked.map_err(|error| AdapterError::Start(format!("{error:#}")))?;
    let share = runtime.budget().share(manifest.instances, compiled.parts())?;
    let grants = InstanceGrants::new(name, &manifest, Arc::new(settings), share, runtime.reactor())?;
    let template = Template::new(name, runtime, grants, manifest.timeout, instance, compiled.language())?;
    if let Some(admission) = &admission {
        admission.try_out()?;
    }
    Ok((template, admission))
}

/// Calls an export of a free instance. What the arguments borrow moves to the instance's thread. With `moving` and a
/// payload's size in bytes, the call has the more time for it that [`time_to_move`] says.
macro_rules! call {
    ($adapter:expr, $export:ident $(, $argument:expr)*) => {
        call!($adapter, moving 0, $export $(, $argument)*)
    };
    ($adapter:expr, moving $payload:expr, $export:ident $(, $argument:expr)*) => {
        $adapter.pool.call($payload, move |live| {
            Box::pin(async move {
                let exports = live.exports.mirrorbox_adapter_session_store();
                exports.$export(&mut live.store $(, $argument)*).await
            })
        })
    };
}

#[async_trait]
impl Store for Adapter {
    fn info(&self) -> StoreInfo {
        self.info.clone()
    }

    async fn append(&self, key: &SessionKey, batch: &Batch, summary: Option<&Summary>) -> Result<(), StoreError> {
        let (key, batch, summary) = (key.clone(), batch.clone(), summary.cloned());
        let digest = batch.digest.to_string();
        let payload = batch.payload.len();
        call!(
            self,
            moving payload,
            call_append,
            bindings::key(&key),
            bindings::batch(&batch, &digest),
            summary.as_ref().map(bindings::summary)
        )
        .await
    }

    async fn load(&self, key: &SessionKey, after: u64, max_bytes: u32) -> Result<Vec<Batch>, StoreError> {
        let key = key.clone();
        let batches = call!(self, call_load, bindings::key(&key), after, max_bytes).await?;
        batches.into_iter().map(bindings::to_batch).collect()
    }

    async fn end(&self, key: &SessionKey) -> Result<Option<Position>, StoreError> {
        let key = key.clone();
        let end = call!(self, call_end, bindings::key(&key)).await?;
        end.map(bindings::to_position).transpose()
    }

    async fn list_subkeys(
        &self,
        project_key: &str,
        session_id: &str,
        token: Option<&str>,
        limit: u32,
    ) -> Result<Page<String>, StoreError> {
        let (project, session, token) = (project_key.to_owned(), session_id.to_owned(), token.map(str::to_owned));
        let page = call!(self, call_list_subkeys, &project, &session, token.as_deref(), limit).await?;
        Ok(bindings::to_subkeys(page))
    }

    async fn list_projects(&self, token: Option<&str>, limit: u32) -> Result<Page<String>, StoreError> {
        let token = token.map(str::to_owned);
        let page = call!(self, call_list_projects, token.as_deref(), limit).await?;
        Ok(bindings::to_projects(page))
    }

    async fn list_sessions(
        &self,
        project_key: &str,
        token: Option<&str>,
        limit: u32,
    ) -> Result<Page<StoredSession>, StoreError> {
        let (project, token) = (project_key.to_owned(), token.map(str::to_owned));
        let page = call!(self, call_list_sessions, &project, token.as_deref(), limit).await?;
        Ok(bindings::to_sessions(page))
    }

    async fn find_session(&self, project_key: &str, session_id: &str) -> Result<Option<StoredSession>, StoreError> {
        let (project, session) = (project_key.to_owned(), session_id.to_owned());
        let found = call!(self, call_find_session, &project, &session).await?;
        Ok(found.map(bindings::to_session))
    }

    async fn delete(&self, key: &SessionKey, tombstone: &Batch) -> Result<(), StoreError> {
        let (key, tombstone) = (key.clone(), tombstone.clone());
        let digest = tombstone.digest.to_string();
        call!(
            self,
            call_delete,
            bindings::key(&key),
            bindings::batch(&tombstone, &digest)
        )
        .await
    }

    async fn compact(&self, key: &SessionKey, through: u64) -> Result<(), StoreError> {
        let key = key.clone();
        call!(self, call_compact, bindings::key(&key), through).await
    }
}
