//! An adapter directory with a host on it, builds of the fs adapter to drop there, and what they stored.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use mirrorbox::adapter::{Inspection, Runtime};
use mirrorbox::config::Config;
use mirrorbox::host::{AdapterChange, AdapterEvent, AdapterState, AdapterStatus, Events, Host, HostEvent, Watching};
use mirrorbox::key::SessionKey;
use mirrorbox_e2e::{PROJECT, adapter, entry, runtime, stored};

/// Long enough for a machine that has better things to do.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// Files are put into place whole: there is little to wait for.
pub(crate) const QUICK: Watching = Watching {
    events: true,
    rescan: Duration::from_secs(2),
    quiet: Duration::from_millis(20),
};

/// A configuration with nothing in its adapter directory.
pub(crate) struct Directory {
    dir: tempfile::TempDir,
}

/// A host on it.
pub(crate) struct Running {
    pub(crate) host: Host,
    pub(crate) events: Events,
}

impl Directory {
    pub(crate) fn new() -> Self {
        // Compiled code is shared by all tests.
        static ENGINE: OnceLock<Arc<Runtime>> = OnceLock::new();
        ENGINE.get_or_init(runtime);
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("config/adapters")).unwrap();
        Self { dir }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join("config/adapters").join(name)
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.dir.path().join("config")
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    /// Where a destination's transcripts are.
    pub(crate) fn folder(&self, name: &str) -> PathBuf {
        let folder = self.dir.path().join("stores").join(name);
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    /// A manifest that grants a destination its folder, with a line more.
    pub(crate) fn manifest(&self, name: &str, more: &str) -> String {
        let folder = self.folder(name);
        format!("{more}\n[grants]\ndirs = [{{ host = {folder:?}, guest = \"/data\" }}]\n[mirror]\nflush = \"eager\"\n")
    }

    /// Puts a file into the directory whole, as one should.
    pub(crate) fn put(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let fresh = self.path(&format!(".{name}.new"));
        fs::write(&fresh, bytes).unwrap();
        fs::rename(fresh, self.path(name)).unwrap();
    }

    /// Puts a build of the fs adapter and its manifest into the directory.
    pub(crate) fn install(&self, name: &str, build: &[u8]) {
        self.put(&format!("{name}.toml"), self.manifest(name, ""));
        self.put(&format!("{name}.wasm"), build);
    }

    pub(crate) fn start(&self) -> Running {
        self.start_watching(QUICK)
    }

    pub(crate) fn start_watching(&self, watching: Watching) -> Running {
        let config = Config::load_lenient(&self.config(), &self.state()).unwrap();
        let builder = Host::builder(&self.state()).config(&config).watching(watching);
        let host = builder.build_blocking().unwrap();
        let events = host.events();
        Running { host, events }
    }

    /// A destination holds these sessions, each with so many entries, each entry once and in order, byte for byte.
    pub(crate) async fn check(&self, name: &str, sessions: &[(&str, u64)]) {
        for (session, count) in sessions {
            let stored = stored(&self.folder(name), session).await;
            // One host after the other wrote it, each under its own name.
            let lines: String = stored.into_iter().map(|(_, lines)| lines).collect();
            let found = lines.lines().count();
            let is_equal = lines == mirrorbox_e2e::lines(RUN, session, *count);
            assert!(
                is_equal,
                "{name}, {session}: {found} entries, or others, instead of {count}"
            );
        }
    }
}

/// What stands in every entry.
pub(crate) const RUN: &str = "run";

/// Another build of the fs adapter: the same code, and a section that says which build it is.
pub(crate) fn build(number: u64) -> Vec<u8> {
    let mut bytes = fs::read(adapter("fs")).unwrap();
    let name = b"build";
    bytes.extend([
        0,
        u8::try_from(1 + name.len() + 8).unwrap(),
        u8::try_from(name.len()).unwrap(),
    ]);
    bytes.extend(name);
    bytes.extend(number.to_le_bytes());
    bytes
}

/// Hex SHA-256 of a component.
pub(crate) fn digest(build: &[u8]) -> String {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), build).unwrap();
    Inspection::of(&runtime(), file.path()).unwrap().sha256
}

