//! End to end tests of Mirrorbox: the real binary, real components, real files. `cargo xtask test` builds what they need.
//!
//! This library is what the tests share: where the built things are, and adapters to play with.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "used by tests only"
)]

use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use mirrorbox::adapter::{Adapter, AdapterError, Runtime};
use mirrorbox::config::Manifest;
use mirrorbox::store::{BatchDraft, Kind, Origin};

/// The workspace's target directory.
pub fn target_dir() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(dir) => PathBuf::from(dir),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target"),
    }
}

/// The component of an adapter that comes with Mirrorbox (`fs`).
pub fn adapter(name: &str) -> PathBuf {
    built(target_dir().join("adapters").join(format!("{name}.wasm")))
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

/// The fs adapter, granted one folder.
pub async fn fs_adapter(dir: &Path) -> Result<Adapter, AdapterError> {
    let manifest = format!("[grants]\ndirs = [{{ host = {dir:?}, guest = \"/data\" }}]");
    let manifest = Manifest::parse(Path::new("/adapters/fs.toml"), &manifest).unwrap();
    Adapter::load(&Runtime::shared(None)?, "fs", &adapter("fs"), &manifest).await
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
