//! One instance of a component, on a thread of its own.
//!
//! The thread owns the store: nobody else can touch it, and nobody can drop a call halfway, which would poison it. A
//! caller hands a job over and awaits the answer; a caller that goes away leaves the job running to its end or its
//! deadline. Whatever leaves an instance in doubt (a trap, a deadline) ends it, and the next call gets a fresh one.

use std::fmt;
use std::io;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use futures_util::future::LocalBoxFuture;
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::oneshot;
use wasmtime::component::InstancePre;
use wasmtime::{PoolConcurrencyLimitError, Store, Trap, UpdateDeadline};

use super::bindings::{self, Exports, ExportsPre, wit};
use super::crash_loop::{CrashLoop, FatalEnd};
use super::guest::{Guest, InstanceGrants};
use super::idle::{Alive, IdleInstances};
use super::limits::{RETIRE_ABOVE, RETIRE_AFTER};
use super::network::LOOKUPS;
use super::place::JobPlace;
use super::usage::UsageCounters;
use super::{AdapterError, Language, Runtime, trap};
use crate::store::{StoreError, StoreInfo};

/// What wasmtime says where a guest hands over too much; there is no type to tell it by.
const TOO_MUCH: &str = "fuel allocated for hostcalls has been exhausted";

/// What every instance of one adapter is made from.
pub(super) struct Template {
    pub(super) name: String,
    pub(super) runtime: Arc<Runtime>,
    pub(super) grants: InstanceGrants,
    pub(super) timeout: Duration,
    pub(super) counters: UsageCounters,
    crashes: Mutex<CrashLoop>,
    exports: ExportsPre<Guest>,
    language: Language,
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Template")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Template {
    pub(super) fn new(
        name: &str,
        runtime: Arc<Runtime>,
        grants: InstanceGrants,
        timeout: Duration,
        instance: InstancePre<Guest>,
        language: Language,
    ) -> Result<Self, AdapterError> {
        let exports = ExportsPre::new(instance).map_err(|error| AdapterError::Start(format!("{error:#}")))?;
        Ok(Self {
            name: name.to_owned(),
            runtime,
            grants,
            timeout,
            counters: UsageCounters::default(),
            crashes: Mutex::default(),
            exports,
            language,
        })
    }

    pub(super) fn crashes(&self) -> MutexGuard<'_, CrashLoop> {
        self.crashes.lock()
    }

    /// An instance is not to be used any more.
    fn broke(&self, end: FatalEnd, error: &StoreError) {
        self.counters.broke(error);
        // Else most of what is asked of it would never reach it.
        if self.grants.is_examined() {
            return;
        }
        let pause = self.crashes().failed(Instant::now(), end, error.to_string());
        if let Some(pause) = pause {
            tracing::warn!(adapter = self.name, ?pause, "no fresh instance for a while: {error}");
        }
    }
}

/// What a job may use.
pub(super) struct Live {
    pub(super) store: Store<Guest>,
    pub(super) exports: Exports,
    info: StoreInfo,
    calls: u32,
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Live")
            .field("calls", &self.calls)
            .finish_non_exhaustive()
    }
}

impl Live {
    /// A new instance, opened.
    async fn start(template: &Template) -> Result<Self, AdapterError> {
        template.counters.started.fetch_add(1, Relaxed);
        let deadline = Instant::now() + template.timeout;
        let mut store = Store::new(template.runtime.engine(), template.grants.guest(deadline));
        store.limiter(|guest| &mut guest.limits);
        store.set_hostcall_fuel(template.grants.returns());
        // A guest that computes gives the thread back at every tick, and is stopped at its deadline.
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(|store| {
            Ok(match Instant::now() < store.data().deadline {
                true => UpdateDeadline::Yield(1),
                false => UpdateDeadline::Interrupt,
            })
        });
        let exports = instantiate(template, &mut store).await?;
        let mut live = Self {
            store,
            exports,
            info: StoreInfo::default(),
            calls: 0,
        };
        let opened = live.call(template, Duration::ZERO, |live| {
            Box::pin(
                live.exports
                    .mirrorbox_adapter_session_store()
                    .call_open(&mut live.store),
            )
        });
        match opened.await {
            Ok(info) => live.info = bindings::to_info(info, |text| template.grants.translate(&text)),
            Err(CallFailure::Said(source)) => return Err(AdapterError::Open { place: None, source }),
            Err(CallFailure::Broken(end, source)) => {
                template.broke(end, &source);
                return Err(AdapterError::Open { place: None, source });
            }
        }
        Ok(live)
    }

