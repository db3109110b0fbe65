use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::runtime::{Builder, Handle};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

use super::HostError;

/// How long what blocks is waited for at the end.
const PATIENCE: Duration = Duration::from_secs(10);

/// Threads that are the host's own: a runtime that lives on one thread, so that nobody drops it where it must not be
/// dropped, and that works on two more.
#[derive(Debug)]
pub(super) struct Background {
    handle: Handle,
    stop: Mutex<Option<oneshot::Sender<()>>>,
    /// What is read for callers who do not come back for it ends here.
    is_ending: watch::Sender<bool>,
    ended: watch::Receiver<bool>,
}

impl Background {
    pub(super) fn start() -> Result<Self, HostError> {
        let (started, handle) = mpsc::sync_channel(1);
        let (stop, stopped) = oneshot::channel();
        let (end, ended) = watch::channel(false);
        thread::Builder::new().name("mirrorbox".to_owned()).spawn(move || {
            let runtime = Builder::new_multi_thread()
                .worker_threads(2)
                .thread_name("mirrorbox-worker")
                .enable_time()
                .build();
            match runtime {
                Ok(runtime) => {
                    let _ = started.send(Ok(runtime.handle().clone()));
                    // Told to stop, or forgotten.
                    let _ = runtime.block_on(stopped);
                    runtime.shutdown_timeout(PATIENCE);
                }
                Err(error) => drop(started.send(Err(error))),
            }
            end.send_replace(true);
        })?;
        let handle = handle.recv().map_err(|_gone| HostError::Closed)??;
        Ok(Self {
            handle,
            stop: Mutex::new(Some(stop)),
            is_ending: watch::Sender::new(false),
            ended,
        })
    }

    pub(super) fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Runs a future here, to its end, whether or not anybody waits for it.
    pub(super) fn run<T: Send + 'static, F: Future<Output = T> + Send + 'static>(
        &self,
        future: F,
    ) -> impl Future<Output = Result<T, HostError>> + Send + use<T, F> {
        ended(self.handle.spawn(future))
    }

    /// Runs a future that must stay on one thread.
    pub(super) fn run_local<T: Send + 'static, F: AsyncFnOnce() -> T + Send + 'static>(
        &self,
        work: F,
    ) -> impl Future<Output = Result<T, HostError>> + Send + use<T, F> {
        let handle = self.handle.clone();
        ended(self.handle.spawn_blocking(move || handle.block_on(work())))
    }

    /// Returns once the threads are about to end: nothing is to be begun, and no caller waited for.
    pub(super) fn ending(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut is_ending = self.is_ending.subscribe();
        async move { drop(is_ending.wait_for(|is_ending| *is_ending).await) }
    }

    /// Ends the threads and waits for it.
    pub(super) async fn end(&self) {
        self.is_ending.send_replace(true);
        drop(self.stop.lock().take());
        let mut ended = self.ended.clone();
        drop(ended.wait_for(|ended| *ended).await);
    }
}

async fn ended<T>(task: JoinHandle<T>) -> Result<T, HostError> {
    match task.await {
        Ok(value) => Ok(value),
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_ended) => Err(HostError::Closed),
        },
    }
}
