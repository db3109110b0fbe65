use std::path::{Path, PathBuf};

use crate::agent_format::PROJECTS;
use crate::key::SessionKey;

/// Held for a moment by a process that makes, adopts or removes a writer's directory.
pub(super) const DOOR: &str = "lock";

/// The names in one writer's directory. Streams have a directory of their own in there, so no key meets another name.
///
/// | name | what |
/// | --- | --- |
/// | `writer.json` | version of this layout; the writer's identity |
/// | `lock` | locked while the writer's process lives, or another has adopted the directory |
/// | `delivered.json` | since when everything in the spool of a process that ended is delivered, and where |
/// | `recovered` | every stream in it is whole and on disk: opening it writes nothing |
/// | `projects/…` | streams, in the agent's own layout |
/// | `others/<hash>.jsonl` | streams whose key cannot be a file's name, or whose name is taken |
/// | `streams/<hash>/` | what is known of a stream: [`StreamNames`] |
#[derive(Clone, Debug)]
pub(super) struct WriterNames {
    dir: PathBuf,
}

/// The names that belong to one stream beside its file. `<hash>` is the SHA-256 of the key.
#[derive(Clone, Debug)]
pub(super) struct StreamNames {
    writer: WriterNames,
    dir: PathBuf,
}

impl WriterNames {
    pub(super) fn new(writer: &str) -> Self {
        Self { dir: writer.into() }
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(super) fn identity(&self) -> PathBuf {
        self.dir.join("writer.json")
    }

    pub(super) fn lock(&self) -> PathBuf {
        self.dir.join("lock")
    }

    /// Since when everything in it is delivered, and to which destinations; there once that is so.
    pub(super) fn delivered(&self) -> PathBuf {
        self.dir.join("delivered.json")
    }

    /// There once every stream of a dead process was brought into order, and on disk: opening them needs no write.
    pub(super) fn recovered(&self) -> PathBuf {
        self.dir.join("recovered")
    }

    pub(super) fn streams(&self) -> PathBuf {
        self.dir.join("streams")
    }

    /// The agent's own name for a stream's file, if every file system keeps it apart from every other's. Letters of
    /// both cases are let through: where a file system folds them, the second stream finds the name taken.
    pub(super) fn agent_file(&self, key: &SessionKey) -> Option<PathBuf> {
        // A key that can be no file's has a place among the others.
        let file = key.file().ok()?;
        let plain = file.to_str()?.split('/').all(is_plain);
        plain.then(|| self.dir.join(PROJECTS).join(file))
    }

    /// The name that a stream's file has wherever it is free.
    pub(super) fn usual_file(&self, key: &SessionKey) -> PathBuf {
        self.agent_file(key).unwrap_or_else(|| self.other_file(key))
    }

    pub(super) fn other_file(&self, key: &SessionKey) -> PathBuf {
        self.dir.join("others").join(format!("{}.jsonl", key.fingerprint()))
    }

    pub(super) fn stream(&self, key: &SessionKey) -> StreamNames {
        self.stream_of_hash(&key.fingerprint())
    }

    pub(super) fn stream_of_hash(&self, hash: &str) -> StreamNames {
        StreamNames {
            writer: self.clone(),
            dir: self.streams().join(hash),
        }
    }
}

impl StreamNames {
    pub(super) fn writer(&self) -> &WriterNames {
        &self.writer
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// What is known: key, file, base ([`super::record`]).
    pub(super) fn record(&self) -> PathBuf {
        self.dir.join("stream.json")
    }

    /// How far the file is synced ([`super::mark`]).
    pub(super) fn mark(&self) -> PathBuf {
        self.dir.join("synced")
    }

    /// A copy that is to replace the file after a failed sync.
    pub(super) fn fresh(&self) -> PathBuf {
        self.dir.join("fresh.jsonl")
    }

    /// What is left of the file after pruning, on its way to its place.
    pub(super) fn pruned(&self) -> PathBuf {
        self.dir.join("pruned.jsonl")
    }
}

fn is_plain(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    name.bytes().all(allowed) && !name.ends_with('.')
}
