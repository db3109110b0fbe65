//! A destination of your own, written in Rust: the smallest store that keeps the contract.
//!
//! ```sh
//! cargo run --example custom_store
//! ```
//!
//! `wit/adapter.wit` says for each function what a retry, a conflict, a tombstone and an empty log mean;
//! `docs/adapters/contract.md` explains it. This store lists nothing and compacts nothing: what it cannot do, its
//! `capabilities` do not name.

use std::collections::HashMap;
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use mirrorbox::host::Host;
use mirrorbox::key::SessionKey;
use mirrorbox::store::{
    Batch, Capabilities, Kind, Page, Position, Store, StoreError, StoreInfo, StoredSession, Summary,
};

/// The batches of each transcript, oldest first. A real store keeps them where another machine finds them.
#[derive(Debug, Default)]
struct Shelf(Mutex<HashMap<SessionKey, Vec<Batch>>>);

impl Shelf {
    fn with<T>(&self, work: impl FnOnce(&mut HashMap<SessionKey, Vec<Batch>>) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[async_trait]
impl Store for Shelf {
    fn info(&self) -> StoreInfo {
        StoreInfo {
            name: "shelf".into(),
            version: "1".into(),
            capabilities: Capabilities::default(),
        }
    }

    async fn append(&self, key: &SessionKey, batch: &Batch, _: Option<&Summary>) -> Result<(), StoreError> {
        self.with(|logs| {
            let log = logs.entry(key.clone()).or_default();
            // The answer to the first try was lost: the batch is there, and storing it again would double it.
            if log.iter().any(|stored| stored.digest == batch.digest) {
                return Ok(());
            }
            let end = log.last().map_or(0, |last| last.number);
            let is_gap = batch.number > end + 1 && batch.kind != Kind::Tombstone;
            if batch.number <= end || is_gap {
                return Err(StoreError::Conflict);
            }
            if batch.kind == Kind::Tombstone {
                log.clear();
            }
            log.push(batch.clone());
            Ok(())
        })
    }

    async fn load(&self, key: &SessionKey, after: u64, max_bytes: u32) -> Result<Vec<Batch>, StoreError> {
        let mut room = i64::from(max_bytes);
        let mut fits = |batch: &Batch| {
            let fits = room > 0;
            room -= i64::try_from(batch.payload.len()).unwrap_or(i64::MAX);
            fits
        };
        Ok(self.with(|logs| {
            let behind = logs.get(key).into_iter().flatten().filter(|batch| batch.number > after);
            behind.take_while(|batch| fits(batch)).cloned().collect()
        }))
    }

    async fn end(&self, key: &SessionKey) -> Result<Option<Position>, StoreError> {
        Ok(self.with(|logs| logs.get(key)?.last().map(Batch::position)))
    }

    async fn list_subkeys(&self, _: &str, _: &str, _: Option<&str>, _: u32) -> Result<Page<String>, StoreError> {
        Err(StoreError::Unsupported)
    }

    async fn list_projects(&self, _: Option<&str>, _: u32) -> Result<Page<String>, StoreError> {
        Err(StoreError::Unsupported)
    }

    async fn list_sessions(&self, _: &str, _: Option<&str>, _: u32) -> Result<Page<StoredSession>, StoreError> {
        Err(StoreError::Unsupported)
    }

    async fn find_session(&self, _: &str, _: &str) -> Result<Option<StoredSession>, StoreError> {
        Err(StoreError::Unsupported)
    }

    async fn delete(&self, _: &SessionKey, _: &Batch) -> Result<(), StoreError> {
        Err(StoreError::Unsupported)
    }

    async fn compact(&self, _: &SessionKey, _: u64) -> Result<(), StoreError> {
        Err(StoreError::Unsupported)
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let state = tempfile::tempdir()?;
    let shelf = Arc::new(Shelf::default());
    let host = Host::builder(state.path())
        .store("shelf", shelf.clone())
        .build_blocking()?;
    let key = SessionKey::main("-srv-app", "session-1")?;
    host.transcript(key.clone())
        .append_blocking(&[br#"{"n":1}"#, br#"{"n":2}"#])?;
    let left = host.close_blocking(Duration::from_secs(10))?;
    assert!(left.is_empty(), "not delivered: {left}");

    let payload = shelf.with(|logs| logs.get(&key).and_then(|log| Some(log.first()?.payload.clone())));
    assert_eq!(payload.as_deref(), Some(&b"{\"n\":1}\n{\"n\":2}\n"[..]));
    println!("the shelf holds both entries");
    Ok(())
}
