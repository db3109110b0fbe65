//! Runs tasks one step at a time, in an order that a seed decides, on virtual time.
//!
//! Tokio's own scheduler will not do: it wakes those who wait for one `watch` in an order that no seed decides.

use std::collections::{BTreeMap, BTreeSet};
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::dice::Dice;

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Whose turn it is.
pub(crate) struct Conductor {
    dice: Dice,
    tasks: Mutex<BTreeMap<Id, Option<Task>>>,
    ready: Arc<Ready>,
}

/// The troupe, and the task's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Id(u64, u64);

#[derive(Default)]
struct Ready {
    ids: Mutex<BTreeSet<Id>>,
    waker: Mutex<Option<Waker>>,
}

/// Tasks that come and go together: a process's.
#[derive(Clone)]
pub(crate) struct Troupe {
    conductor: Arc<Conductor>,
    id: u64,
}

struct Bell {
    id: Id,
    ready: Arc<Ready>,
}

impl Conductor {
    pub(crate) fn new(dice: Dice) -> Arc<Self> {
        Arc::new(Self {
            dice,
            tasks: Mutex::default(),
            ready: Arc::default(),
        })
    }

    pub(crate) fn troupe(self: &Arc<Self>, id: u64) -> Troupe {
        let conductor = self.clone();
        Troupe { conductor, id }
    }

    /// Runs the main task, and all others as long as it lasts.
    pub(crate) async fn conduct<T>(&self, main: impl Future<Output = T>) -> T {
        let mut main = pin!(main);
        let turn = poll_fn(|context| {
            *self.ready.waker.lock().unwrap() = Some(context.waker().clone());
            if let Poll::Ready(done) = main.as_mut().poll(context) {
                return Poll::Ready(done);
            }
            while let Some(id) = self.next() {
                self.step(id);
            }
            Poll::Pending
        });
        tokio::task::unconstrained(turn).await
    }

    /// Drops every task of every troupe.
    pub(crate) fn dismiss(&self) {
        let tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        drop(tasks);
    }

    fn next(&self) -> Option<Id> {
        let mut ids = self.ready.ids.lock().unwrap();
        let id = *ids.iter().nth(self.dice.below(ids.len().max(1)))?;
        ids.remove(&id);
        Some(id)
    }

    fn step(&self, id: Id) {
        let Some(mut task) = self.tasks.lock().unwrap().get_mut(&id).and_then(Option::take) else {
            return;
        };
        let ready = self.ready.clone();
        let waker = Waker::from(Arc::new(Bell { id, ready }));
        let polled = task.as_mut().poll(&mut Context::from_waker(&waker));
        let mut tasks = self.tasks.lock().unwrap();
        match polled {
            Poll::Ready(()) => drop(tasks.remove(&id)),
            Poll::Pending => drop(tasks.get_mut(&id).map(|slot| slot.insert(task))),
        }
    }
}

impl Troupe {
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
        let (done, ended) = oneshot::channel::<()>();
        let task = async move {
            task.await;
            drop(done);
        };
        let mut tasks = self.conductor.tasks.lock().unwrap();
        let last = tasks.range(Id(self.id, 0)..Id(self.id + 1, 0)).next_back();
        let id = Id(self.id, last.map_or(0, |(id, _)| id.1 + 1));
        tasks.insert(id, Some(Box::pin(task)));
        drop(tasks);
        self.conductor.ready.wake(id);
        tokio::spawn(async move { drop(ended.await) })
    }

    /// Drops every task where it stands.
    pub(crate) fn kill(&self) {
        let mut tasks = self.conductor.tasks.lock().unwrap();
        let rest = tasks.split_off(&Id(self.id, 0));
        let (killed, others): (BTreeMap<_, _>, _) = rest.into_iter().partition(|(id, _)| id.0 == self.id);
        tasks.extend(others);
        drop(tasks);
        drop(killed);
    }
}

impl std::fmt::Debug for Troupe {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Troupe").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Ready {
    fn wake(&self, id: Id) {
        self.ids.lock().unwrap().insert(id);
        if let Some(waker) = &*self.waker.lock().unwrap() {
            waker.wake_by_ref();
        }
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.ready.wake(self.id);
    }
}