    /// Runs one call of the guest, until its deadline at most: so much `longer` than others may take.
    async fn call<R>(
        &mut self,
        template: &Template,
        longer: Duration,
        call: impl GuestCall<R>,
    ) -> Result<R, CallFailure> {
        self.calls += 1;
        let patience = template.timeout + longer;
        let deadline = Instant::now() + patience;
        self.store.data_mut().deadline = deadline;
        let _ticking = template.runtime.ticker().during_call();
        // Epochs never fire while the guest waits for the host: the timer does.
        let ended = tokio::time::timeout_at(deadline.into(), call(self)).await;
        let (opened, table) = self.store.data_mut().opened();
        opened.recount(table);
        let memory = self.store.data().limits.used() as u64;
        template.counters.memory_peak.fetch_max(memory, Relaxed);
        match ended {
            Ok(Ok(Ok(result))) => Ok(result),
            Ok(Ok(Err(error))) => {
                let translate = |text: String| template.grants.translate(&text);
                Err(CallFailure::Said(bindings::to_error(error, translate)))
            }
            Ok(Err(error)) => {
                let error = self.broken(template, patience, &error);
                let end = match error {
                    StoreError::Unavailable(_) => FatalEnd::Waited,
                    _ => FatalEnd::Crashed,
                };
                Err(CallFailure::Broken(end, error))
            }
            Err(_elapsed) => Err(CallFailure::Broken(FatalEnd::Waited, StoreError::Timeout(patience))),
        }
    }

    fn broken(&mut self, template: &Template, patience: Duration, error: &wasmtime::Error) -> StoreError {
        if error.downcast_ref::<Trap>() == Some(&Trap::Interrupt) {
            return StoreError::Timeout(patience);
        }
        if let Some(full) = error.downcast_ref::<PoolConcurrencyLimitError>() {
            return StoreError::Unavailable(format!("the process has no room for its call now: {full}"));
        }
        tracing::debug!(adapter = template.name, "trap: {error:?}");
        let cause = error.root_cause().to_string();
        let cause = template.grants.translate(&cause);
        StoreError::Trapped(if self.store.data_mut().limits.take_refusal() {
            format!(
                "{cause}; it had asked for more memory than its manifest allows (memory = {} bytes)",
                template.grants.memory()
            )
        } else if cause.contains(TOO_MUCH) {
            format!(
                "it handed over more in one call than its manifest allows (returns = {} bytes)",
                template.grants.returns()
            )
        } else {
            match trap::explained(error, template.language) {
                Some(meaning) => format!("{cause}; {meaning}"),
                None => cause,
            }
        })
    }

    /// One that has grown or served enough makes place for a fresh one.
    fn fate(&self) -> Fate {
        match self.calls >= RETIRE_AFTER || self.store.data().limits.used() > RETIRE_ABOVE {
            true => Fate::Retire,
            false => Fate::Keep,
        }
    }
}

async fn instantiate(template: &Template, store: &mut Store<Guest>) -> Result<Exports, AdapterError> {
    let _ticking = template.runtime.ticker().during_call();
    let started = tokio::time::timeout(template.timeout, template.exports.instantiate_async(store)).await;
    let cause = match started {
        Ok(Ok(exports)) => return Ok(exports),
        // Nobody's fault: what was set aside for the adapter is not what it took.
        Ok(Err(error)) if error.is::<PoolConcurrencyLimitError>() => {
            return Err(AdapterError::NoRoom {
                reason: error.to_string(),
                left: Some(0),
            });
        }
        Ok(Err(error)) => {
            let cause = error.root_cause().to_string();
            trap::explained(&error, template.language).map_or(cause.clone(), |meaning| format!("{cause}; {meaning}"))
        }
        Err(_elapsed) => format!("it did not start within {:?}", template.timeout),
    };
    template.broke(FatalEnd::Crashed, &StoreError::Trapped(cause.clone()));
    Err(AdapterError::Start(cause))
}

/// Why a call gave no result.
enum CallFailure {
    /// The guest said so: it is well.
    Said(StoreError),
    /// The guest is not to be used again.
    Broken(FatalEnd, StoreError),
}

/// What a guest's export gives: a trap, or the contract's result.
pub(super) type Returned<R> = wasmtime::Result<Result<R, wit::Error>>;

/// A call of a guest's export.
pub(super) trait GuestCall<R>: for<'a> FnOnce(&'a mut Live) -> LocalBoxFuture<'a, Returned<R>> {}

impl<R, F> GuestCall<R> for F where F: for<'a> FnOnce(&'a mut Live) -> LocalBoxFuture<'a, Returned<R>> {}

/// What an instance's thread is asked to do.
pub(super) struct Job {
    work: JobWork,
    longer: Duration,
}

type JobWork = Box<dyn for<'a> FnOnce(Started<'a>) -> LocalBoxFuture<'a, Finished> + Send>;

impl Job {
    /// How much more time than others it has.
    pub(super) fn longer(&self) -> Duration {
        self.longer
    }
}

/// Starting an instance, its own opening and the call: as often as its time a call takes at most, its payload aside.
pub(crate) const STEPS: u32 = 3;

/// What instances are made from, and the instance for a job, or why it did not start.
pub(super) type Started<'a> = (&'a Template, Result<&'a mut Live, AdapterError>);

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job")
            .field("longer", &self.longer)
            .finish_non_exhaustive()
    }
}

/// A job that is done: what becomes of the instance, and the answer that is then given.
pub(super) struct Finished {
    fate: Fate,
    answer: Box<dyn FnOnce() + Send>,
}

/// What becomes of an instance after a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Keep,
    Retire,
}

