//! Processes: one that follows, and one that runs an agent. Each does one thing after the other, as it is ordered.

use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use tokio::sync::{broadcast, mpsc, watch};

use crate::agent::recording::{Heard, record};
use crate::agent::{Leftovers, OnEvent};
use crate::block_on::block_on;
use crate::host::Host;
use crate::mirror::tests::simulation::conductor::Troupe;
use crate::mirror::{Event, Mirror};
use crate::spool::Spool;
use crate::watch::changes::Dirty;
use crate::watch::figures::Figures;
use crate::watch::follower::Follower;
use crate::watch::{Claimed, Watch, untold};

/// What the process that follows is to do.
pub(super) enum Order {
    LookAtAll {
        is_last: bool,
    },
    LookAtSome(Dirty),
    /// Takes up what killed runs left.
    PickUp(Leftovers),
}

/// What a process is made of.
pub(super) struct Base {
    pub(super) spool: Arc<Spool>,
    pub(super) mirror: Arc<Mirror>,
    pub(super) troupe: Troupe,
}

pub(super) struct Process<O> {
    pub(super) base: Base,
    pub(super) events: broadcast::Receiver<Event>,
    life: Pin<Box<dyn Future<Output = ()>>>,
    orders: mpsc::UnboundedSender<O>,
    done: Arc<AtomicU64>,
    has_ended: bool,
}

/// Where an agent writes.
#[derive(Clone)]
pub(super) struct Places {
    pub(super) state: PathBuf,
    pub(super) projects: PathBuf,
    /// A run said that it could not read what a file held before it.
    pub(super) lacks_history: Arc<AtomicBool>,
}

impl Places {
    /// Whether a run lives, or was killed and not picked up.
    pub(super) fn have_trails(&self) -> bool {
        let runs = std::fs::read_dir(self.state.join("agents"));
        let mut runs = runs.into_iter().flatten().map(|run| run.unwrap().path());
        runs.any(|run| run.is_dir())
    }
}

impl<O: Send + 'static> Process<O> {
    fn new(
        base: Base,
        life: impl FnOnce(Host, mpsc::UnboundedReceiver<O>, Arc<AtomicU64>) -> Pin<Box<dyn Future<Output = ()>>>,
    ) -> Self {
        let host = Host::of(base.spool.clone(), base.mirror.clone()).unwrap();
        let (orders, ordered) = mpsc::unbounded_channel();
        let done = Arc::new(AtomicU64::new(0));
        Self {
            events: base.mirror.events(),
            life: life(host, ordered, done.clone()),
            base,
            orders,
            done,
            has_ended: false,
        }
    }

    /// Has it do something, and returns once that is done. Nothing else happens meanwhile.
    pub(super) fn obey(&mut self, order: O) {
        // One that has ended by itself hears nothing any more.
        drop(self.orders.send(order));
        self.go_on();
    }

    fn go_on(&mut self) {
        let before = self.done.load(Ordering::Relaxed);
        let Self {
            life, done, has_ended, ..
        } = self;
        block_on(std::future::poll_fn(|context| {
            *has_ended = *has_ended || life.as_mut().poll(context).is_ready();
            match *has_ended || done.load(Ordering::Relaxed) > before {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }
        }));
    }

    pub(super) fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// It is no more, from one step to the next.
    pub(super) fn bury(self) -> broadcast::Receiver<Event> {
        let Self { base, events, life, .. } = self;
        base.troupe.kill();
        drop(life);
        drop(base.mirror);
        base.spool.close_blocking();
        events
    }
}

impl Process<Order> {
    /// One that follows; the receiver has its figures. Fails where it may not.
    pub(super) fn follow(base: Base, places: &Places) -> Result<(Self, watch::Receiver<Figures>), Base> {
        let wanted = Watch {
            projects: places.projects.clone(),
            state: places.state.clone(),
            from_now: false,
            only_by_clock: true,
            last_look: Duration::from_secs(3600),
        };
        let Ok(claimed) = wanted.claim() else { return Err(base) };
        let figures = claimed.figures();
        let process = Self::new(base, move |host, ordered, done| {
            Box::pin(follow(host, claimed, ordered, done))
        });
        Ok((process, figures))
    }
}

async fn follow(host: Host, claimed: Claimed, mut ordered: mpsc::UnboundedReceiver<Order>, done: Arc<AtomicU64>) {
    let (_stop, stop) = watch::channel(false);
    let mut follower = Follower::new(&host, claimed, stop, untold());
    while let Some(order) = ordered.recv().await {
        match order {
            Order::LookAtAll { is_last } => drop(follower.look_at_all(is_last).await),
            Order::LookAtSome(dirty) => follower.look_at_some(dirty).await,
            Order::PickUp(left) => drop(left.pick_up(&host, Duration::ZERO, &silent()).await),
        }
        done.fetch_add(1, Ordering::Relaxed);
    }
}

impl Process<Heard> {
    /// One that runs an agent in a folder: with frames where it knows its session, else from files.
    /// What runs left before it is picked up first, as far as it can be. One that cannot begin has ended.
    pub(super) fn run(base: Base, places: &Places, folder: &str, session: Option<String>, left: Leftovers) -> Self {
        let (places, folder) = (places.clone(), folder.to_owned());
        let mut process = Self::new(base, move |host, heard, done| {
            Box::pin(async move {
                left.pick_up(&host, Duration::ZERO, &silent()).await;
                run(host, places, folder, session, heard, done).await;
            })
        });
        process.go_on();
        process
    }
}

async fn run(
    host: Host,
    places: Places,
    folder: String,
    session: Option<String>,
    heard: mpsc::UnboundedReceiver<Heard>,
    done: Arc<AtomicU64>,
) {
    let Places {
        state,
        projects,
        lacks_history,
    } = &places;
    let at: (&Path, &Path, &str) = (state, projects, &folder);
    let is_done = || {
        done.fetch_add(1, Ordering::Relaxed);
    };
    let lacks_history = lacks_history.clone();
    let on_event: OnEvent = Arc::new(move |event| {
        if event.to_string().contains("held before this run") {
            lacks_history.store(true, Ordering::Relaxed);
        }
    });
    // A run whose trail cannot be written down does not begin.
    drop(record(&host, at, session.as_deref(), on_event, heard, is_done).await);
}

fn silent() -> OnEvent {
    Arc::new(|_| ())
}
