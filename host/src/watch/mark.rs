//! How far a file was taken, and whether it is still that file.

use std::fs::{File, Metadata};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::event::Change;
use crate::disk::may_fail;

/// How much of a line is looked at to know it again.
const PRINT: usize = 4 << 10;

/// What the file system says of a file: equal ones tell that nobody wrote to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stamp {
    pub(super) bytes: u64,
    modified: (u64, u32),
    pub(super) file: Inode,
}

/// Which file a name stands for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Inode {
    device: u64,
    number: u64,
}

impl Stamp {
    /// A regular file's; `None` if it is missing. Links are not followed.
    pub(super) fn look(path: &Path) -> io::Result<Option<Self>> {
        let metadata = match may_fail(path).and_then(|()| std::fs::symlink_metadata(path)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            looked => looked?,
        };
        if !metadata.is_file() {
            return Ok(None);
        }
        // Before 1970 one time is as good as another.
        let modified = metadata.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(Some(Self {
            bytes: metadata.len(),
            modified: (modified.as_secs(), modified.subsec_nanos()),
            file: Inode::of(&metadata),
        }))
    }
}

impl Inode {
    /// A directory's; `None` if it is missing.
    pub(super) fn of_dir(path: &Path) -> Option<Self> {
        let metadata = std::fs::metadata(path).ok().filter(Metadata::is_dir)?;
        Some(Self::of(&metadata))
    }

    #[cfg(unix)]
    fn of(metadata: &Metadata) -> Self {
        use std::os::unix::fs::MetadataExt;
        Self {
            device: metadata.dev(),
            number: metadata.ino(),
        }
    }

    /// Elsewhere a file that replaces another is known by its lines.
    #[cfg(not(unix))]
    fn of(_: &Metadata) -> Self {
        Self::default()
    }
}

/// How far a transcript's file was taken.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Mark {
    /// Lines before this byte are not wanted.
    pub(super) from: u64,
    /// The byte behind the last line that was taken.
    pub(super) offset: u64,
    first: Option<Print>,
    last: Option<Print>,
}

/// The end of a line, to know it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Print {
    at: u64,
    bytes: usize,
    digest: [u8; 16],
}

impl Mark {
    /// Where nothing is wanted of what is before a byte, and nothing was taken behind it.
    pub(super) fn at(from: u64) -> Self {
        Self {
            from,
            offset: from,
            ..Self::default()
        }
    }

    /// A line was taken, given without its line feed; it ends before this byte.
    pub(super) fn advance(&mut self, line: &[u8], offset: u64) {
        let print = Print::of(line, offset);
        self.first.get_or_insert(print);
        self.last = Some(print);
        self.offset = offset;
    }

    /// What is before this byte is not taken, and was looked at.
    pub(super) fn pass(&mut self, offset: u64) {
        self.offset = offset;
    }

    /// What was done to the file other than adding to it. Looks at its first line and at the last one that was taken,
    /// so it misses a line in between that was changed in place to another one of the same length.
    pub(super) fn change(&self, path: &Path, before: Option<&Stamp>, now: &Stamp) -> io::Result<Option<Change>> {
        if before.is_some_and(|before| before.file != now.file) {
            return Ok(Some(Change::Replaced));
        }
        if now.bytes < self.offset {
            return Ok(Some(Change::Shortened));
        }
        may_fail(path)?;
        let mut file = File::open(path)?;
        for print in self.first.iter().chain(&self.last) {
            if !print.is_in(&mut file)? {
                return Ok(Some(Change::Rewritten));
            }
        }
        // Adding alone makes it longer.
        let is_longer = before.is_none_or(|before| before == now || before.bytes < now.bytes);
        Ok((!is_longer).then_some(Change::Unseen))
    }
}

impl Print {
    fn of(line: &[u8], end: u64) -> Self {
        let part = line.get(line.len().saturating_sub(PRINT)..).unwrap_or_default();
        Self {
            at: end.saturating_sub(part.len() as u64 + 1),
            bytes: part.len(),
            digest: digest(part),
        }
    }

    fn is_in(&self, file: &mut File) -> io::Result<bool> {
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(self.at))?;
        file.take(self.bytes as u64 + 1).read_to_end(&mut bytes)?;
        Ok(bytes.pop() == Some(b'\n') && bytes.len() == self.bytes && digest(&bytes) == self.digest)
    }
}

/// Half a SHA-256: still far too long for two lines to meet by chance.
pub(super) fn digest(bytes: &[u8]) -> [u8; 16] {
    let digest: [u8; 32] = Sha256::digest(bytes).into();
    let (half, _) = digest.split_first_chunk().unwrap_or((&[0; 16], &[]));
    *half
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// A file of which everything was taken.
    fn taken(path: &Path, text: &str) -> (Mark, Stamp) {
        fs::write(path, text).unwrap();
        let (mut mark, mut offset) = (Mark::default(), 0);
        for line in text.split_inclusive('\n') {
            offset += line.len() as u64;
            mark.advance(line.trim_end_matches('\n').as_bytes(), offset);
        }
        (mark, Stamp::look(path).unwrap().unwrap())
    }

    fn change_to(text: &str) -> Option<Change> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s.jsonl");
        let (mark, before) = taken(&path, "{\"n\":1}\n{\"n\":2}\n");
        fs::write(&path, text).unwrap();
        let now = Stamp::look(&path).unwrap().unwrap();
        mark.change(&path, Some(&before), &now).unwrap()
    }

    #[test]
    fn growth_is_told_from_everything_else() {
        assert_eq!(change_to("{\"n\":1}\n{\"n\":2}\n{\"n\":3}\n{\"to"), None);
        assert_eq!(change_to("{\"n\":1}\n"), Some(Change::Shortened));
        assert_eq!(change_to("{\"n\":2}\n{\"n\":3}\n{\"n\":4}\n"), Some(Change::Rewritten));
        assert_eq!(change_to("{\"n\":1}\n{\"n\":22}\n{\"n\":3}\n"), Some(Change::Rewritten));
    }

    #[test]
    fn another_file_of_the_same_name_is_another_file() {
        let dir = tempfile::tempdir().unwrap();
        let [path, new] = ["s.jsonl", "new"].map(|name| dir.path().join(name));
        let (mark, before) = taken(&path, "{}\n");
        fs::write(&new, "{}\n{}\n").unwrap();
        fs::rename(new, &path).unwrap();
        let now = Stamp::look(&path).unwrap().unwrap();
        assert_eq!(mark.change(&path, Some(&before), &now).unwrap(), Some(Change::Replaced));
    }

    #[test]
    fn a_file_that_was_written_to_and_did_not_grow_is_not_trusted() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s.jsonl");
        let (mark, before) = taken(&path, "{}\n");
        assert_eq!(mark.change(&path, Some(&before), &before).unwrap(), None);
        let now = Stamp {
            modified: (1, 0),
            ..before
        };
        assert_eq!(mark.change(&path, Some(&before), &now).unwrap(), Some(Change::Unseen));
    }

    #[test]
    fn only_the_end_of_a_large_line_is_looked_at() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s.jsonl");
        let line = format!("{{\"s\":\"{}\"}}\n", "x".repeat(3 * PRINT));
        let (mark, before) = taken(&path, &line);
        assert_eq!(mark.last.unwrap().bytes, PRINT);
        fs::write(&path, line + "{}\n").unwrap();
        let now = Stamp::look(&path).unwrap().unwrap();
        assert_eq!(mark.change(&path, Some(&before), &now).unwrap(), None);
    }
}
