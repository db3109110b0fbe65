//! What is measured: built before, by `cargo xtask build`.

use std::path::{Path, PathBuf};

use anyhow::ensure;

/// The built things.
#[derive(Debug)]
pub(crate) struct Built {
    /// The release binary.
    pub(crate) mirrorbox: PathBuf,
    /// The fs adapter.
    pub(crate) fs: PathBuf,
    /// The adapter whose `end` does nothing but count.
    pub(crate) faulty: PathBuf,
}

impl Built {
    /// The component of an adapter that comes with Mirrorbox.
    pub(crate) fn adapter(&self, name: &str) -> anyhow::Result<PathBuf> {
        let path = self.fs.with_file_name(format!("{name}.wasm"));
        ensure!(
            path.is_file(),
            "{} is not built; run `cargo xtask bench`",
            path.display()
        );
        Ok(path)
    }

    pub(crate) fn find(target: &Path) -> anyhow::Result<Self> {
        let built = Self {
            mirrorbox: target.join("release/mirrorbox"),
            fs: target.join("adapters/fs.wasm"),
            faulty: target.join("test-guests/faulty.wasm"),
        };
        for path in [&built.mirrorbox, &built.fs, &built.faulty] {
            ensure!(
                path.is_file(),
                "{} is not built; run `cargo xtask bench`",
                path.display()
            );
        }
        Ok(built)
    }
}
