//! What the manifest's network grants allow, and what becomes of requests and connections.

mod http;
mod refusals;
mod server;
mod sockets;
mod tls;

use std::fmt::Display;
use std::path::Path;

use mirrorbox::adapter::{Adapter, AdapterError};
use mirrorbox::config::Manifest;
use mirrorbox::key::SessionKey;
use mirrorbox::store::{Store, StoreError};
use mirrorbox_e2e::{runtime, test_guest};

/// So much time that only what never ends takes longer.
const ONE: &str = "instances = 1\ntimeout = \"120s\"\n";

/// The adapter that reaches out on command, with one instance and these entries of `grants.network`.
async fn granted(entries: &[impl Display]) -> Adapter {
    load(ONE, entries).await.unwrap()
}

async fn load(limits: &str, entries: &[impl Display]) -> Result<Adapter, AdapterError> {
    let entries: Vec<_> = entries.iter().map(ToString::to_string).collect();
    let manifest = format!("{limits}[grants]\nnetwork = [{}]", entries.join(", "));
    let manifest = Manifest::parse(Path::new("/adapters/network.toml"), &manifest).unwrap();
    Adapter::load(&runtime(), "network", &test_guest("network"), &manifest).await
}

/// An entry without more.
fn entry(text: impl Display) -> String {
    format!("{:?}", text.to_string())
}

/// What the adapter tells of a command.
async fn run(adapter: &Adapter, command: impl Display) -> String {
    match answer(adapter, &command).await {
        StoreError::Other(told) => told,
        other => panic!("{command}: {other}"),
    }
}

/// What comes of a command; it is always an error.
async fn answer(adapter: &Adapter, command: impl Display) -> StoreError {
    let key = SessionKey::main("project", command.to_string()).unwrap();
    adapter.load(&key, 0, 1).await.unwrap_err()
}
