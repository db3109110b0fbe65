//! An agent's file: what is in it, and what is done to it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::agent_format::is_mirrored;
use crate::key::SessionKey;

pub(super) struct AgentFile {
    pub(super) key: SessionKey,
    pub(super) path: PathBuf,
    /// Its complete lines.
    pub(super) lines: Vec<String>,
    /// The beginning of its last one.
    pub(super) torn: String,
    pub(super) is_there: bool,
    /// Lines that were added at its end, in order.
    pub(super) appended: Vec<String>,
}

impl AgentFile {
    pub(super) fn new(projects: &Path, key: SessionKey) -> Self {
        Self {
            path: projects.join(key.file().unwrap()),
            key,
            lines: Vec::new(),
            torn: String::new(),
            is_there: false,
            appended: Vec::new(),
        }
    }

    /// The lines that are to be stored.
    pub(super) fn wanted(&self) -> impl Iterator<Item = &String> {
        let lines = self.lines.iter().filter(|_| self.is_there);
        lines.filter(|line| is_mirrored(line.as_bytes()))
    }

    pub(super) fn add(&mut self, lines: Vec<String>) {
        self.appended.extend(lines.iter().cloned());
        self.lines.extend(lines);
        self.is_there = true;
    }

    pub(super) fn remove(&mut self) {
        self.lines.clear();
        self.torn.clear();
        self.is_there = false;
        drop(fs::remove_file(&self.path));
    }

    /// Brings it to the disk: written anew in place, or another file in its place. The time is a simulated one, for
    /// that of file systems stands still between quick writes.
    pub(super) fn save(&self, time: u64, is_replaced: bool) {
        fs::create_dir_all(self.path.parent().unwrap()).unwrap();
        let mut text: String = self.lines.iter().map(|line| format!("{line}\n")).collect();
        text.push_str(&self.torn);
        let new = self.path.with_extension("new");
        let path = if is_replaced { &new } else { &self.path };
        fs::write(path, text).unwrap();
        let file = fs::File::options().append(true).open(path).unwrap();
        let modified = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000 + time);
        file.set_modified(modified).unwrap();
        if is_replaced {
            fs::rename(&new, &self.path).unwrap();
        }
    }
}

/// Whether no other line is like it.
pub(super) fn is_unique(line: &str) -> bool {
    !line.contains("same")
}
