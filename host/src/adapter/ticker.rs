//! The clock that lets the host take a thread back from a guest.

use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use parking_lot::{Condvar, Mutex, MutexGuard};
use wasmtime::Engine;

/// How often a guest that computes without end is looked at.
const TICK: Duration = Duration::from_millis(10);

/// Advances the engine's epoch while calls are under way, and sleeps while none is: an idle host wakes nobody.
#[derive(Debug)]
pub(super) struct Ticker {
    shared: Arc<TickerShared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct TickerShared {
    state: Mutex<TickerState>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct TickerState {
    calls: usize,
    closed: bool,
}

/// A call is under way while this lives.
#[derive(Debug)]
pub(super) struct Ticking(Arc<TickerShared>);

impl Ticker {
    pub(super) fn start(engine: Engine) -> io::Result<Self> {
        let shared = Arc::new(TickerShared::default());
        let thread = thread::Builder::new().name("mirrorbox-ticker".into()).spawn({
            let shared = shared.clone();
            move || run(&shared, &engine)
        })?;
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    /// Ticks until the guard is dropped.
    pub(super) fn during_call(&self) -> Ticking {
        self.shared.lock().calls += 1;
        self.shared.changed.notify_one();
        Ticking(self.shared.clone())
    }
}

impl TickerShared {
    fn lock(&self) -> MutexGuard<'_, TickerState> {
        self.state.lock()
    }
}

impl Drop for Ticking {
    fn drop(&mut self) {
        self.0.lock().calls -= 1;
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.changed.notify_one();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the epoch ticker panicked");
        }
    }
}

fn run(shared: &TickerShared, engine: &Engine) {
    let mut state = shared.lock();
    while !state.closed {
        if state.calls == 0 {
            shared.changed.wait(&mut state);
        } else {
            shared.changed.wait_for(&mut state, TICK);
            engine.increment_epoch();
        }
    }
}