impl Running {
    /// Waits for the next that becomes of any adapter.
    pub(crate) async fn next(&mut self) -> AdapterEvent {
        let events = &mut self.events;
        let waiting = async {
            loop {
                if let HostEvent::Adapter(event) = events.next().await.expect("the host ended first") {
                    return event;
                }
            }
        };
        match tokio::time::timeout(PATIENCE, waiting).await {
            Ok(event) => event,
            Err(_) => panic!("nothing more happens: {:#?}", self.host.adapters()),
        }
    }

    /// Waits until this becomes of an adapter.
    pub(crate) async fn until(&mut self, name: &str, is_it: impl Fn(&AdapterChange) -> bool) -> AdapterChange {
        loop {
            let event = self.next().await;
            if event.adapter == name && is_it(&event.what) {
                return event.what;
            }
        }
    }

    /// Waits until an adapter takes part.
    pub(crate) async fn loaded(&mut self, name: &str) {
        self.until(name, |what| matches!(what, AdapterChange::Loaded { .. }))
            .await;
    }

    /// Waits until an adapter that stood there from the start takes part.
    pub(crate) async fn until_open(&mut self, name: &str) {
        while !matches!(self.adapter(name).state, AdapterState::Open) {
            self.next().await;
        }
    }

    /// Waits until an adapter that stood there from the start does not take part: why.
    pub(crate) async fn failed(&mut self, name: &str) -> String {
        while !matches!(self.adapter(name).state, AdapterState::Failed) {
            self.next().await;
        }
        self.adapter(name).cause.unwrap()
    }

    /// Waits until a build takes the place of another.
    pub(crate) async fn replaced(&mut self, name: &str, digest: &str) {
        let is_it = |what: &AdapterChange| matches!(what, AdapterChange::Replaced { to, .. } if to == digest);
        self.until(name, is_it).await;
    }

    /// Waits until an adapter does not take part, or a change is not taken over, for a cause with these words in it.
    pub(crate) async fn complains(&mut self, name: &str, words: &str) -> AdapterChange {
        let is_it = |what: &AdapterChange| match what {
            AdapterChange::Kept { cause } | AdapterChange::Failed { cause, .. } => cause.contains(words),
            _ => false,
        };
        self.until(name, is_it).await
    }

    pub(crate) fn adapter(&self, name: &str) -> AdapterStatus {
        let all = self.host.adapters();
        all.into_iter().find(|status| status.name == name).unwrap()
    }

    /// Appends the entries of a session in this range, one call each.
    pub(crate) async fn append(&self, session: &str, entries: std::ops::Range<u64>) {
        let transcript = self.host.transcript(key(session));
        for index in entries {
            transcript.append(&[entry(RUN, session, index)]).await.unwrap();
        }
    }

    /// Delivers everything.
    pub(crate) async fn flush(&self) {
        let left = self.host.flush(PATIENCE).await.unwrap();
        assert!(left.is_empty(), "{left:#?}");
    }

    pub(crate) async fn close(self) {
        drop(self.host.close(PATIENCE).await.unwrap());
    }
}

pub(crate) fn key(session: &str) -> SessionKey {
    SessionKey::main(PROJECT, session).unwrap()
}

/// The file of the first batch of the session `session`.
pub(crate) fn first_batch(folder: &Path) -> PathBuf {
    folder.join(PROJECT).join("session").join(format!("{:020}.jsonl", 1))
}

/// Waits until a file is there.
pub(crate) async fn appears(path: &Path) {
    let waiting = async {
        while !path.exists() {
            // The process that writes there is in a sandbox that raises no events.
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap();
}
