//! End to end tests of Mirrorbox: the real binary, real components, real files. `cargo xtask test` builds what they
//! need.
//!
//! This library is what the tests share: where the built things are, and adapters to play with.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "used by tests only"
)]

mod agent;
mod appended;
mod appender;
mod backend;
mod dummy;
mod entries;
mod mirrored;

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use bytes::Bytes;
use mirrorbox::adapter::{Adapter, AdapterError, Runtime};
use mirrorbox::config::{Config, Manifest};
use mirrorbox::store::{BatchDraft, Kind, Origin};

pub use agent::{Answer, Claude, Machine, Running, patient_delivery};
pub use appended::Run;
pub use appender::{Appender, Memory};
pub use dummy::dummy_component;
pub use entries::{PROJECT, calls, entry, lines};
pub use mirrored::{Call, Faulty, Mirrored, acked_lines, check, lines_of, stored};

/// How often or how much: the short form, or with `MIRRORBOX_SOAK` the whole one (`cargo xtask soak`).
pub fn amount(short: u64, whole: u64) -> u64 {
    match std::env::var_os("MIRRORBOX_SOAK") {
        Some(_) => whole,
        None => short,
    }
}
pub use backend::{BUCKET, Backend, ManifestText};

/// The workspace's target directory.
pub fn target_dir() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(dir) => PathBuf::from(dir),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target"),
    }
}

/// The component of an adapter that comes with Mirrorbox.
pub fn adapter(name: &str) -> PathBuf {
    built(target_dir().join("adapters").join(format!("{name}.wasm")))
}

/// The command, which also compiles components for tests that use the library.
pub fn command() -> PathBuf {
    built(target_dir().join("debug/mirrorbox"))
}

/// A component that exists for tests (`faulty`).
pub fn test_guest(name: &str) -> PathBuf {
    built(target_dir().join("test-guests").join(format!("{name}.wasm")))
}

fn built(path: PathBuf) -> PathBuf {
    assert!(
        path.is_file(),
        "{} is not built; `cargo xtask test` builds it",
        path.display()
    );
    path
}

/// The engine. What it compiles is kept for other tests: for the larger components, that takes longer than most tests.
pub fn runtime() -> Arc<Runtime> {
    Runtime::compile_with(command());
    Runtime::shared(Some(&target_dir().join("compiled-for-tests"))).unwrap()
}

/// The fs adapter, granted one folder.
pub async fn fs_adapter(dir: &Path) -> Result<Adapter, AdapterError> {
    let manifest = format!("[grants]\ndirs = [{{ host = {dir:?}, guest = \"/data\" }}]");
    let manifest = Manifest::parse(Path::new("/adapters/fs.toml"), &manifest).unwrap();
    Adapter::load(&runtime(), "fs", &adapter("fs"), &manifest).await
}

/// Lines that begin at `line` of some writer's.
pub fn draft(line: u64, payload: impl Into<Bytes>) -> BatchDraft {
    BatchDraft {
        kind: Kind::Entries,
        origin: Origin {
            writer: "writer".into(),
            line,
        },
        payload: payload.into(),
    }
}

/// The seed of a randomised test: `MIRRORBOX_SEED`, or a new one. Printed, for the failure that it may explain.
pub fn seed() -> u64 {
    let given = std::env::var("MIRRORBOX_SEED").ok().map(|text| text.parse().unwrap());
    let seed = given.unwrap_or_else(|| fastrand::u64(..));
    println!("MIRRORBOX_SEED={seed}");
    seed
}

/// Whether tests may take hours: `MIRRORBOX_SOAK=1`.
pub fn soak() -> bool {
    std::env::var_os("MIRRORBOX_SOAK").is_some_and(|value| value == "1")
}

/// The memory that this process has in use.
pub fn resident_bytes() -> u64 {
    let kib: u64 = status("VmRSS:").trim_end_matches(" kB").parse().unwrap();
    kib << 10
}

/// The threads that this process has.
pub fn threads() -> u64 {
    status("Threads:").parse().unwrap()
}

fn status(name: &str) -> String {
    let status = fs::read_to_string("/proc/self/status").expect("these figures need /proc");
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim().to_owned()
}

/// A configuration and a state directory of its own, with the fs adapter that the command brings along, and the
/// command.
#[derive(Debug)]
pub struct Installation {
    /// The configuration directory.
    pub config: PathBuf,
    /// The state directory.
    pub state: PathBuf,
    /// The folder that the fs adapter keeps transcripts in.
    pub store: PathBuf,
}

impl Installation {
    /// Runs `mirrorbox init` for folders under `dir`.
    pub fn at(dir: &Path) -> Self {
        let installation = Self {
            config: dir.join("config"),
            state: dir.join("state"),
            store: dir.join("store"),
        };
        let store = installation.store.clone();
        installation.succeeds([OsStr::new("init"), OsStr::new("--store"), store.as_os_str()]);
        installation
    }

    /// Runs `mirrorbox init`, and lets a backend's adapter take the place of the one that comes with it.
    pub fn with(dir: &Path, backend: &Backend) -> Self {
        let installation = Self::at(dir);
        for file in ["fs.wasm", "fs.toml"] {
            fs::remove_file(installation.config.join("adapters").join(file)).unwrap();
        }
        installation.succeeds(["adapters", "install", backend.adapter()]);
        installation.set_manifest(backend, &backend.manifest());
        installation
    }

    /// Replaces the manifest of a backend's adapter, and forgets what was approved: who writes it may.
    pub fn set_manifest(&self, backend: &Backend, manifest: &ManifestText) {
        if let Err(error) = fs::remove_file(self.lock()) {
            assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
        }
        let path = self.config.join("adapters").join(backend.adapter());
        fs::write(path.with_extension("toml"), manifest.to_string()).unwrap();
    }

    /// Where it is kept what adapters were approved with.
    pub fn lock(&self) -> PathBuf {
        self.config.join("adapters.lock")
    }

    /// What the configuration says, for a host of the test's own.
    pub fn to_config(&self) -> Config {
        Config::load(&self.config, &self.state).unwrap()
    }

    /// The command with these arguments, not started yet.
    pub fn command<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(command());
        command
            .arg("--config")
            .arg(&self.config)
            .arg("--state")
            .arg(&self.state);
        command.args(arguments).stdin(Stdio::null());
        command
    }

    /// Runs the command to its end.
    pub fn run<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Ran {
        let output = self.command(arguments).output().unwrap();
        Ran {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Runs the command, which must exit with 0; what it printed.
    pub fn succeeds<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> String {
        let ran = self.run(arguments);
        assert_eq!(ran.code, Some(0), "{ran:#?}");
        ran.stdout
    }

    /// Runs the command with `--json`, which must exit with 0; what it printed.
    pub fn json<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> serde_json::Value {
        let arguments: Vec<_> = arguments
            .into_iter()
            .map(|argument| argument.as_ref().to_owned())
            .collect();
        let printed = self.succeeds(arguments.iter().map(OsString::as_os_str).chain([OsStr::new("--json")]));
        serde_json::from_str(&printed).unwrap_or_else(|error| panic!("{error}: {printed}"))
    }
}

/// What a command did.
#[derive(Clone, Debug)]
pub struct Ran {
    /// Its exit code; none where a signal ended it.
    pub code: Option<i32>,
    /// What it printed.
    pub stdout: String,
    /// What it complained of.
    pub stderr: String,
}
