//! A host of this process.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mirrorbox::host::{Events, Host, SessionStore};
use mirrorbox_bindings::{Failure, event, time, undelivered};
use parking_lot::Mutex;
use pyo3::prelude::*;

use crate::failure::{invalid, raised};
use crate::owned::Owned;
use crate::sessions::NativeStore;
use crate::wait::{wait, wait_for};

/// How often who waits for an event looks whether the host was closed: its sessions outlive it, and end no event.
const LOOK: Duration = Duration::from_millis(250);

/// A host, until it is closed.
#[pyclass(frozen, module = "mirrorbox._native")]
pub(crate) struct NativeHost {
    host: Owned<Mutex<Option<Host>>>,
    store: Owned<SessionStore>,
    is_closed: Arc<AtomicBool>,
}

impl NativeHost {
    fn with<T>(&self, ask: impl FnOnce(&Host) -> T) -> PyResult<T> {
        let host = self.host.get()?.lock();
        host.as_ref().map(ask).ok_or_else(|| raised(Failure::closed()))
    }
}

#[pymethods]
impl NativeHost {
    /// Opens a host on a configuration directory and a state directory.
    #[new]
    fn new(py: Python<'_>, config: PathBuf, state: PathBuf, command: Option<PathBuf>) -> PyResult<Self> {
        let opened = py.detach(|| {
            let host = mirrorbox_bindings::host(&config, &state, command)?;
            host.build_blocking().map_err(Failure::from)
        });
        let host = opened.map_err(raised)?;
        let store = host.session_store();
        Ok(Self {
            host: Owned::new(Mutex::new(Some(host))),
            store: Owned::new(store),
            is_closed: Arc::default(),
        })
    }

    /// This process's identity in the origin of what it stores.
    #[getter]
    fn writer(&self) -> PyResult<String> {
        self.with(|host| host.writer().to_owned())
    }

    /// Its sessions.
    fn store(&self) -> PyResult<NativeStore> {
        Ok(NativeStore::new(self.store.get()?.clone()))
    }

    /// Delivers what is there, for so many seconds at most. What remains, as JSON.
    fn flush(&self, py: Python<'_>, seconds: f64) -> PyResult<String> {
        let flush = self.with(|host| host.flush(time(seconds)))?;
        let left = py.detach(|| wait(flush)).map_err(raised)?;
        Ok(undelivered(&left).to_string())
    }

    /// How every stream is doing at every destination, as JSON.
    fn status(&self, py: Python<'_>) -> PyResult<String> {
        py.detach(|| {
            let status = self.with(Host::status)?;
            serde_json::to_string(&status).map_err(|error| invalid(error.to_string()))
        })
    }

    /// Destinations that wait before a retry are tried now.
    fn retry(&self) -> PyResult<()> {
        self.with(Host::retry)
    }

    /// What happens from now on.
    fn events(&self) -> PyResult<NativeEvents> {
        let events = self.with(Host::events)?;
        Ok(NativeEvents {
            events: Owned::new(events),
            is_closed: self.is_closed.clone(),
        })
    }

    /// Accepts nothing more, delivers for so many seconds at most, and ends every thread. What remains, as JSON; `None`
    /// where it was closed before.
    fn close(&self, py: Python<'_>, seconds: f64) -> PyResult<Option<String>> {
        let host = self.host.get()?.lock().take();
        let Some(host) = host else { return Ok(None) };
        let left = py.detach(|| host.close_blocking(time(seconds)));
        self.is_closed.store(true, Ordering::Release);
        let left = left.map_err(raised)?;
        Ok(Some(undelivered(&left).to_string()))
    }
}

/// What happens at destinations, on the disk and in the adapter directory.
#[pyclass(module = "mirrorbox._native")]
pub(crate) struct NativeEvents {
    events: Owned<Events>,
    is_closed: Arc<AtomicBool>,
}

#[pymethods]
impl NativeEvents {
    /// The next event as JSON; `None` once the host is closed.
    fn next(&mut self, py: Python<'_>) -> PyResult<Option<String>> {
        let events = self.events.get_mut()?;
        let is_closed = &self.is_closed;
        let next = py.detach(|| {
            loop {
                match wait_for(events.next(), LOOK) {
                    None if is_closed.load(Ordering::Acquire) => return None,
                    None => {}
                    Some(next) => return next,
                }
            }
        });
        Ok(next.map(|next| event(&next).to_string()))
    }
}
