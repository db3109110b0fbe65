//! The adapter as ordinary Rust, on servers of its own.

mod deletes;
mod failover;
mod faults;
mod pooler;
mod refusals;
mod schemas;
mod server;
mod tls;

use std::sync::Arc;

use server::TestServer;

mirrorbox_adapter_rules::tests!(TestServer::shared(), |server: &Arc<TestServer>| server.adapter());
