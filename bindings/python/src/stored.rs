//! The stored sessions of a project: listed, read, followed, renamed, forked, restored.

use std::path::PathBuf;

use mirrorbox::host::{Sessions, SessionsError};
use mirrorbox_bindings::{fork, json, listing, restore_options, restored};
use pyo3::prelude::*;
use serde::Serialize;

use crate::failure::raised;
use crate::owned::Owned;
use crate::reading::{NativeReading, Source};
use crate::wait::wait;

/// The stored sessions of a project. Every function blocks.
#[pyclass(frozen, module = "mirrorbox._native")]
pub(crate) struct NativeSessions {
    sessions: Owned<Sessions>,
}

impl NativeSessions {
    pub(crate) fn new(sessions: Sessions) -> Self {
        Self {
            sessions: Owned::new(sessions),
        }
    }

    fn ask<T: Send, F: Future<Output = Result<T, SessionsError>> + Send>(
        &self,
        py: Python<'_>,
        ask: impl FnOnce(&Sessions) -> F,
    ) -> PyResult<T> {
        let asked = ask(self.sessions.get()?);
        py.detach(|| wait(asked)).map_err(raised)
    }

    fn ask_for_json<T: Serialize + Send, F: Future<Output = Result<T, SessionsError>> + Send>(
        &self,
        py: Python<'_>,
        ask: impl FnOnce(&Sessions) -> F,
    ) -> PyResult<String> {
        json(&self.ask(py, ask)?).map_err(raised)
    }
}

#[pymethods]
impl NativeSessions {
    /// Rows, newest first, as JSON.
    #[pyo3(signature = (shown_only, offset, limit))]
    fn list(&self, py: Python<'_>, shown_only: bool, offset: u32, limit: Option<u32>) -> PyResult<String> {
        let what = listing(shown_only, offset, limit);
        self.ask_for_json(py, |sessions| sessions.list(&what))
    }

    /// A row, or null, as JSON.
    fn info(&self, py: Python<'_>, session: &str) -> PyResult<String> {
        self.ask_for_json(py, |sessions| sessions.info(session))
    }

    /// Ids and keys as JSON.
    fn subagents(&self, py: Python<'_>, session: &str) -> PyResult<String> {
        self.ask_for_json(py, |sessions| sessions.subagents(session))
    }

    /// The conversation of a session, or of one of its subagents.
    #[pyo3(signature = (session, agent))]
    fn messages(&self, py: Python<'_>, session: &str, agent: Option<&str>) -> PyResult<NativeReading> {
        let messages = match agent {
            None => self.ask(py, |sessions| sessions.messages(session))?,
            Some(agent) => self.ask(py, |sessions| sessions.subagent_messages(session, agent))?,
        };
        Ok(NativeReading::new(Source::Messages(messages)))
    }

    /// What happens to a stream.
    #[pyo3(signature = (session, subpath))]
    fn follow(&self, py: Python<'_>, session: &str, subpath: Option<&str>) -> PyResult<NativeReading> {
        let following = self.ask(py, |sessions| sessions.follow(session, subpath))?;
        Ok(NativeReading::new(Source::News(following)))
    }

    fn rename(&self, py: Python<'_>, session: &str, title: &str) -> PyResult<()> {
        self.ask(py, |sessions| sessions.rename(session, title))
    }

    #[pyo3(signature = (session, tag))]
    fn tag(&self, py: Python<'_>, session: &str, tag: Option<&str>) -> PyResult<()> {
        self.ask(py, |sessions| sessions.tag(session, tag))
    }

    /// The new session, as JSON.
    #[pyo3(signature = (session, through, title))]
    fn fork(&self, py: Python<'_>, session: &str, through: Option<String>, title: Option<String>) -> PyResult<String> {
        let what = fork(through, title);
        self.ask_for_json(py, |sessions| sessions.fork(session, &what))
    }

    fn delete(&self, py: Python<'_>, session: &str) -> PyResult<()> {
        self.ask(py, |sessions| sessions.delete(session))
    }

    /// What was written, as JSON.
    #[pyo3(signature = (session, into, folder, through, at))]
    fn restore(
        &self,
        py: Python<'_>,
        session: &str,
        into: PathBuf,
        folder: Option<String>,
        through: Option<String>,
        at: Option<f64>,
    ) -> PyResult<String> {
        let options = restore_options(folder, through, at).map_err(raised)?;
        let report = self.ask(py, |sessions| sessions.restore(session, &into, options))?;
        restored(report).map_err(raised)
    }
}
