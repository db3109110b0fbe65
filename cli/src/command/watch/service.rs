//! Notifies systemd, if the environment asks for it (`NOTIFY_SOCKET`, `WATCHDOG_USEC`).

use std::convert::Infallible;
use std::future;
use std::sync::Once;
use std::time::Duration;

use mirrorbox::watch::Figures;
use tokio::sync::watch::Receiver;
use tokio::time::{MissedTickBehavior, interval};

/// How often the status line is looked at.
const STATUS: Duration = Duration::from_secs(5);

/// What can be said.
#[derive(Clone, Copy)]
enum Word<'a> {
    Ready,
    Alive,
    Stopping,
    Status(&'a str),
}

/// Talks to the one who started us.
#[derive(Debug)]
pub(super) struct Service {
    figures: Receiver<Figures>,
    /// How often it wants to hear that we live; none where it does not.
    watchdog: Option<Duration>,
    stopping: Once,
}

impl Service {
    pub(super) fn new(figures: Receiver<Figures>) -> Self {
        Self {
            figures,
            // As it is asked for: twice as often as needed.
            watchdog: watchdog().map(|most| most / 2).filter(|every| !every.is_zero()),
            stopping: Once::new(),
        }
    }

    /// Says when we are ready, how it goes, that we live, and that we are to stop. Never returns.
    ///
    /// It is polled by the task that follows the files: where that is stuck, nothing is said.
    pub(super) async fn tell(&self, stop: Receiver<bool>) {
        tokio::join!(
            self.say_when_ready(),
            self.say_how_it_goes(),
            self.keep_alive(),
            self.say_when_stopping(stop)
        );
    }

    /// Says that we live, as often as it is wanted. Never returns.
    pub(super) async fn keep_alive(&self) -> Infallible {
        let Some(every) = self.watchdog else {
            return future::pending().await;
        };
        let mut every = interval(every);
        every.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            every.tick().await;
            say(&[Word::Alive]);
        }
    }

    async fn say_when_stopping(&self, mut stop: Receiver<bool>) {
        if stop.wait_for(|stop| *stop).await.is_ok() {
            self.say_stopping();
        }
    }

    /// Says, once, that we stop: what follows the files may have ended before [`Self::tell`] looked again.
    pub(super) fn say_stopping(&self) {
        self.stopping
            .call_once(|| say(&[Word::Stopping, Word::Status("taking and delivering what is complete")]));
    }

    async fn say_when_ready(&self) {
        let mut figures = self.figures.clone();
        if figures.wait_for(|figures| figures.ready).await.is_ok() {
            say(&[Word::Ready, Word::Status(&line(&self.figures.borrow()))]);
        }
    }

    async fn say_how_it_goes(&self) {
        let mut every = interval(STATUS);
        let mut said = String::new();
        loop {
            every.tick().await;
            let line = line(&self.figures.borrow());
            if line != said {
                say(&[Word::Status(&line)]);
                said = line;
            }
        }
    }
}

fn line(figures: &Figures) -> String {
    let Figures {
        ready,
        transcripts,
        entries,
        waits,
        ..
    } = figures;
    let what = if *ready { "following" } else { "looking through" };
    format!("{what} {transcripts} transcripts, {waits} of them waiting; {entries} entries taken")
}

/// How long it waits to hear that we live, if it does.
#[cfg(unix)]
fn watchdog() -> Option<Duration> {
    sd_notify::watchdog_enabled()
}

#[cfg(unix)]
fn say(words: &[Word<'_>]) {
    use sd_notify::NotifyState;
    let words = words.iter().map(|word| match *word {
        Word::Ready => NotifyState::Ready,
        Word::Alive => NotifyState::Watchdog,
        Word::Stopping => NotifyState::Stopping,
        Word::Status(line) => NotifyState::Status(line),
    });
    if let Err(error) = sd_notify::notify(&words.collect::<Vec<_>>()) {
        tracing::warn!("systemd cannot be told how it goes: {error}");
    }
}

/// Elsewhere nobody listens.
#[cfg(not(unix))]
fn watchdog() -> Option<Duration> {
    None
}

#[cfg(not(unix))]
fn say(_: &[Word<'_>]) {}
