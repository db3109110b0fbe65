use std::mem::ManuallyDrop;
use std::process;

use mirrorbox_bindings::{Class, Failure};
use pyo3::prelude::*;

use crate::failure::raised;

/// Something with threads, that belongs to the process which made it. A forked process has none of these threads: there
/// it is neither used nor dropped, for either could wait for them for ever.
#[derive(Debug)]
pub(crate) struct Owned<T> {
    process: u32,
    value: ManuallyDrop<T>,
}

impl<T> Owned<T> {
    pub(crate) fn new(value: T) -> Self {
        Self {
            process: process::id(),
            value: ManuallyDrop::new(value),
        }
    }

    /// The value, in the process that made it.
    pub(crate) fn get(&self) -> PyResult<&T> {
        match self.process == process::id() {
            true => Ok(&self.value),
            false => Err(of_another_process()),
        }
    }

    pub(crate) fn get_mut(&mut self) -> PyResult<&mut T> {
        match self.process == process::id() {
            true => Ok(&mut self.value),
            false => Err(of_another_process()),
        }
    }
}

fn of_another_process() -> PyErr {
    let message = "this belongs to the process that made it, and this one was forked from it: ask the store again";
    raised(Failure::new(Class::Closed, message))
}

impl<T> Drop for Owned<T> {
    fn drop(&mut self) {
        if self.process == process::id() {
            // SAFETY: the value was made in `new`, is never taken out elsewhere, and nothing can be called after this.
            #[allow(unsafe_code, reason = "what is dropped in one process and not in another")]
            unsafe {
                ManuallyDrop::drop(&mut self.value);
            }
        }
    }
}
