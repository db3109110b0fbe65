//! What is read while it is taken: messages, news of a stream, events. A thread that waits for more of it is woken when
//! nobody wants more: a program ends only once its threads have ended.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};
use std::thread::{self, Thread};

use mirrorbox::host::{Events, Following, Messages};
use mirrorbox_bindings::{Failure, Told, event, json, told};
use parking_lot::Mutex;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString, PyTuple};

use crate::failure::raised;
use crate::owned::Owned;
use crate::wait::waker;

/// So many at once at most are handed to Python: a switch between threads costs more than one of them.
const AT_ONCE: usize = 64;

/// Where it comes from.
pub(crate) enum Source {
    Events(Events),
    Messages(Messages),
    News(Following),
}

enum Item {
    Json(String),
    Told(Told),
}

/// Something that is read.
#[pyclass(frozen, module = "mirrorbox._native")]
pub(crate) struct NativeReading {
    from: Owned<Mutex<Reader>>,
    end: Arc<End>,
}

struct Reader {
    source: Source,
    /// What came behind things that were handed out first.
    failed: Option<Failure>,
}

/// Whether nobody wants more, and who waits meanwhile.
#[derive(Debug, Default)]
pub(crate) struct End {
    is_over: AtomicBool,
    waits: Mutex<Option<Thread>>,
}

impl End {
    /// Nothing more is wanted: what is there already is given, and no more waited for.
    pub(crate) fn close(&self) {
        self.is_over.store(true, Ordering::Release);
        if let Some(waits) = &*self.waits.lock() {
            waits.unpark();
        }
    }

    /// What a future gives; nothing where it is over before.
    fn wait<F: Future>(&self, future: F) -> Option<F::Output> {
        let waker = waker();
        let mut future = pin!(future);
        *self.waits.lock() = Some(thread::current());
        let given = loop {
            // In this order: what came before the end is given.
            let is_over = self.is_over.load(Ordering::Acquire);
            if let Poll::Ready(given) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
                break Some(given);
            }
            if is_over {
                break None;
            }
            thread::park();
        };
        *self.waits.lock() = None;
        given
    }
}

impl Source {
    async fn next(&mut self) -> Option<Result<Item, Failure>> {
        match self {
            Self::Events(events) => {
                let next = events.next().await?;
                Some(Ok(Item::Json(event(&next).to_string())))
            }
            Self::Messages(messages) => {
                let next = messages.next().await?.map_err(Failure::from);
                Some(next.and_then(|message| json(&message)).map(Item::Json))
            }
            Self::News(following) => {
                let next = following.next().await?.map_err(Failure::from);
                Some(next.map(|news| Item::Told(told(&news))))
            }
        }
    }
}

impl Reader {
    /// What is there, or what comes first; nothing at the end.
    fn some(&mut self, end: &End) -> Result<Vec<Item>, Failure> {
        if let Some(failed) = self.failed.take() {
            return Err(failed);
        }
        let mut items = match end.wait(self.source.next()).flatten() {
            None => return Ok(Vec::new()),
            Some(first) => vec![first?],
        };
        while items.len() < AT_ONCE {
            let next = pin!(self.source.next()).poll(&mut Context::from_waker(Waker::noop()));
            match next {
                Poll::Ready(Some(Ok(item))) => items.push(item),
                Poll::Ready(Some(Err(failed))) => {
                    self.failed = Some(failed);
                    break;
                }
                Poll::Ready(None) | Poll::Pending => break,
            }
        }
        Ok(items)
    }
}

impl NativeReading {
    pub(crate) fn new(source: Source) -> Self {
        Self {
            from: Owned::new(Mutex::new(Reader { source, failed: None })),
            end: Arc::default(),
        }
    }

    pub(crate) fn end(&self) -> &Arc<End> {
        &self.end
    }
}

#[pymethods]
impl NativeReading {
    /// What comes next, one thing or more; nothing at the end. Blocks.
    fn next<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let (from, end) = (self.from.get()?, &self.end);
        let items = py.detach(|| from.lock().some(end)).map_err(raised)?;
        items.into_iter().map(|item| item.into_python(py)).collect()
    }

    /// Nothing more is wanted: a thread that waits in `next` comes back.
    fn close(&self) {
        self.end.close();
    }
}

impl Item {
    /// JSON as text; news as a name, words and a line.
    fn into_python(self, py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
        match self {
            Self::Json(text) => Ok(PyString::new(py, &text).into_any()),
            Self::Told(Told { name, text, line }) => {
                let line = line.map(|line| PyBytes::new(py, &line));
                let told: Bound<'_, PyTuple> = (name, text, line).into_pyobject(py)?;
                Ok(told.into_any())
            }
        }
    }
}
