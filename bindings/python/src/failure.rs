//! Which exception of `mirrorbox` says what. They are classes written in Python, so that they can be read there.

use mirrorbox::config::ConfigError;
use mirrorbox::host::{AppendFailed, HostError, SessionStoreError};
use mirrorbox::key::KeyError;
use mirrorbox::spool::AppendError;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

/// The class of that name in `mirrorbox.errors`, saying this.
fn error(class: &str, message: String) -> PyErr {
    Python::attach(|py| {
        let raised = py
            .import("mirrorbox.errors")
            .and_then(|errors| errors.getattr(class))
            .and_then(|class| class.call1((message.clone(),)));
        match raised {
            Ok(raised) => PyErr::from_value(raised),
            Err(_) => PyRuntimeError::new_err(message),
        }
    })
}

pub(crate) fn of_another_process() -> PyErr {
    error(
        "ClosedError",
        "this belongs to the process that made it, and this one was forked from it: ask the store again".to_owned(),
    )
}

pub(crate) fn closed() -> PyErr {
    error("ClosedError", "the store is closed; make another one".to_owned())
}

pub(crate) fn invalid(message: String) -> PyErr {
    error("InvalidError", message)
}

pub(crate) fn timed_out(message: String) -> PyErr {
    error("NotDeliveredError", message)
}

pub(crate) fn of_key(failed: KeyError) -> PyErr {
    invalid(format!("not a key of a session: {failed}"))
}

pub(crate) fn of_config(failed: &ConfigError) -> PyErr {
    error("ConfigError", failed.to_string())
}

pub(crate) fn of_host(failed: &HostError) -> PyErr {
    match failed {
        HostError::Closed => closed(),
        failed => error("StateError", failed.to_string()),
    }
}

pub(crate) fn of_append(failed: &AppendFailed) -> PyErr {
    let message = failed.to_string();
    match failed {
        AppendFailed::Local(AppendError::Closed) => closed(),
        AppendFailed::Local(failed) if failed.can_retry() => error("NotWrittenError", message),
        AppendFailed::Local(_) => invalid(message),
        _ => error("NotDeliveredError", message),
    }
}

pub(crate) fn of_store(failed: &SessionStoreError) -> PyErr {
    match failed {
        SessionStoreError::Host(failed) => of_host(failed),
        SessionStoreError::Append(failed) => of_append(failed),
        SessionStoreError::Away { .. } => error("AwayError", failed.to_string()),
        failed => error("ReadError", failed.to_string()),
    }
}
