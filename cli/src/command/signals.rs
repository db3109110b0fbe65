use std::future;
use std::time::Duration;

use tokio::sync::watch;

use crate::error::CliError;
use crate::output::say;

/// How often we were told to stop. The first time what is under way may end well; the second time nobody waits for
/// anything.
#[derive(Debug)]
pub(super) struct Signals {
    stop: watch::Receiver<bool>,
    at_once: watch::Receiver<bool>,
}

impl Signals {
    /// Listens from now on, and says what is done the first time. A limit counts as that.
    pub(super) fn start(limit: Option<Duration>, what: &'static str) -> Result<Self, CliError> {
        let mut told = Told::listen()?;
        let (stop, is_to_stop) = watch::channel(false);
        let (at_once, is_to_leave) = watch::channel(false);
        tokio::spawn(async move {
            tokio::select! {
                () = told.next() => say(format_args!("stopping: {what}; once more leaves at once")),
                () = after(limit) => say(format_args!("the time is over: {what}")),
            }
            stop.send_replace(true);
            told.next().await;
            at_once.send_replace(true);
            // Kept: a channel that closes would say nothing.
            future::pending::<()>().await;
        });
        Ok(Self {
            stop: is_to_stop,
            at_once: is_to_leave,
        })
    }

    /// True once the agent is to stop.
    pub(super) fn stop(&self) -> watch::Receiver<bool> {
        self.stop.clone()
    }

    /// Returns when nobody is to wait any longer.
    pub(super) async fn at_once(&self) {
        let mut at_once = self.at_once.clone();
        if at_once.wait_for(|at_once| *at_once).await.is_err() {
            future::pending().await
        }
    }
}

async fn after(limit: Option<Duration>) {
    match limit {
        Some(limit) => tokio::time::sleep(limit).await,
        None => future::pending().await,
    }
}

/// The signals that ask a process to stop.
#[cfg(unix)]
struct Told {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Told {
    fn listen() -> Result<Self, CliError> {
        use tokio::signal::unix::{SignalKind, signal};
        let failed = |error| CliError::failed(format!("cannot listen for signals: {error}"));
        Ok(Self {
            terminate: signal(SignalKind::terminate()).map_err(failed)?,
            interrupt: signal(SignalKind::interrupt()).map_err(failed)?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

#[cfg(not(unix))]
struct Told;

#[cfg(not(unix))]
impl Told {
    fn listen() -> Result<Self, CliError> {
        Ok(Self)
    }

    async fn next(&mut self) {
        // Without a handler no signal arrives.
        if tokio::signal::ctrl_c().await.is_err() {
            future::pending().await
        }
    }
}
