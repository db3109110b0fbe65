//! The threads that write: any of them takes the stream that waits longest, so streams are synced side by side, and a
//! busy one waits for its turn like any other.

use std::collections::VecDeque;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

use parking_lot::{Condvar, Mutex, MutexGuard};
use tokio::sync::watch;

use super::append_queue::AppendQueue;

/// Syncs of different files at once; file systems join them.
const MOST_THREADS: usize = 32;

#[derive(Debug)]
pub(super) struct Pool {
    state: Mutex<PoolState>,
    changed: Condvar,
    threads: watch::Sender<usize>,
}

#[derive(Debug, Default)]
struct PoolState {
    ready: VecDeque<Arc<AppendQueue>>,
    idle: usize,
    threads: usize,
    closing: bool,
}

/// The pool takes nothing more.
#[derive(Debug)]
pub(super) struct Closing;

impl Pool {
    /// Starts with one thread; more come as they are needed.
    pub(super) fn start() -> io::Result<Arc<Self>> {
        let pool = Arc::new(Self {
            state: Mutex::default(),
            changed: Condvar::new(),
            threads: watch::Sender::new(0),
        });
        pool.add_thread(&mut pool.state())?;
        Ok(pool)
    }

    /// Has a lane worked at when its turn comes.
    pub(super) fn schedule(self: &Arc<Self>, lane: Arc<AppendQueue>) -> Result<(), Closing> {
        let mut state = self.state();
        if state.closing {
            return Err(Closing);
        }
        state.ready.push_back(lane);
        if state.ready.len() > state.idle && state.threads < MOST_THREADS {
            // Those that are there do it, then.
            let _ = self.add_thread(&mut state);
        }
        drop(state);
        self.changed.notify_one();
        Ok(())
    }

    /// Takes nothing more; the threads go once everything is done.
    pub(super) fn close(&self) {
        self.state().closing = true;
        self.changed.notify_all();
    }

    /// Whether it takes nothing more.
    pub(super) fn is_closing(&self) -> bool {
        self.state().closing
    }

    /// Returns once no thread is left.
    pub(super) async fn closed(&self) {
        let mut threads = self.threads.subscribe();
        // The sender is here.
        let _ = threads.wait_for(|threads| *threads == 0).await;
    }

    fn add_thread(self: &Arc<Self>, state: &mut PoolState) -> io::Result<()> {
        let pool = self.clone();
        // A thread that counts itself would be late: others look at the count.
        let spawned = thread::Builder::new()
            .name("spool".into())
            .spawn(move || Worker(pool).run());
        spawned.map(drop)?;
        state.threads += 1;
        self.threads.send_replace(state.threads);
        Ok(())
    }

    /// The lane that waits longest; none when the thread is to go.
    fn next(&self) -> Option<Arc<AppendQueue>> {
        let mut state = self.state();
        loop {
            if let Some(lane) = state.ready.pop_front() {
                return Some(lane);
            }
            if state.closing {
                return None;
            }
            state.idle += 1;
            self.changed.wait(&mut state);
            state.idle -= 1;
        }
    }

    fn state(&self) -> MutexGuard<'_, PoolState> {
        self.state.lock()
    }
}

/// A thread of the pool.
struct Worker(Arc<Pool>);

impl Worker {
    fn run(self) {
        let Self(pool) = &self;
        while let Some(lane) = pool.next() {
            // Else the lane would count as taken for ever, and all its later calls would wait. The panic was printed.
            let worked = catch_unwind(AssertUnwindSafe(|| lane.work()));
            if worked.unwrap_or_else(|_panic| lane.end_turn()) {
                pool.state().ready.push_back(lane);
                pool.changed.notify_one();
            }
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.threads -= 1;
        self.0.threads.send_replace(state.threads);
    }
}
