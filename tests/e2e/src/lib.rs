//! End to end tests of Mirrorbox: the real binary, real components, real files. `cargo xtask test` builds what they need.
//!
//! This library is what the tests share: where the built things are, and adapters to play with.

use std::path::{Path, PathBuf};

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
