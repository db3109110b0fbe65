//! A host of this process.

use std::path::PathBuf;
use std::sync::{Arc, Weak};

use mirrorbox::host::{Host, SessionStore};
use mirrorbox_bindings::{Failure, json, key, time, undelivered};
use parking_lot::Mutex;
use pyo3::prelude::*;

use crate::calls::{Described, NativeCalls};
use crate::failure::raised;
use crate::owned::Owned;
use crate::reading::{End, NativeReading, Source};
use crate::sessions::NativeStore;
use crate::stored::NativeSessions;
use crate::wait::wait;

/// A host, until it is closed.
#[pyclass(frozen, module = "mirrorbox._native")]
pub(crate) struct NativeHost {
    host: Owned<Mutex<Option<Host>>>,
    store: Owned<SessionStore>,
    /// Of those who read events: its sessions outlive a host, and end no event.
    readers: Mutex<Vec<Weak<End>>>,
}

impl NativeHost {
    fn with<T>(&self, ask: impl FnOnce(&Host) -> T) -> PyResult<T> {
        let host = self.host.get()?.lock();
        host.as_ref().map(ask).ok_or_else(|| raised(Failure::closed()))
    }
}

#[pymethods]
impl NativeHost {
    /// Opens a host on a configuration directory, if on one, and a state directory; `stores` are written in Python, and
    /// each of their calls takes so many seconds at most.
    #[new]
    #[pyo3(signature = (config, state, command, calls, stores, seconds))]
    fn new(
        py: Python<'_>,
        config: Option<PathBuf>,
        state: PathBuf,
        command: Option<PathBuf>,
        calls: Option<&NativeCalls>,
        stores: Vec<Described>,
        seconds: f64,
    ) -> PyResult<Self> {
        let mut written_here = Vec::new();
        if let Some(calls) = calls {
            for described in stores {
                written_here.push(calls.store(described, time(seconds))?);
            }
        }
        let opened = py.detach(|| {
            let mut host = mirrorbox_bindings::host(config.as_deref(), &state, command)?;
            for (name, store) in written_here {
                host = host.store(&name, store);
            }
            host.build_blocking().map_err(Failure::from)
        });
        let host = opened.map_err(raised)?;
        let store = host.session_store();
        Ok(Self {
            host: Owned::new(Mutex::new(Some(host))),
            store: Owned::new(store),
            readers: Mutex::default(),
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

    /// Likewise, of one session.
    fn flush_session(&self, py: Python<'_>, project: String, session: String, seconds: f64) -> PyResult<String> {
        let key = key(project, session, None).map_err(raised)?;
        let flush = self.with(|host| host.transcript(key).flush(time(seconds)))?;
        let left = py.detach(|| wait(flush)).map_err(raised)?;
        Ok(undelivered(&left).to_string())
    }

    /// Deletes a session at every destination, now or as soon as each can be reached.
    fn delete(&self, py: Python<'_>, project: String, session: String) -> PyResult<()> {
        let key = key(project, session, None).map_err(raised)?;
        let deleted = self.with(|host| host.delete(&key))?;
        py.detach(|| wait(deleted)).map_err(raised)
    }

    /// The stored sessions of a project.
    fn sessions(&self, project: &str) -> PyResult<NativeSessions> {
        Ok(NativeSessions::new(self.with(|host| host.sessions(project))?))
    }

    /// How every stream is doing at every destination, as JSON.
    fn status(&self, py: Python<'_>) -> PyResult<String> {
        py.detach(|| {
            let status = self.with(Host::status)?;
            json(&status).map_err(raised)
        })
    }

    /// Destinations that wait before a retry are tried now.
    fn retry(&self) -> PyResult<()> {
        self.with(Host::retry)
    }

    /// What happens from now on.
    fn events(&self) -> PyResult<NativeReading> {
        let events = NativeReading::new(Source::Events(self.with(Host::events)?));
        let mut readers = self.readers.lock();
        readers.retain(|reader| reader.strong_count() > 0);
        readers.push(Arc::downgrade(events.end()));
        Ok(events)
    }

    /// Accepts nothing more, delivers for so many seconds at most, and ends every thread. What remains, as JSON; `None`
    /// where it was closed before.
    fn close(&self, py: Python<'_>, seconds: f64) -> PyResult<Option<String>> {
        let host = self.host.get()?.lock().take();
        let Some(host) = host else { return Ok(None) };
        let left = py.detach(|| host.close_blocking(time(seconds)));
        for reader in self.readers.lock().iter().filter_map(Weak::upgrade) {
            reader.close();
        }
        let left = left.map_err(raised)?;
        Ok(Some(undelivered(&left).to_string()))
    }
}
