//! Projects directories and stored streams for tests.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::TempDir;

use super::{Import, ImportReport, import, silent};
use crate::key::SessionKey;
use crate::store::{Batch, BatchDraft, Chain, Kind, Origin, Store};

/// A projects directory that goes away.
#[derive(Debug)]
pub(super) struct Projects {
    pub(super) dir: TempDir,
}

impl Projects {
    pub(super) fn new() -> Self {
        Self {
            dir: TempDir::new().unwrap(),
        }
    }

    pub(super) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Writes a file, and the directories to it.
    pub(super) fn write(&self, file: &str, bytes: impl AsRef<[u8]>) -> &Self {
        let path = self.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
        self
    }

    pub(super) async fn import(&self, store: &Arc<impl Store + 'static>) -> ImportReport {
        import(store.clone(), self.path(), &Import::default(), silent())
            .await
            .unwrap()
    }
}

/// Every file under a directory, by its path in it.
pub(super) fn files(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let read = |path: PathBuf| (path.clone(), fs::read(dir.join(path)).unwrap());
    paths(dir).into_iter().map(read).collect()
}

/// The path of every file under a directory. Directories may go away meanwhile.
pub(super) fn paths(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut dirs = vec![dir.to_owned()];
    while let Some(next) = dirs.pop() {
        for entry in fs::read_dir(next).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                dirs.push(path);
            } else {
                found.push(path.strip_prefix(dir).unwrap().to_owned());
            }
        }
    }
    found.sort();
    found
}

pub(super) fn main_key() -> SessionKey {
    SessionKey::main("project", "session").unwrap()
}

/// `count` entries, numbered from `first`.
pub(super) fn lines(first: usize, count: usize) -> String {
    (first..first + count)
        .map(|n| format!("{{\"type\":\"user\",\"n\":{n}}}\n"))
        .collect()
}

/// Appends one batch of another writer behind what is stored.
pub(super) async fn append(store: &impl Store, key: &SessionKey, payload: impl Into<bytes::Bytes>) -> Batch {
    let mut chain = match store.end(key).await.unwrap() {
        Some(position) => Chain::at(key, position),
        None => Chain::start(key),
    };
    let batch = chain.next(BatchDraft {
        kind: Kind::Entries,
        origin: Origin {
            writer: "another".into(),
            line: 1,
        },
        payload: payload.into(),
    });
    store.append(key, &batch, None).await.unwrap();
    batch
}

/// All batches of a stream, as they are stored.
pub(super) async fn batches(store: &impl Store, key: &SessionKey) -> Vec<Batch> {
    store.load(key, 0, u32::MAX).await.unwrap()
}

/// All payloads of a stream, joined.
pub(super) async fn stored(store: &impl Store, key: &SessionKey) -> String {
    let batches = batches(store, key).await;
    let bytes = batches.iter().flat_map(|batch| batch.payload.to_vec()).collect();
    String::from_utf8(bytes).unwrap()
}
