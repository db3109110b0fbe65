//! Files and folders that only their owner may read, as the agent makes them.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

#[cfg(unix)]
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};

/// So much is written at once.
const CHUNK: usize = 1 << 20;

/// A file that is written in large pieces.
#[derive(Debug)]
pub(crate) struct Output {
    file: File,
    /// What is not written yet. Append to it, then call [`Output::settle`].
    pub(crate) buffer: String,
    written: u64,
}

impl Output {
    /// Makes a new file, and the folders that it needs.
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        if let Some(folder) = path.parent() {
            private_folder().create(folder)?;
        }
        Ok(Self {
            file: private_file().open(path)?,
            buffer: String::new(),
            written: 0,
        })
    }

    /// Bytes so far.
    pub(crate) fn bytes(&self) -> u64 {
        self.written + self.buffer.len() as u64
    }

    /// Writes the buffer once it is large.
    pub(crate) fn settle(&mut self) -> io::Result<()> {
        if self.buffer.len() < CHUNK {
            Ok(())
        } else {
            self.flush()
        }
    }

    /// Writes the rest.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        self.flush()
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.write_all(self.buffer.as_bytes())?;
        self.written = self.bytes();
        self.buffer.clear();
        Ok(())
    }
}

fn private_folder() -> DirBuilder {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    builder.mode(0o700);
    builder
}

fn private_file() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    options.mode(0o600);
    options
}
