//! Failures as errors of JavaScript, whose classes are written there.

use mirrorbox_bindings::{Class, Failure};
use napi::{Error, Status};

/// An error whose message begins with its class, in a line of its own: `lib/errors.js` takes it apart.
pub(crate) fn thrown(failure: impl Into<Failure>) -> Error {
    let Failure { class, message } = failure.into();
    Error::new(Status::GenericFailure, format!("{}\n{message}", class.name()))
}

pub(crate) fn invalid(message: impl std::fmt::Display) -> Error {
    thrown(Failure::new(Class::Invalid, message))
}
