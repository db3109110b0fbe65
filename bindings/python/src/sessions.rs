//! The six functions of a session store.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use mirrorbox::host::{AppendFailed, KeyStyle, Loaded, SessionStore};
use mirrorbox_bindings::{Failure, key, time, while_away};
use parking_lot::Mutex;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};

use crate::failure::raised;
use crate::json::{line, to_line};
use crate::owned::Owned;
use crate::wait::wait_for;

type Appending = Pin<Box<dyn Future<Output = Result<(), AppendFailed>> + Send>>;

/// The sessions of a host.
#[pyclass(frozen, module = "mirrorbox._native")]
pub(crate) struct NativeStore {
    store: Owned<SessionStore>,
}

impl NativeStore {
    pub(crate) fn new(store: SessionStore) -> Self {
        Self {
            store: Owned::new(store),
        }
    }
}

#[pymethods]
impl NativeStore {
    /// The same, where what this machine does not hold does not exist while no destination answers.
    fn answering_from_here(&self) -> PyResult<Self> {
        Ok(Self::new(self.store.get()?.clone().while_away(while_away(true))))
    }

    /// Has entries appended, in the order of the calls; `wait` says when they are on disk. Does not block. Lines as
    /// they are may stand beside entries where the caller `takes_lines`.
    #[pyo3(signature = (project, session, subpath, entries, takes_lines))]
    fn append(
        &self,
        project: String,
        session: String,
        subpath: Option<String>,
        entries: &Bound<'_, PyList>,
        takes_lines: bool,
    ) -> PyResult<PendingAppend> {
        let key = key(project, session, subpath).map_err(raised)?;
        let to_line = if takes_lines { line } else { to_line };
        let lines: Vec<Vec<u8>> = entries.iter().map(|entry| to_line(&entry)).collect::<PyResult<_>>()?;
        let store = self.store.get()?.clone();
        let mut appending: Appending = Box::pin(async move { store.append(&key, &lines).await });
        // Its place in the order is taken by being polled once; the thread that waits is woken for the rest.
        let done = match appending.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(done) => Some(done),
            Poll::Pending => None,
        };
        Ok(PendingAppend {
            call: Owned::new(Mutex::new(match done {
                Some(done) => Call::Done(done),
                None => Call::UnderWay(appending),
            })),
        })
    }

    /// The lines of a stream; `None` where it was never written.
    #[pyo3(signature = (project, session, subpath))]
    fn load(
        &self,
        py: Python<'_>,
        project: String,
        session: String,
        subpath: Option<String>,
    ) -> PyResult<Option<NativeLoaded>> {
        let (key, store) = (key(project, session, subpath).map_err(raised)?, self.store.get()?);
        let loaded = py.detach(|| store.load_blocking(&key)).map_err(raised)?;
        Ok(loaded.map(|loaded| NativeLoaded {
            loaded: Owned::new(loaded),
        }))
    }

    /// Ids and times.
    fn list_sessions(&self, py: Python<'_>, project: &str) -> PyResult<Vec<(String, u64)>> {
        let store = self.store.get()?.clone();
        let listed = py.detach(|| store.list_sessions_blocking(project));
        let listed = listed.map_err(raised)?.into_iter();
        Ok(listed.map(|listed| (listed.session, listed.modified)).collect())
    }

    /// Ids, times, and the summaries' JSON.
    fn list_session_summaries(&self, py: Python<'_>, project: &str) -> PyResult<Vec<(String, u64, String)>> {
        let store = self.store.get()?.clone();
        let listed = py.detach(|| store.list_session_summaries_blocking(project, KeyStyle::Snake));
        let listed = listed.map_err(raised)?.into_iter();
        Ok(listed
            .map(|listed| (listed.session, listed.modified, listed.data))
            .collect())
    }

    /// Deletes a session, or one stream of it.
    #[pyo3(signature = (project, session, subpath))]
    fn delete(&self, py: Python<'_>, project: String, session: String, subpath: Option<String>) -> PyResult<()> {
        let (key, store) = (key(project, session, subpath).map_err(raised)?, self.store.get()?);
        py.detach(|| store.delete_blocking(&key)).map_err(raised)
    }

    /// The subpaths of a session.
    fn list_subkeys(&self, py: Python<'_>, project: String, session: String) -> PyResult<Vec<String>> {
        let (key, store) = (key(project, session, None).map_err(raised)?, self.store.get()?);
        py.detach(|| store.list_subkeys_blocking(&key)).map_err(raised)
    }

    /// What waits for more of a session is delivered now.
    fn turn_ended(&self, project: String, session: String) -> PyResult<()> {
        self.store
            .get()?
            .turn_ended(&key(project, session, None).map_err(raised)?);
        Ok(())
    }
}

/// Entries that have their place in the order, and are on their way to the disk.
#[pyclass(frozen, module = "mirrorbox._native")]
pub(crate) struct PendingAppend {
    call: Owned<Mutex<Call>>,
}

/// An append, whose answer is given once.
enum Call {
    UnderWay(Appending),
    Done(Result<(), AppendFailed>),
    Answered,
}

#[pymethods]
impl PendingAppend {
    /// Returns once they are there, and fails where that takes longer than so many seconds.
    fn wait(&self, py: Python<'_>, seconds: f64) -> PyResult<()> {
        let call = std::mem::replace(&mut *self.call.get()?.lock(), Call::Answered);
        let done = match call {
            Call::Answered => return Ok(()),
            Call::Done(done) => Some(done),
            Call::UnderWay(appending) => py.detach(|| wait_for(appending, time(seconds))),
        };
        match done {
            Some(done) => done.map_err(raised),
            None => Err(raised(Failure::is_late(seconds))),
        }
    }
}

/// The lines of a stream, read while they are taken.
#[pyclass(module = "mirrorbox._native")]
pub(crate) struct NativeLoaded {
    loaded: Owned<Loaded>,
}

#[pymethods]
impl NativeLoaded {
    /// The next lines, each with its LF; `None` at the end.
    fn next<'py>(&mut self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let loaded = self.loaded.get_mut()?;
        match py.detach(|| loaded.next_blocking()) {
            None => Ok(None),
            Some(Ok(lines)) => Ok(Some(PyBytes::new(py, &lines))),
            Some(Err(error)) => Err(raised(error)),
        }
    }
}
