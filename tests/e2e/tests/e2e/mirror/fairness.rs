//! A thousand streams and a slow store: one that never rests makes the others wait hardly longer.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use mirrorbox::config::{Flush, MirrorSettings};
use mirrorbox::host::Host;
use mirrorbox::key::SessionKey;
use mirrorbox::mirror::DestinationOptions;
use mirrorbox::store::{Batch, MemoryStore, Page, Position, Store, StoreError, StoreInfo, StoredSession, Summary};

const STREAMS: usize = 1000;
const PATIENCE: Duration = Duration::from_secs(300);

/// Takes its time, and notes for which session it was called, call by call.
#[derive(Debug, Default)]
struct Slow {
    store: MemoryStore,
    turns: Mutex<Vec<String>>,
}

impl Slow {
    async fn turn(&self, key: &SessionKey) {
        self.turns.lock().unwrap().push(key.session_id().to_owned());
        tokio::time::sleep(Duration::from_millis(1)).await;
    }

    fn turns(&self) -> Vec<String> {
        self.turns.lock().unwrap().clone()
    }
}

#[async_trait]
impl Store for Slow {
    fn info(&self) -> StoreInfo {
        self.store.info()
    }

    async fn append(&self, key: &SessionKey, batch: &Batch, summary: Option<&Summary>) -> Result<(), StoreError> {
        self.turn(key).await;
        self.store.append(key, batch, summary).await
    }

    async fn load(&self, key: &SessionKey, after: u64, max_bytes: u32) -> Result<Vec<Batch>, StoreError> {
        self.turn(key).await;
        self.store.load(key, after, max_bytes).await
    }

    async fn end(&self, key: &SessionKey) -> Result<Option<Position>, StoreError> {
        self.turn(key).await;
        self.store.end(key).await
    }

    async fn list_subkeys(
        &self,
        project_key: &str,
        session_id: &str,
        token: Option<&str>,
        limit: u32,
    ) -> Result<Page<String>, StoreError> {
        self.store.list_subkeys(project_key, session_id, token, limit).await
    }

    async fn list_projects(&self, token: Option<&str>, limit: u32) -> Result<Page<String>, StoreError> {
        self.store.list_projects(token, limit).await
    }

    async fn list_sessions(
        &self,
        project_key: &str,
        token: Option<&str>,
        limit: u32,
    ) -> Result<Page<StoredSession>, StoreError> {
        self.store.list_sessions(project_key, token, limit).await
    }

    async fn find_session(&self, project_key: &str, session_id: &str) -> Result<Option<StoredSession>, StoreError> {
        self.store.find_session(project_key, session_id).await
    }

    async fn delete(&self, key: &SessionKey, tombstone: &Batch) -> Result<(), StoreError> {
        self.store.delete(key, tombstone).await
    }

    async fn compact(&self, key: &SessionKey, through: u64) -> Result<(), StoreError> {
        self.store.compact(key, through).await
    }
}

/// How many calls there were until each of a thousand streams had its one entry delivered.
fn calls_until_all_are_served(busy: bool) -> usize {
    let state = tempfile::tempdir().unwrap();
    let slow = Arc::new(Slow::default());
    let mirror = MirrorSettings {
        flush: Flush::Eager,
        ..MirrorSettings::default()
    };
    let options = DestinationOptions {
        mirror,
        ..DestinationOptions::default()
    };
    let host = Host::builder(state.path())
        .store_with("slow", slow.clone(), options)
        .build_blocking()
        .unwrap();
    let (is_over, before) = (AtomicBool::new(!busy), slow.turns().len());
    let endless = host.transcript(SessionKey::main("project", "busy").unwrap());
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                endless.append_blocking(&[b"{}"]).unwrap();
            }
        });
        let appends = (0..STREAMS).map(|n| {
            let transcript = host.transcript(SessionKey::main("project", format!("quiet-{n}")).unwrap());
            transcript.append(&[b"{}"])
        });
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        for appended in runtime.block_on(futures_util::future::join_all(appends)) {
            appended.unwrap();
        }
        let left = host.flush_blocking(PATIENCE).unwrap();
        is_over.store(true, Ordering::Relaxed);
        assert!(left.is_empty(), "{left}");
    });
    drop(endless);
    let turns = slow.turns();
    let of_busy = turns.iter().filter(|session| *session == "busy").count();
    assert!(!busy || of_busy > 2, "it was not busy: {of_busy}");
    drop(host.close_blocking(PATIENCE).unwrap());
    turns[before..].iter().rposition(|session| session != "busy").unwrap()
}

#[test]
fn a_busy_stream_makes_others_wait_hardly_longer() {
    let (quiet, busy) = (calls_until_all_are_served(false), calls_until_all_are_served(true));
    println!("served after {quiet} calls, beside a busy stream after {busy}");
    assert!(busy <= 3 * quiet, "{busy} calls, {quiet} without the busy stream");
}
