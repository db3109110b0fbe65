//! Calls of stores that are written in Python, on their way to the thread that these run on. The host's own threads
//! never wait for the interpreter: they leave a call in a queue and wake who reads it.

use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use mirrorbox::store::{Capabilities, Store, StoreInfo};
use mirrorbox_bindings::{Call, Carrier, Class, Failure, Foreign, conformance, time};
use parking_lot::Mutex;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::failure::raised;
use crate::owned::Owned;

/// What a store written in Python is, as it is passed: its name as a destination, its number, its kind, its version,
/// and whether it lists, deletes and compacts.
pub(crate) type Described = (String, u32, String, String, bool, bool, bool);

/// What waits for the thread of the stores.
#[derive(Debug, Default)]
struct Waiting {
    calls: Vec<Call>,
    given_up: Vec<u64>,
    is_over: bool,
}

#[derive(Debug)]
struct Queue {
    waiting: Mutex<Waiting>,
    /// A byte here wakes the thread.
    wake: UnixStream,
}

impl Queue {
    fn add(&self, add: impl FnOnce(&mut Waiting)) {
        let mut waiting = self.waiting.lock();
        // Else it is dropped, and the caller gets to know that nobody answers.
        if !waiting.is_over {
            add(&mut waiting);
            // Where there is no room for a byte, there is one already.
            let _ = (&self.wake).write(&[1]);
        }
    }
}

impl Carrier for Queue {
    fn ask(&self, call: Call) {
        self.add(|waiting| waiting.calls.push(call));
    }

    fn give_up(&self, number: u64) {
        self.add(|waiting| waiting.given_up.push(number));
    }
}

/// Calls for the thread that stores written in Python run on.
#[pyclass(frozen, module = "mirrorbox._native")]
pub(crate) struct NativeCalls {
    queue: Owned<Arc<Queue>>,
    woken: Owned<UnixStream>,
}

impl NativeCalls {
    /// A store that these calls lead to, as a host sees it; each call takes so long at most.
    pub(crate) fn store(&self, described: Described, most: Duration) -> PyResult<(String, Arc<dyn Store>)> {
        let (destination, number, name, version, listing, deletion, compaction) = described;
        let capabilities = Capabilities {
            listing,
            deletion,
            compaction,
        };
        let info = StoreInfo {
            name,
            version,
            capabilities,
        };
        let queue = self.queue.get()?.clone();
        Ok((destination, Arc::new(Foreign::new(queue, number, info, most))))
    }
}

fn cannot(error: io::Error) -> PyErr {
    let message = format!("cannot make what wakes the thread of stores: {error}");
    raised(Failure::new(Class::State, message))
}

#[pymethods]
impl NativeCalls {
    #[new]
    fn new() -> PyResult<Self> {
        let (wake, woken) = UnixStream::pair().map_err(cannot)?;
        for stream in [&wake, &woken] {
            stream.set_nonblocking(true).map_err(cannot)?;
        }
        let waiting = Mutex::default();
        Ok(Self {
            queue: Owned::new(Arc::new(Queue { waiting, wake })),
            woken: Owned::new(woken),
        })
    }

    /// What becomes readable when there is something to take.
    fn fileno(&self) -> PyResult<i32> {
        Ok(self.woken.get()?.as_raw_fd())
    }

    /// The calls that wait, and the numbers of those whose answer nobody waits for any more. Does not block.
    fn take(&self) -> PyResult<(Vec<NativeCall>, Vec<u64>)> {
        let (mut woken, mut bytes) = (self.woken.get()?, [0; 64]);
        while woken.read(&mut bytes).is_ok_and(|count| count > 0) {}
        let mut waiting = self.queue.get()?.waiting.lock();
        let calls = std::mem::take(&mut waiting.calls).into_iter().map(NativeCall::new);
        Ok((calls.collect(), std::mem::take(&mut waiting.given_up)))
    }

    /// Nobody will take a call any more.
    fn end(&self) -> PyResult<()> {
        let mut waiting = self.queue.get()?.waiting.lock();
        *waiting = Waiting {
            is_over: true,
            ..Waiting::default()
        };
        Ok(())
    }
}

/// A call that a store is to answer.
#[pyclass(frozen, module = "mirrorbox._native")]
pub(crate) struct NativeCall {
    #[pyo3(get)]
    number: u64,
    #[pyo3(get)]
    store: u32,
    #[pyo3(get)]
    name: &'static str,
    call: Owned<Mutex<Option<Call>>>,
}

impl NativeCall {
    fn new(call: Call) -> Self {
        Self {
            number: call.number,
            store: call.store,
            name: call.name,
            call: Owned::new(Mutex::new(Some(call))),
        }
    }

    fn take(&self) -> PyResult<Option<Call>> {
        Ok(self.call.get()?.lock().take())
    }
}

#[pymethods]
impl NativeCall {
    /// Its arguments as JSON, and the payload of a batch among them.
    fn arguments<'py>(&self, py: Python<'py>) -> PyResult<(String, Option<Bound<'py, PyBytes>>)> {
        let call = self.call.get()?.lock();
        let Some(call) = &*call else {
            return Ok(("{}".to_owned(), None));
        };
        let payload = call.payload.as_ref().map(|payload| PyBytes::new(py, payload));
        Ok((call.arguments.clone(), payload))
    }

    /// Answers it with JSON and the payloads of batches in it. Once.
    fn answer(&self, json: &str, payloads: Vec<Bound<'_, PyBytes>>) -> PyResult<()> {
        let payloads = payloads.iter().map(|payload| payload.as_bytes().to_vec().into());
        if let Some(call) = self.take()? {
            call.answer(json, payloads.collect());
        }
        Ok(())
    }

    /// Answers it with an error, as JSON. Once.
    fn fail(&self, json: &str) -> PyResult<()> {
        if let Some(call) = self.take()? {
            call.fail(json);
        }
        Ok(())
    }
}

/// Tries every rule of the contract on a store, through two handles; what came of it, as JSON. Blocks.
#[pyfunction]
#[pyo3(signature = (calls, ours, theirs, seconds, long, seed, filter))]
#[allow(clippy::too_many_arguments, reason = "they are named in Python")]
pub(crate) fn check(
    py: Python<'_>,
    calls: &NativeCalls,
    ours: Described,
    theirs: Described,
    seconds: f64,
    long: bool,
    seed: Option<u64>,
    filter: String,
) -> PyResult<String> {
    let (_, ours) = calls.store(ours, time(seconds))?;
    let (_, theirs) = calls.store(theirs, time(seconds))?;
    py.detach(|| conformance([ours, theirs], long, seed, filter))
        .map_err(raised)
}
