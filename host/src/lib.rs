//! Mirrorbox keeps the transcripts of AI agents safe in any storage.
//!
//! An agent's transcript is a log of *entries* (lines of JSON). The host writes them to local disk first, cuts them
//! into numbered, chained *batches* and stores these through [`store::Store`], most often an *adapter*: a sandboxed
//! WebAssembly component (`adapter`, feature `wasm`). Another host reads them back, verified to the byte.
//!
//! # Start with `Host`
//!
//! ```
//! use std::sync::Arc;
//! use std::time::Duration;
//!
//! use mirrorbox::host::Host;
//! use mirrorbox::key::SessionKey;
//! use mirrorbox::store::MemoryStore;
//!
//! # let state = tempfile::tempdir()?;
//! # let state = state.path();
//! let host = Host::builder(state)
//!     .store("memory", Arc::new(MemoryStore::new()))
//!     .build_blocking()?;
//! let transcript = host.transcript(SessionKey::main("-srv-app", "session-1")?);
//! transcript.append_blocking(&[br#"{"type":"user"}"#])?; // on local disk, whatever destinations do
//! transcript.turn_ended(); // a good moment to deliver
//! let left = host.close_blocking(Duration::from_secs(10))?;
//! assert!(left.is_empty(), "for the next host: {left}");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`host::Host`] is for programs that append; [`host::HostBuilder::config`] gives it a configuration directory with
//! its adapters. [`session`] is for programs that read, restore, verify or copy what is stored. The folder `examples`
//! beside this crate's source has whole programs: `embed`, `custom_store`, `follow`, `resume`, `session_store`.
//!
//! # Features
//!
//! | feature | default | what it adds |
//! | --- | --- | --- |
//! | `wasm` | yes | adapters as WebAssembly components, and the directory that they come and go in; brings wasmtime |
//! | `agent` | yes | running an agent's command, and following its files (`agent`, `watch`) |
//!
//! Without both, the library is the spool, the mirror and stores written in Rust.
//!
//! # The house
//!
//! Modules; each imports only from those above it:
//!
//! | module | what |
//! | --- | --- |
//! | `disk`, `block_on`, `backoff`, `hex` | folders and files, synced; waiting without async; pauses that double |
//! | [`key`] | which transcript |
//! | [`transcript`] | entries as raw JSON slices; reading JSON Lines |
//! | [`agent_format`] | what is known of the agent: its files, entries, environment, command and output |
//! | [`config`] | the configuration directory |
//! | [`summary`] | the fold over entries that makes a session's summary |
//! | [`store`] | the contract in Rust, a store in memory, loading as a verified stream |
//! | [`spool`] | the local half of the mirror: each stream on local disk, synced, before anybody is answered |
//! | [`mirror`] | the remote half: batches brought to every destination, once, in order, whatever fails |
//! | `adapter` | WebAssembly: engine, grants, limits, instances; gives stores |
//! | [`session`] | what people do with stored sessions: import, list, show, restore, verify, copy, delete |
//! | [`host`] | the composition root: [`host::Host`], its transcripts and events, [`host::SessionStore`] for SDKs |
//! | `follow` | transcript files that grow |
//! | `agent` | runs an agent's command and mirrors what it writes |
//! | `watch` | follows an agent's projects directory for as long as a process lives |

#![deny(missing_docs, unsafe_code)]

#[cfg(feature = "wasm")]
pub mod adapter;
#[cfg(feature = "agent")]
pub mod agent;
pub mod agent_format;
mod backoff;
mod block_on;
pub mod config;
mod disk;
#[cfg(feature = "agent")]
mod follow;
mod hex;
pub mod host;
pub mod key;
pub mod mirror;
pub mod session;
pub mod spool;
pub mod store;
pub mod summary;
pub mod transcript;
#[cfg(feature = "agent")]
pub mod watch;
