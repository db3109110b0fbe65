//! A spool that ends anywhere, and no cursors: what was synced is delivered, and damage is reported.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use mirrorbox::host::Host;
use mirrorbox::key::SessionKey;
use mirrorbox::spool::{FileTrouble, Spool};
use mirrorbox::store::{MemoryStore, Reader, Store};
use mirrorbox_e2e::{PROJECT, amount, entry};
use tempfile::TempDir;

/// How much of the end is cut off, byte by byte.
const CUTS: u64 = 4096;

/// What a dead process left: its state directory, and what its destination has of it.
struct Left {
    state: TempDir,
    /// The stream's file, below the state directory.
    file: PathBuf,
    /// The whole file: what was acknowledged, whole lines that were not, and a torn one.
    bytes: Vec<u8>,
    /// So much of it was acknowledged.
    acked: usize,
    store: Arc<MemoryStore>,
}

fn key() -> SessionKey {
    SessionKey::main(PROJECT, "one").unwrap()
}

/// In memory where that can be had: each cut takes a fresh copy.
fn folder() -> TempDir {
    tempfile::tempdir_in("/dev/shm").unwrap_or_else(|_| tempfile::tempdir().unwrap())
}

fn entries(range: std::ops::Range<u64>) -> Vec<String> {
    range.map(|index| entry("run", "one", index)).collect()
}

/// A process delivers some, appends more, and is gone while it writes.
async fn left() -> Left {
    let (living, state) = (folder(), folder());
    let store = Arc::new(MemoryStore::new());
    let host = Host::builder(living.path())
        .store("memory", store.clone())
        .build()
        .await
        .unwrap();
    let transcript = host.transcript(key());
    transcript.append(&entries(0..20)).await.unwrap();
    assert!(transcript.flush(Duration::from_secs(300)).await.unwrap().is_empty());
    let store = Arc::new(copy_of(store).await);
    transcript.append(&entries(20..40)).await.unwrap();
    copy(living.path(), state.path());
    let writer = host.writer().to_owned();
    drop((transcript, host));

    fs::remove_dir_all(state.path().join("cursors")).unwrap();
    let file = Path::new("spool")
        .join(writer)
        .join("projects")
        .join(key().file().unwrap());
    let acked = fs::metadata(state.path().join(&file)).unwrap().len() as usize;
    let mut open = OpenOptions::new().append(true).open(state.path().join(&file)).unwrap();
    for entry in entries(40..46) {
        writeln!(open, "{entry}").unwrap();
    }
    write!(open, "{{\"type\":\"user\",\"text\":\"torn").unwrap();
    let bytes = fs::read(state.path().join(&file)).unwrap();
    assert!(bytes.len() - acked < CUTS as usize && bytes.len() > CUTS as usize);
    Left {
        state,
        file,
        bytes,
        acked,
        store,
    }
}

async fn copy_of(store: Arc<MemoryStore>) -> MemoryStore {
    let copy = MemoryStore::new();
    let mut reader = Reader::new(store, key());
    while let Some(batch) = reader.next().await.unwrap() {
        copy.append(&key(), &batch, None).await.unwrap();
    }
    copy
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let to = to.join(path.file_name().unwrap());
        match path.is_dir() {
            true => copy(&path, &to),
            false => drop(fs::copy(&path, &to).unwrap()),
        }
    }
}

impl Left {
    /// A copy whose stream ends so many bytes earlier, and the whole lines that are left of it.
    fn cut(&self, cut: u64) -> (TempDir, &[u8]) {
        let state = folder();
        copy(self.state.path(), state.path());
        let kept = self.bytes.len() - cut as usize;
        let file = OpenOptions::new()
            .write(true)
            .open(state.path().join(&self.file))
            .unwrap();
        file.set_len(kept as u64).unwrap();
        let whole = self.bytes[..kept]
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |at| at + 1);
        (state, &self.bytes[..whole])
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spool_that_ends_anywhere_keeps_what_was_acknowledged() {
    let left = left().await;
    for cut in 0..=CUTS {
        let (state, whole) = left.cut(cut);
        let kept = left.bytes.len() - cut as usize;
        let adopted = Spool::open(state.path())
            .unwrap()
            .adopt()
            .unwrap()
            .spools
            .pop()
            .unwrap();
        let stream = &adopted.streams()[0];
        let (mut place, mut read) = (stream.start(), Vec::new());
        while let Some(chunk) = stream.read(place).unwrap() {
            read.extend_from_slice(&chunk.payload);
            place = chunk.next;
        }
        assert!(read == whole, "cut by {cut}: {} of {} bytes", read.len(), whole.len());
        let is_damaged = adopted
            .alarms()
            .iter()
            .any(|alarm| matches!(alarm.trouble, FileTrouble::Damaged(_)));
        let is_cut = adopted
            .alarms()
            .iter()
            .any(|alarm| matches!(alarm.trouble, FileTrouble::Cut { .. }));
        assert_eq!(is_damaged, kept < left.acked, "cut by {cut}: {:?}", adopted.alarms());
        assert_eq!(
            is_cut,
            kept >= left.acked && kept > whole.len(),
            "cut by {cut}: {:?}",
            adopted.alarms()
        );
        let now = fs::metadata(state.path().join(&left.file)).unwrap().len() as usize;
        let expected = if is_damaged { kept } else { whole.len() };
        assert_eq!(now, expected, "cut by {cut}: what is damaged stays as it is");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spool_that_ends_anywhere_is_delivered_without_cursors() {
    let left = left().await;
    let before = delivered(left.store.clone()).await;
    for cut in (0..=CUTS).step_by(amount(64, 1) as usize) {
        let (state, whole) = left.cut(cut);
        let store = Arc::new(copy_of(left.store.clone()).await);
        let host = Host::builder(state.path())
            .store("memory", store.clone())
            .build()
            .await
            .unwrap();
        let undelivered = host.close(Duration::from_secs(300)).await.unwrap();
        assert!(undelivered.is_empty(), "cut by {cut}: {undelivered}");
        // What the destination had before is there, whatever became of the spool.
        let expected = if whole.len() < before.len() { &before } else { whole };
        assert!(delivered(store).await == expected, "cut by {cut}");
    }
}

async fn delivered(store: Arc<MemoryStore>) -> Vec<u8> {
    let mut reader = Reader::new(store, key());
    let mut delivered = Vec::new();
    while let Some(batch) = reader.next().await.unwrap() {
        delivered.extend_from_slice(&batch.payload);
    }
    delivered
}
