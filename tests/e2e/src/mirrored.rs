//! A configuration with a destination that works and one that fails on demand, and what each of them holds.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use mirrorbox::key::SessionKey;
use mirrorbox::store::{Kind, Reader, Store};

use crate::{PROJECT, Run, adapter, fs_adapter, lines, test_guest};

/// A configuration with two destinations: `fs`, which works, and `faulty`, which does what it is ordered to. Both store
/// as the fs adapter does, and deliver at once.
#[derive(Debug)]
pub struct Mirrored {
    dir: PathBuf,
    /// What goes wrong at the second destination.
    pub faulty: Faulty,
}

/// The folder of the faulty destination (`tests/guests/faulty`).
#[derive(Debug)]
pub struct Faulty {
    dir: PathBuf,
}

/// A call that the faulty destination got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// When it began, in Unix nanoseconds.
    pub begun: u128,
    /// When it was last seen alive.
    pub last: u128,
    /// Which function.
    pub operation: String,
    /// Which session.
    pub session: String,
    /// Whether it answered.
    pub answered: bool,
}

impl Mirrored {
    /// Writes the configuration under `dir`.
    pub fn at(dir: &Path) -> Self {
        let mirrored = Self {
            dir: dir.to_owned(),
            faulty: Faulty {
                dir: dir.join("faulty"),
            },
        };
        for folder in ["config/adapters", "fs", "faulty"] {
            fs::create_dir_all(dir.join(folder)).unwrap();
        }
        mirrored.set_up("fs", &adapter("fs"), "timeout = \"60s\"", "");
        mirrored.set_up_faulty("");
        mirrored
    }

    /// At both destinations, the host that took a stream over last is the one that writes.
    pub fn last_writer_wins(&self) {
        for name in ["fs", "faulty"] {
            let manifest = self.config().join("adapters").join(name).with_extension("toml");
            let text = fs::read_to_string(&manifest).unwrap();
            fs::write(manifest, text + "writers = \"last\"\n").unwrap();
        }
    }

    /// Writes the faulty destination's manifest anew, with so many lines more at its top.
    pub fn set_up_faulty(&self, more: &str) {
        self.set_up("faulty", &test_guest("faulty"), more, "[config]\nfolder = \"/data\"\n");
    }

    fn set_up(&self, name: &str, component: &Path, top: &str, settings: &str) {
        let place = self.config().join("adapters").join(name);
        let folder = self.dir.join(name);
        let manifest = format!(
            "{top}\n{settings}[grants]\ndirs = [{{ host = {folder:?}, guest = \"/data\" }}]\n[mirror]\nflush = \"eager\"\n"
        );
        fs::write(place.with_extension("toml"), manifest).unwrap();
        fs::copy(component, place.with_extension("wasm")).unwrap();
    }

    /// Writes `mirrorbox.toml`.
    pub fn configure(&self, text: &str) {
        fs::write(self.config().join("mirrorbox.toml"), text).unwrap();
    }

    /// The configuration directory.
    pub fn config(&self) -> PathBuf {
        self.dir.join("config")
    }

    /// The state directory.
    pub fn state(&self) -> PathBuf {
        self.dir.join("state")
    }

    /// Where each destination's transcripts are.
    pub fn folders(&self) -> [PathBuf; 2] {
        [self.dir.join("fs"), self.dir.join("faulty/store")]
    }

    /// Both destinations hold of a session what these runs acknowledged, and no entry twice: run after run, each from
    /// its first entry on, byte for byte. What a process was killed over may be there or not, in both alike.
    pub async fn check(&self, session: &str, runs: &[Run]) {
        let [fs, faulty] = self.folders();
        let stored = stored(&fs, session).await;
        check(&stored, session, runs);
        assert!(stored == self::stored(&faulty, session).await, "{session}: they differ");
    }
}

