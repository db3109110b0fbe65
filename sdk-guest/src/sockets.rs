//! For adapters that open sockets of their own (feature `sockets`): the addresses in a setting, connecting to whichever
//! address of a name answers, and TLS.
//!
//! * [`ServerUrl`]: a setting such as `postgres://USER:PASSWORD@HOST:PORT,HOST:PORT/DATABASE?NAME=VALUE`.
//! * [`connect`]: a TCP connection; a dead address of a name does not keep the others from being tried.
//! * [`tls`]: certificates that are checked, and what is wrong with them in words.

mod connect;
mod several;
pub mod tls;
mod url;

pub use connect::connect;
pub use several::of_several;
pub use url::{Address, NO_SOCKETS, ServerUrl};