/// Wraps work up as a job, and gives the place where its answer will be.
fn job<T, F>(longer: Duration, work: F) -> (Job, oneshot::Receiver<T>)
where
    T: Send + 'static,
    F: for<'a> FnOnce(Started<'a>) -> LocalBoxFuture<'a, (Fate, T)> + Send + 'static,
{
    let (sender, receiver) = oneshot::channel();
    let work: JobWork = Box::new(move |started| {
        Box::pin(async move {
            let (fate, answer) = work(started).await;
            // Nobody waits for it any more where the caller was dropped.
            let answer = Box::new(move || drop(sender.send(answer)));
            Finished { fate, answer }
        })
    });
    (Job { work, longer }, receiver)
}

/// Starts an instance and asks what it is.
pub(super) fn start() -> (Job, oneshot::Receiver<Result<StoreInfo, AdapterError>>) {
    job(Duration::ZERO, |started| {
        Box::pin(async move {
            match started.1 {
                Ok(live) => (Fate::Keep, Ok(live.info.clone())),
                Err(error) => (Fate::Retire, Err(error)),
            }
        })
    })
}

/// Calls an export of an instance, which may take so much `longer` than the manifest says.
pub(super) fn call<R, F>(longer: Duration, call: F) -> (Job, oneshot::Receiver<Result<R, StoreError>>)
where
    R: Send + 'static,
    F: GuestCall<R> + Send + 'static,
{
    job(longer, move |started| {
        Box::pin(async move {
            let (template, live) = started;
            template.counters.calls.fetch_add(1, Relaxed);
            let (fate, answer) = match live {
                Ok(live) => answer(template, live, longer, call).await,
                Err(error) => (Fate::Retire, Err(error.into_store_error())),
            };
            template.counters.ended(&answer);
            (fate, answer)
        })
    })
}

/// Makes a call; returns whether the instance is to be used again, and the caller's result.
async fn answer<R>(
    template: &Template,
    live: &mut Live,
    longer: Duration,
    call: impl GuestCall<R>,
) -> (Fate, Result<R, StoreError>) {
    let answer = match live.call(template, longer, call).await {
        Ok(result) => Ok(result),
        Err(CallFailure::Said(error)) => Err(error),
        Err(CallFailure::Broken(end, error)) => {
            template.broke(end, &error);
            return (Fate::Retire, Err(error));
        }
    };
    template.crashes().answered();
    (live.fate(), answer)
}

/// The way to an instance's thread, which makes the instance with its first job.
#[derive(Debug)]
pub(super) struct Instance {
    jobs: mpsc::Sender<Order>,
}

/// A job with what comes back to the pool after it.
struct Order {
    job: Job,
    /// Lets this thread, and nobody else, give the instance back.
    instance: Instance,
    /// One of the pool's places; free again when this is dropped.
    place: JobPlace,
}

impl Instance {
    /// A thread that makes its instance with the first job. `alive` is dropped when it ends.
    pub(super) fn spawn(template: Arc<Template>, idle: Arc<IdleInstances<Instance>>, alive: Alive) -> io::Result<Self> {
        let (jobs, orders) = mpsc::channel();
        let reactor = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            // Nothing else waits on a thread of its own: file calls block this one.
            .max_blocking_threads(LOOKUPS)
            .build()?;
        thread::Builder::new()
            .name(format!("adapter-{}", template.name))
            .spawn(move || {
                reactor.block_on(serve(&template, &idle, &orders));
                // In this order: a caller that waits for the end finds nothing of it left. What still waits for the
                // system on a thread of its own, a name that is looked up, say, is not waited for.
                drop(orders);
                reactor.shutdown_background();
                drop((template, idle, alive));
            })?;
        Ok(Self { jobs })
    }

    /// Hands a job over. The answer says whether it was done; a thread that is gone answers nothing.
    pub(super) fn order(self, job: Job, place: JobPlace) {
        let jobs = self.jobs.clone();
        let order = Order {
            job,
            instance: self,
            place,
        };
        if jobs.send(order).is_err() {
            tracing::error!("the thread of an adapter's instance is gone");
        }
    }
}

/// Does one job after the other, until the instance is retired or nobody can send another.
async fn serve(template: &Template, idle: &IdleInstances<Instance>, orders: &mpsc::Receiver<Order>) {
    let mut live = None;
    // Nothing else runs on this thread: waiting here blocks nobody.
    while let Ok(Order { job, instance, place }) = orders.recv() {
        let Finished { fate, answer } = (job.work)(started(template, &mut live).await).await;
        // It hung for so long that another has its place.
        if fate == Fate::Retire || place.is_lost() {
            drop((live, instance, place));
            answer();
            return;
        }
        // Back in the pool before the answer is given: who calls again at once finds it.
        idle.put(instance);
        drop(place);
        answer();
    }
}

async fn started<'a>(template: &'a Template, live: &'a mut Option<Live>) -> Started<'a> {
    let live = match live {
        Some(live) => Ok(live),
        empty => Live::start(template).await.map(|live| empty.insert(live)),
    };
    (template, live)
}
