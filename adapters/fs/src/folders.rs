//! Folders that are sure to be there after a power cut.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};

use mirrorbox_adapter::encoding::{encode_file_name, is_hashed};
use mirrorbox_adapter::{Result, SessionKey};

use crate::disk::{self, Temporary};
use crate::layout::{self, Layout, Level};

/// Remembering is cheap, but not free of limits.
const REMEMBERED: usize = 4096;

/// The folders that this instance knows to be durable: made by it, or found and synced. Another host's `mkdir` may not
/// have reached the disk yet.
#[derive(Debug, Default)]
pub(crate) struct Folders {
    durable: HashSet<PathBuf>,
}

impl Folders {
    /// Makes sure of every folder down to a transcript's.
    pub(crate) fn ensure(&mut self, layout: &Layout, key: &SessionKey) -> Result<()> {
        if self.durable.contains(&layout.stream(key)) {
            return Ok(());
        }
        if self.durable.len() > REMEMBERED {
            self.durable.clear();
        }
        let mut parent = layout.root().to_owned();
        for level in layout.levels(key) {
            if !self.durable.contains(&level.dir) {
                let made = make(layout, &level, &parent);
                made.map_err(|error| disk::failed_change("create", &level.dir, error))?;
                self.durable.insert(level.dir.clone());
            }
            parent = level.dir;
        }
        Ok(())
    }

    /// Something is not where it was: look again.
    pub(crate) fn forget(&mut self) {
        self.durable.clear();
    }
}

fn make(layout: &Layout, level: &Level<'_>, parent: &Path) -> io::Result<()> {
    disk::create_dir(&level.dir)?;
    if let Some(part) = level.part.filter(|part| is_hashed(&encode_file_name(part))) {
        let written = Temporary::write(layout, &[part.as_bytes()])?;
        match written.link(&layout::full_name(&level.dir)) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => disk::sync_dir(&level.dir)?,
        }
    }
    disk::sync_dir(parent)
}
