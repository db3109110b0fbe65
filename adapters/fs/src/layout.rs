//! Where everything stands.

use std::path::{Path, PathBuf};

use mirrorbox_adapter::SessionKey;
use mirrorbox_adapter::encoding::encode_file_name;

/// The root folder and the names in it.
#[derive(Debug)]
pub(crate) struct Layout {
    root: PathBuf,
}

/// A folder that stands for a part of a key.
#[derive(Debug)]
pub(crate) struct Level<'a> {
    pub(crate) dir: PathBuf,
    /// None for the folder that only holds the subpaths.
    pub(crate) part: Option<&'a str>,
}

impl Layout {
    pub(crate) fn new(root: PathBuf) -> Self {
        Self { root }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// No encoded name begins with a dot.
    pub(crate) fn temporary(&self) -> PathBuf {
        self.root.join(".tmp")
    }

    pub(crate) fn project(&self, project_key: &str) -> PathBuf {
        self.root.join(encode_file_name(project_key))
    }

    pub(crate) fn session(&self, key: &SessionKey) -> PathBuf {
        self.project(&key.project_key).join(encode_file_name(&key.session_id))
    }

    pub(crate) fn subpaths(&self, key: &SessionKey) -> PathBuf {
        self.session(key).join("subpaths")
    }

    /// Where the batches of one transcript are.
    pub(crate) fn stream(&self, key: &SessionKey) -> PathBuf {
        match &key.subpath {
            Some(subpath) => self.subpaths(key).join(encode_file_name(subpath)),
            None => self.session(key),
        }
    }

    /// The folders from the root down to the transcript, each inside the one before.
    pub(crate) fn levels<'a>(&self, key: &'a SessionKey) -> Vec<Level<'a>> {
        let level = |dir, part| Level { dir, part };
        let mut levels = vec![
            level(self.project(&key.project_key), Some(key.project_key.as_str())),
            level(self.session(key), Some(key.session_id.as_str())),
        ];
        if let Some(subpath) = &key.subpath {
            levels.push(level(self.subpaths(key), None));
            levels.push(level(self.stream(key), Some(subpath)));
        }
        levels
    }
}

/// The file in a folder with a hashed name that holds the name.
pub(crate) fn full_name(dir: &Path) -> PathBuf {
    dir.join(".key")
}

/// Numbers sort as text: `u64` has 20 digits at most.
pub(crate) fn numbered(dir: &Path, number: u64, suffix: &str) -> PathBuf {
    dir.join(format!("{number:020}{suffix}"))
}

/// The number in a name that [`numbered`] made.
pub(crate) fn number(name: &str, suffix: &str) -> Option<u64> {
    let digits = name.strip_suffix(suffix)?;
    let plain = digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| digits.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_were_made_here_have_a_number() {
        let path = numbered(Path::new("d"), u64::MAX, ".jsonl");
        let name = path.file_name().unwrap().to_str().unwrap();
        assert_eq!(number(name, ".jsonl"), Some(u64::MAX));
        for other in [
            "1.jsonl",
            "00000000000000000001.json",
            "+0000000000000000001.jsonl",
            "99999999999999999999.jsonl",
        ] {
            assert_eq!(number(other, ".jsonl"), None, "{other}");
        }
    }
}
