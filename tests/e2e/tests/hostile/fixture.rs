//! Loads guests and tells them what to do.

use std::path::Path;

use mirrorbox::adapter::{Adapter, AdapterError};
use mirrorbox::config::Manifest;
use mirrorbox::key::SessionKey;
use mirrorbox::store::{Store, StoreError};
use mirrorbox_e2e::{runtime, test_guest};

use crate::witness;

/// One instance, and time enough for what ends.
pub(super) const ONE: &str = "instances = 1\nmemory = \"128MiB\"\ntimeout = \"60s\"\n";

/// One instance, for what never ends.
pub(super) const ONE_IN_A_HURRY: &str = "instances = 1\nmemory = \"128MiB\"\ntimeout = \"1s\"\n";

pub(super) fn manifest(text: &str) -> Manifest {
    Manifest::parse(Path::new("/adapters/hostile.toml"), text).unwrap()
}

/// A guest that exists for tests, under this manifest.
pub(super) async fn load(guest: &str, text: &str) -> Result<Adapter, AdapterError> {
    Adapter::load(&runtime(), guest, &test_guest(guest), &manifest(text)).await
}

/// What comes of a deed; it is always an error.
pub(super) async fn commit(adapter: &Adapter, deed: &str) -> StoreError {
    let key = SessionKey::main("project", deed).unwrap();
    adapter.load(&key, 0, 1 << 20).await.unwrap_err()
}

/// The report of a deed that ran to its end.
pub(super) async fn told(adapter: &Adapter, deed: &str) -> String {
    match commit(adapter, deed).await {
        StoreError::Other(told) => told,
        other => panic!("{deed}: {other}"),
    }
}

/// Whether it still answers.
pub(super) async fn answers(adapter: &Adapter) -> bool {
    let key = SessionKey::main("project", "ok").unwrap();
    adapter.append(&key, &witness::batch(&key), None).await.is_ok()
}
