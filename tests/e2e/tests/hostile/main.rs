//! Hostile components: whatever one does, the host lives, the others are served, and it is told who it was.

// `cfg(test)` is what lets the lints see that all of it is test code.
#[cfg(test)]
mod audit;
#[cfg(test)]
mod breakouts;
#[cfg(test)]
mod crash_loops;
#[cfg(test)]
mod hoarders;
#[cfg(test)]
mod liars;
#[cfg(test)]
mod raw;
#[cfg(test)]
mod raw_answers;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod reports;
#[cfg(test)]
mod runaways;
#[cfg(test)]
mod unlinked;
#[cfg(test)]
mod witness;

#[cfg(test)]
use std::path::Path;

#[cfg(test)]
use mirrorbox::adapter::{Adapter, AdapterError};
#[cfg(test)]
use mirrorbox::config::Manifest;
#[cfg(test)]
use mirrorbox::key::SessionKey;
#[cfg(test)]
use mirrorbox::store::{Store, StoreError};
#[cfg(test)]
use mirrorbox_e2e::{runtime, test_guest};

/// One instance, and time enough for what ends.
#[cfg(test)]
const ONE: &str = "instances = 1\nmemory = \"128MiB\"\ntimeout = \"60s\"\n";

/// One instance, for what never ends.
#[cfg(test)]
const ONE_IN_A_HURRY: &str = "instances = 1\nmemory = \"128MiB\"\ntimeout = \"1s\"\n";

#[cfg(test)]
fn manifest(text: &str) -> Manifest {
    Manifest::parse(Path::new("/adapters/hostile.toml"), text).unwrap()
}

/// A guest that exists for tests, under this manifest.
#[cfg(test)]
async fn load(guest: &str, text: &str) -> Result<Adapter, AdapterError> {
    Adapter::load(&runtime(), guest, &test_guest(guest), &manifest(text)).await
}

/// What comes of a deed; it is always an error.
#[cfg(test)]
async fn commit(adapter: &Adapter, deed: &str) -> StoreError {
    let key = SessionKey::main("project", deed).unwrap();
    adapter.load(&key, 0, 1 << 20).await.unwrap_err()
}

/// What is told of a deed that came to its end.
#[cfg(test)]
async fn told(adapter: &Adapter, deed: &str) -> String {
    match commit(adapter, deed).await {
        StoreError::Other(told) => told,
        other => panic!("{deed}: {other}"),
    }
}

/// Whether it still answers.
#[cfg(test)]
async fn answers(adapter: &Adapter) -> bool {
    let key = SessionKey::main("project", "ok").unwrap();
    adapter.append(&key, &witness::batch(&key), None).await.is_ok()
}
