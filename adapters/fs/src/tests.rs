//! The adapter as ordinary Rust, on a folder of its own.

mod appending;
mod crashes;
mod damage;
mod failures;
mod keys;
mod listings;
mod loading;
mod pieces;
mod races;
mod refusals;
mod tombstones;

use mirrorbox_adapter::{Adapter, Batch, Error, Kind, Result, SessionKey, Summary};
use tempfile::TempDir;

use crate::Fs;

/// A backend, and as many hosts as a test wants.
struct Backend(TempDir);

impl Backend {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn host(&self) -> Fs {
        Fs::at(self.0.path()).unwrap()
    }

    /// A stream of batches 1 to `count`, and a host.
    fn with(count: u64) -> (Self, Fs) {
        let backend = Self::new();
        let mut fs = backend.host();
        for number in 1..=count {
            fs.append(&key(), entries(number), Some(summary(number))).unwrap();
        }
        (backend, fs)
    }
}

/// How much: the short form, or with `MIRRORBOX_SOAK` the whole one.
fn amount(short: u64, whole: u64) -> u64 {
    match std::env::var_os("MIRRORBOX_SOAK") {
        Some(_) => whole,
        None => short,
    }
}

fn key() -> SessionKey {
    SessionKey::main("-srv-app", "session")
}

fn batch(number: u64, kind: Kind, writer: &str, payload: &[u8]) -> Batch {
    Batch {
        number,
        kind,
        writer: writer.into(),
        line: number * 10,
        digest: format!("{writer}-{}-{number}", kind.name()),
        payload: payload.into(),
    }
}

fn entries(number: u64) -> Batch {
    batch(
        number,
        Kind::Entries,
        "us",
        format!("{{\"line\":{number}}}\n").as_bytes(),
    )
}

/// Another writer's batch of that number.
fn foreign(number: u64) -> Batch {
    batch(number, Kind::Entries, "them", b"{}\n")
}

fn tombstone(number: u64) -> Batch {
    batch(number, Kind::Tombstone, "us", b"")
}

fn summary(through: u64) -> Summary {
    Summary {
        through,
        json: format!("{{\"through\":{through}}}"),
    }
}

/// Everything there is to load.
fn load(fs: &mut Fs, key: &SessionKey) -> Result<Vec<Batch>> {
    let mut batches: Vec<Batch> = Vec::new();
    loop {
        let after = batches.last().map_or(0, |batch| batch.number);
        let page = fs.load(key, after, 1)?;
        if page.is_empty() {
            return Ok(batches);
        }
        batches.extend(page);
    }
}

/// The numbers of everything there is to load.
fn numbers(fs: &mut Fs) -> Vec<u64> {
    load(fs, &key()).unwrap().iter().map(|batch| batch.number).collect()
}

fn end(fs: &mut Fs) -> Option<u64> {
    fs.end(&key()).unwrap().map(|end| end.number)
}

fn stored_summary(fs: &mut Fs) -> Option<u64> {
    let session = fs.find_session(&key().project_key, &key().session_id).unwrap();
    session
        .and_then(|session| session.summary)
        .map(|summary| summary.through)
}