impl Faulty {
    /// What goes wrong from now on, whatever was ordered before.
    pub fn order(&self, orders: &str) {
        self.obey();
        let new = self.dir.join("orders.new");
        fs::write(&new, orders).unwrap();
        fs::rename(new, self.dir.join("orders")).unwrap();
    }

    /// All works from now on.
    pub fn obey(&self) {
        // They may not be there.
        let _ = fs::remove_file(self.dir.join("orders"));
        let _ = fs::remove_dir_all(self.dir.join("taken"));
    }

    /// How often orders with times were carried out.
    pub fn taken(&self) -> usize {
        fs::read_dir(self.dir.join("taken")).map_or(0, Iterator::count)
    }

    /// Its calls are noted from now on.
    pub fn keep_journal(&self) {
        fs::create_dir_all(self.dir.join("calls")).unwrap();
    }

    /// The calls that it got since, in the order in which they began.
    pub fn calls(&self) -> Vec<Call> {
        let files = fs::read_dir(self.dir.join("calls")).unwrap();
        let mut calls: Vec<_> = files.map(|file| call(&file.unwrap().path())).collect();
        calls.sort_by_key(|call| call.begun);
        calls
    }
}

fn call(path: &Path) -> Call {
    let name = path.file_name().unwrap().to_str().unwrap();
    let [begun, operation, session] = name.split(' ').collect::<Vec<_>>().try_into().unwrap();
    let modified = fs::metadata(path).unwrap().modified().unwrap();
    let last = modified.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos();
    let begun = begun.parse().unwrap();
    Call {
        begun,
        last: last.max(begun),
        operation: operation.to_owned(),
        session: session.to_owned(),
        answered: fs::read_to_string(path).unwrap().ends_with("end"),
    }
}

/// What a folder of the fs adapter's holds of a session, verified: the lines of each writer, in the order of the log.
pub async fn stored(folder: &Path, session: &str) -> Vec<(String, String)> {
    let store: Arc<dyn Store> = Arc::new(fs_adapter(folder).await.unwrap());
    let mut reader = Reader::new(store, SessionKey::main(PROJECT, session).unwrap());
    let mut stored: Vec<(String, String)> = Vec::new();
    while let Some(batch) = reader.next().await.unwrap() {
        assert_ne!(batch.kind, Kind::Tombstone);
        let lines = std::str::from_utf8(&batch.payload).unwrap();
        match stored.last_mut() {
            Some((writer, before)) if *writer == batch.origin.writer => before.push_str(lines),
            _ => stored.push((batch.origin.writer, lines.to_owned())),
        }
    }
    stored
}

/// As [`Mirrored::check`], of one log.
pub fn check(stored: &[(String, String)], session: &str, runs: &[Run]) {
    let mut left = stored.iter().peekable();
    for run in runs {
        let acked = run.acked.get(session).copied().unwrap_or(0);
        let found = left.next_if(|(writer, _)| *writer == run.writer);
        let lines = found.map_or("", |(_, lines)| lines);
        let count = lines.lines().count() as u64;
        assert!(count >= acked, "{session}, {}: {count} of {acked} entries", run.name);
        let expected = crate::lines(&run.name, session, count);
        assert!(
            lines == expected,
            "{session}, {}: other entries than were appended",
            run.name
        );
    }
    let writers: Vec<_> = left.map(|(writer, _)| writer).collect();
    assert!(writers.is_empty(), "{session}: out of order, or nobody's: {writers:?}");
}

/// One writer's lines in a log that several wrote to, wherever they stand.
pub fn lines_of(stored: &[(String, String)], writer: &str) -> String {
    let lines = stored
        .iter()
        .filter(|(by, _)| by == writer)
        .map(|(_, lines)| lines.as_str());
    lines.collect()
}

/// All that was acknowledged of a session in a run, as lines.
pub fn acked_lines(run: &Run, session: &str) -> String {
    lines(&run.name, session, run.acked.get(session).copied().unwrap_or(0))
}
