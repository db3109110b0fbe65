//! The native half of the Python package `mirrorbox`: blocking functions that let other Python threads run while they
//! wait. What is asynchronous, and every exception, is Python's (`python/mirrorbox`).
//!
//! | file | what |
//! | --- | --- |
//! | `host` | a host of this process: opened, asked, flushed, closed |
//! | `sessions` | the six functions of a session store, and appends |
//! | `stored` | what people do with stored sessions |
//! | `reading` | what is read while it is taken: messages, news, events |
//! | `calls` | calls of stores that are written in Python, and the checks of the contract on one |
//! | `owned` | what belongs to the process that made it, and is left alone in a forked one |
//! | `json` | entries as the agent's command prints them |
//! | `wait` | waiting for a future on the thread that calls |
//! | `failure` | which exception says what |

mod calls;
mod failure;
mod host;
mod json;
mod owned;
mod reading;
mod sessions;
mod stored;
mod wait;

use pyo3::prelude::*;

/// `mirrorbox._native`.
#[pymodule(name = "_native")]
mod native {
    #[pymodule_export]
    use crate::calls::{NativeCall, NativeCalls, check};
    #[pymodule_export]
    use crate::host::NativeHost;
    #[pymodule_export]
    use crate::json::to_line;
    #[pymodule_export]
    use crate::reading::NativeReading;
    #[pymodule_export]
    use crate::sessions::{NativeLoaded, NativeStore, PendingAppend};
    #[pymodule_export]
    use crate::stored::NativeSessions;
}
