//! The adapter as ordinary Rust, on servers of its own.

mod cluster;
mod failover;
mod faults;
mod refusals;
mod server;
mod tls;

use server::TestServer;

mirrorbox_adapter_rules::tests!(TestServer::shared(), |server: &std::sync::Arc<TestServer>| server
    .adapter());
