//! The adapter directory of a running host: what is dropped there takes part, what is replaced is swapped, what is
//! removed waits. What is wrong with one name is reported and changes nothing else.
//!
//! ```text
//! file events ─┐                                     a task a name
//!  rescan ─────┴► scan ──► settle: quiet? ──► slot: read, compile, open ──► mirror: set options, swap
//!                                               │ bad: the one before goes on      │ then
//!                                               └─────────► board ◄────────── last_good: kept on disk
//! ```
//!
//! | file | what |
//! | --- | --- |
//! | `watch`, `settle` | when to look; which names have stopped changing |
//! | `slot`, `candidate` | one name: what is open there, what becomes of a change; a component with its manifest, on its way |
//! | `last_good` | the components that were opened before, on disk |
//! | `named` | the names that were ever destinations, on disk |
//! | `board`, `event`, `status` | what a host reports of all this |

#[cfg(feature = "wasm")]
mod adapter_directory;
#[cfg(feature = "wasm")]
mod board;
#[cfg(feature = "wasm")]
mod candidate;
mod event;
#[cfg(feature = "wasm")]
mod last_good;
#[cfg(feature = "wasm")]
mod named;
#[cfg(feature = "wasm")]
mod settle;
#[cfg(feature = "wasm")]
mod slot;
#[cfg(feature = "wasm")]
mod status;
#[cfg(feature = "wasm")]
mod watch;

#[cfg(feature = "wasm")]
pub(super) use adapter_directory::Directory;
#[cfg(feature = "wasm")]
pub use adapter_directory::Watching;
#[cfg(feature = "wasm")]
pub(super) use board::Board;
pub use event::{AdapterChange, AdapterEvent};
#[cfg(feature = "wasm")]
pub use last_good::{Good, LastGood};
#[cfg(feature = "wasm")]
pub use named::Named;
#[cfg(feature = "wasm")]
pub use status::{AdapterState, AdapterStatus};
#[cfg(feature = "wasm")]
pub(super) use watch::watch;
