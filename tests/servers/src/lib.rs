//! Real servers for tests, each on a free port of 127.0.0.1 with a folder of its own, and a proxy that breaks
//! connections.
//!
//! [`Redis`], [`Sentinel`], [`Postgres`], [`PgBouncer`], [`Moto`] and [`Rclone`] are values: a server is there while
//! its value is. Its [`Server`] can be killed, restarted on the same port and data, and paused. Between it and a
//! client, [`Proxy`] delays, throttles, stalls, cuts, refuses, and loses the reply to a request that has landed.
//!
//! [`Model`] answers in place of the model that an agent asks.
//!
//! `cargo xtask setup` installs the programs. Starting one that is not there is a [`ServerError::NotInstalled`]; a test
//! that asks [`if_installed`] is passed over then.

#![deny(unsafe_code)]

mod certificates;
mod error;
mod model;
mod moto;
mod pgbouncer;
mod postgres;
pub mod process_tree;
mod program;
mod proxy;
mod rclone;
mod redis;
mod s3_fs;
mod sentinel;
mod server;

pub use certificates::Certificates;
pub use error::{ServerError, if_installed};
pub use model::Model;
pub use moto::Moto;
pub use pgbouncer::PgBouncer;
pub use postgres::{Postgres, PostgresOptions};
pub use proxy::{Counts, Direction, Faults, Proxy};
pub use rclone::Rclone;
pub use redis::{Redis, RedisOptions};
pub use s3_fs::S3Fs;
pub use sentinel::Sentinel;
pub use server::Server;
