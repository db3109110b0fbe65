//! Two folders, file by file, byte by byte.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

/// The files under a folder: relative path and length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tree(BTreeMap<PathBuf, u64>);

impl Tree {
    /// Lists a folder.
    pub(super) fn of(root: &Path) -> Result<Tree> {
        let mut files = BTreeMap::new();
        let mut folders = vec![root.to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))? {
                let entry = entry?;
                match entry.file_type()?.is_dir() {
                    true => folders.push(entry.path()),
                    false => {
                        let path = entry.path();
                        files.insert(path.strip_prefix(root)?.to_owned(), entry.metadata()?.len());
                    }
                }
            }
        }
        Ok(Tree(files))
    }

    pub(super) fn bytes(&self) -> u64 {
        self.0.values().sum()
    }

    pub(super) fn sessions(&self) -> usize {
        self.main_transcripts().count()
    }

    /// The counts in words.
    pub(super) fn summary(&self) -> String {
        let megabytes = self.bytes() as f64 / 1e6;
        format!(
            "{} sessions, {} files, {megabytes:.1} MB",
            self.sessions(),
            self.0.len()
        )
    }

    /// The id of a session.
    pub(super) fn first_session(&self) -> Result<&str> {
        let id = self
            .main_transcripts()
            .next()
            .and_then(|path| path.file_stem()?.to_str());
        id.context("there is no session")
    }

    /// Fails with the first difference between two folders that should both hold these files and no others.
    pub(super) fn must_equal(&self, one: &Path, other: &Path) -> Result<()> {
        ensure!(!self.0.is_empty(), "there is nothing to compare");
        for root in [one, other] {
            let found = Tree::of(root)?;
            if let Some(missing) = self.0.keys().find(|path| !found.0.contains_key(*path)) {
                bail!("{} is missing", root.join(missing).display());
            }
            if let Some(extra) = found.0.keys().find(|path| !self.0.contains_key(*path)) {
                bail!("{} should not be there", root.join(extra).display());
            }
        }
        for path in self.0.keys() {
            let (one, other) = (one.join(path), other.join(path));
            ensure!(
                same_bytes(&one, &other)?,
                "{} differs from {}",
                other.display(),
                one.display()
            );
        }
        Ok(())
    }

    /// `project/session.jsonl`; subagents lie deeper.
    fn main_transcripts(&self) -> impl Iterator<Item = &PathBuf> {
        let is_main =
            |path: &&PathBuf| path.components().count() == 2 && path.extension().is_some_and(|e| e == "jsonl");
        self.0.keys().filter(is_main)
    }
}

/// Compares two files in flat memory.
fn same_bytes(one: &Path, other: &Path) -> Result<bool> {
    let open = |path: &Path| File::open(path).with_context(|| format!("cannot open {}", path.display()));
    let (mut one, mut other) = (BufReader::new(open(one)?), BufReader::new(open(other)?));
    loop {
        let (left, right) = (one.fill_buf()?, other.fill_buf()?);
        let length = left.len().min(right.len());
        if length == 0 {
            return Ok(left.len() == right.len());
        }
        if left.get(..length) != right.get(..length) {
            return Ok(false);
        }
        one.consume(length);
        other.consume(length);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two folders with the given files, gone when dropped.
    struct Pair(PathBuf);

    impl Pair {
        fn with(name: &str, one: &[(&str, &[u8])], other: &[(&str, &[u8])]) -> Pair {
            let root = std::env::temp_dir().join(format!("mirrorbox-{name}-{}", std::process::id()));
            for (side, files) in [("one", one), ("other", other)] {
                for (path, bytes) in files {
                    let path = root.join(side).join(path);
                    fs::create_dir_all(path.parent().unwrap()).unwrap();
                    fs::write(path, bytes).unwrap();
                }
            }
            Pair(root)
        }

        fn compare(&self) -> Result<()> {
            let (one, other) = (self.0.join("one"), self.0.join("other"));
            Tree::of(&one)?.must_equal(&one, &other)
        }
    }

    impl Drop for Pair {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).unwrap();
        }
    }

    #[test]
    fn equal_folders_are_equal() {
        let long = vec![7; 100_000];
        let files: &[(&str, &[u8])] = &[("p/s.jsonl", &long), ("p/s/subagents/a.jsonl", b"{}\n")];
        let pair = Pair::with("equal", files, files);
        pair.compare().unwrap();
        let tree = Tree::of(&pair.0.join("one")).unwrap();
        assert_eq!(
            (tree.sessions(), tree.bytes(), tree.first_session().unwrap()),
            (1, 100_003, "s")
        );
    }

    #[test]
    fn every_difference_is_found() {
        let whole: (&str, &[u8]) = ("p/s.jsonl", b"{}\n{}\n");
        for (name, other, complaint) in [
            ("changed", &[("p/s.jsonl", &b"{}\n[]\n"[..])][..], "differs"),
            ("short", &[("p/s.jsonl", b"{}\n")], "differs"),
            ("missing", &[("p/t.jsonl", b"{}\n{}\n")], "is missing"),
            ("extra", &[whole, ("p/t.jsonl", b"")], "should not be there"),
        ] {
            let error = Pair::with(name, &[whole], other).compare().unwrap_err().to_string();
            assert!(error.contains(complaint), "{name}: {error}");
        }
    }
}
