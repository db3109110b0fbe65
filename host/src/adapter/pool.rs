//! The instances of one adapter: how many there may be, and which of them wait for work.
//!
//! Work goes to the instance that was used last; a new one is made only when every other is busy and there is still
//! a place. An instance leaves the pool with a job and its own thread brings it back, whatever became of the caller.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use tokio::sync::{oneshot, watch};

use super::AdapterError;
use super::idle::IdleInstances;
use super::instance::{self, GuestCall, Instance, Job, STEPS, Template};
use super::log::GuestLog;
use super::place::Places;
use super::usage::Usage;
use crate::store::{StoreError, StoreInfo, time_to_move};

/// How much longer than its deadline a call is waited for: long enough for its thread to say that it timed out itself.
const GRACE: Duration = Duration::from_secs(1);

/// The instances of one adapter.
#[derive(Debug)]
pub(super) struct InstancePool {
    template: Arc<Template>,
    places: Arc<Places>,
    idle: Arc<IdleInstances<Instance>>,
    threads: watch::Sender<()>,
}

impl InstancePool {
    pub(super) fn new(template: Template, instances: u16) -> Self {
        Self {
            template: Arc::new(template),
            places: Places::new(instances),
            idle: Arc::default(),
            threads: watch::Sender::new(()),
        }
    }

    /// Starts the first instance and asks what it is.
    pub(super) async fn start(&self) -> Result<StoreInfo, AdapterError> {
        let (job, answer) = instance::start();
        let told = self.answer(job, answer).await;
        told.map_err(|source| AdapterError::Open { place: None, source })?
    }

    /// Calls an export of whichever instance is free, or waits for one. `payload` bytes go with the call: it has more
    /// time for them.
    pub(super) async fn call<R, F>(&self, payload: usize, call: F) -> Result<R, StoreError>
    where
        R: Send + 'static,
        F: GuestCall<R> + Send + 'static,
    {
        let (job, answer) = instance::call(time_to_move(payload), call);
        self.answer(job, answer).await?
    }

    async fn answer<T>(&self, job: Job, answer: oneshot::Receiver<T>) -> Result<T, StoreError> {
        let patience = self.patience() + job.longer();
        let place = self.places.take(patience).await?;
        self.instance()?.order(job, place);
        match tokio::time::timeout(patience, answer).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(_gone)) => Err(StoreError::Trapped("its thread ended unexpectedly".to_owned())),
            Err(_elapsed) => Err(StoreError::Timeout(patience)),
        }
    }

    /// How long a call is waited for. A new instance starts and opens itself first. The thread keeps the time; this is
    /// for a thread that is itself stuck in a call of the operating system.
    fn patience(&self) -> Duration {
        self.template.timeout * STEPS + GRACE
    }

    /// An instance that waits, or a new one, unless instances crash one after the other.
    fn instance(&self) -> Result<Instance, StoreError> {
        // Before the look at the pool: if it is open then, closing waits for what is spawned now.
        let alive = self.threads.subscribe();
        if let Some(instance) = self.idle.take()? {
            return Ok(instance);
        }
        self.template.crashes().check(Instant::now())?;
        let spawned = Instance::spawn(self.template.clone(), self.idle.clone(), alive);
        spawned.map_err(|error: io::Error| StoreError::Unavailable(format!("no thread for another instance: {error}")))
    }

    pub(super) fn usage(&self) -> Usage {
        let Template { counters, grants, .. } = &*self.template;
        Usage {
            state: self.template.crashes().state(Instant::now()),
            // Each instance's thread holds one.
            instances: self.threads.receiver_count() as u64,
            started: counters.started.load(Relaxed),
            calls: counters.calls.load(Relaxed),
            failures: counters.failures.load(Relaxed),
            traps: counters.traps.load(Relaxed),
            timeouts: counters.timeouts.load(Relaxed),
            memory_peak: counters.memory_peak.load(Relaxed),
            refused: grants.log().refusals().total(),
            log_lines_dropped: grants.log().dropped(),
        }
    }

    /// The log that every instance writes to.
    pub(super) fn log(&self) -> &GuestLog {
        self.template.grants.log()
    }

    /// Lets calls under way finish, then ends every instance. A thread that hangs is left behind.
    pub(super) async fn close(&self) {
        self.end();
        if tokio::time::timeout(self.patience(), self.threads.closed())
            .await
            .is_err()
        {
            let (adapter, left) = (&self.template.name, self.threads.receiver_count());
            tracing::warn!(
                adapter,
                left,
                "closed without the instances that hang in a call of the system"
            );
        }
    }

    fn end(&self) {
        self.places.close();
        self.idle.close();
    }
}

impl Drop for InstancePool {
    /// Instances end by themselves; only [`InstancePool::close`] awaits it.
    fn drop(&mut self) {
        self.end();
    }
}
