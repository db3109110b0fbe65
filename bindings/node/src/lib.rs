//! The native half of the Node package `mirrorbox`: functions that return promises, and never hold up the thread that
//! calls. Classes, streams and every error are JavaScript's (`lib`).
//!
//! | file | what |
//! | --- | --- |
//! | `hosts` | the hosts of this process, shared by its worker threads |
//! | `host` | a host as one thread of JavaScript uses it: flushed, asked, listened to, closed |
//! | `sessions` | the six functions of a session store |
//! | `failure` | which error says what |

mod failure;
pub mod host;
mod hosts;
pub mod sessions;
