//! Failures as the exceptions of `mirrorbox`. They are classes written in Python, so that they can be read there.

use mirrorbox_bindings::{Class, Failure};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

/// The class of that name in `mirrorbox.errors`, saying this.
pub(crate) fn raised(failure: impl Into<Failure>) -> PyErr {
    let Failure { class, message } = failure.into();
    Python::attach(|py| {
        let raised = py
            .import("mirrorbox.errors")
            .and_then(|errors| errors.getattr(class.name()))
            .and_then(|class| class.call1((message.clone(),)));
        match raised {
            Ok(raised) => PyErr::from_value(raised),
            Err(_) => PyRuntimeError::new_err(message),
        }
    })
}

pub(crate) fn invalid(message: String) -> PyErr {
    raised(Failure::new(Class::Invalid, message))
}
