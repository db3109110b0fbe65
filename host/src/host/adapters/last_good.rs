//! `<state>/adapters/NAME/`: the component that was opened last, and the one before it.
//!
//! | file | what |
//! | --- | --- |
//! | `good.json` | which two, by digest, each with its manifest's text; replaced whole |
//! | `DIGEST.wasm` | a component; written and synced before `good.json` names it |
//! | `lock` | held while anything here changes: several processes may share a state directory |

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::adapter::sha256;
use crate::disk::{Disk, Folder, read_small, remove_if_there, replace};

const INDEX: &str = "good.json";

/// The components of one adapter that were opened before, kept beside nothing that anybody drops.
#[derive(Debug)]
pub struct LastGood {
    dir: PathBuf,
}

/// A component that was opened, with the manifest that it was opened with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Good {
    /// Hex SHA-256 of the component.
    pub sha256: String,
    /// The manifest's text; none where it had none.
    pub manifest: Option<String>,
}

#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Index {
    current: Option<Good>,
    previous: Option<Good>,
}

impl LastGood {
    /// Of the adapter with this name, under a host's state directory. Nothing is made or read yet.
    pub fn of(state: &Path, name: &str) -> Self {
        Self {
            dir: state.join("adapters").join(name),
        }
    }

    /// What was opened last, and what was opened before that: newest first. Blocks for the disk.
    pub fn each(&self) -> io::Result<Vec<Good>> {
        let folder = match Folder::open_existing(&self.dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            folder => folder?,
        };
        let Index { current, previous } = read_index(&folder)?;
        Ok(current.into_iter().chain(previous).collect())
    }

    /// Where a kept component lies.
    pub fn component(&self, good: &Good) -> PathBuf {
        self.dir.join(file_name(&good.sha256))
    }

    /// The bytes of a kept component; fails if they are not those that were kept. Blocks for the disk.
    pub fn read(&self, good: &Good) -> io::Result<Vec<u8>> {
        let path = self.component(good);
        checked(&path, &good.sha256)?.ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::InvalidData,
                format!("{} is not what was kept there", path.display()),
            )
        })
    }

    /// Forgets what was opened. Blocks for the disk.
    pub(super) fn forget(&self) -> io::Result<()> {
        match fs::remove_dir_all(&self.dir) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Keeps the component at `path`, which has just been opened, as the newest; does nothing where it is another one
    /// by now. Blocks for the disk.
    pub(super) fn keep(&self, path: &Path, good: &Good) -> io::Result<()> {
        let folder = Folder::open(&self.dir)?;
        let _lock = folder.lock(Path::new("lock"))?;
        // What cannot be read is begun anew.
        let index = read_index(&folder).unwrap_or_default();
        if index.current.as_ref() == Some(good) {
            return Ok(());
        }
        if !self.component(good).exists() {
            let Some(bytes) = checked(path, &good.sha256)? else {
                return Ok(());
            };
            replace(&folder, &file_name(&good.sha256), &bytes)?;
        }
        let index = index.followed_by(good.clone());
        replace(&folder, Path::new(INDEX), &serde_json::to_vec(&index)?)?;
        index.sweep(&folder)
    }
}

impl Index {
    /// The one before is another component: the same one with another manifest takes its own place.
    fn followed_by(self, good: Good) -> Self {
        let is_other = |before: &Good| before.sha256 != good.sha256;
        Self {
            previous: self.current.filter(is_other).or(self.previous.filter(is_other)),
            current: Some(good),
        }
    }

    /// Removes the components that it does not name.
    fn sweep(&self, folder: &Folder) -> io::Result<()> {
        let goods = || self.current.iter().chain(&self.previous);
        for name in folder.list(Path::new(""))? {
            let path = Path::new(&name);
            if name.ends_with(".wasm") && !goods().any(|good| file_name(&good.sha256) == path) {
                remove_if_there(folder, path)?;
            }
        }
        Ok(())
    }
}

fn read_index(folder: &Folder) -> io::Result<Index> {
    match folder.open(Path::new(INDEX)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Index::default()),
        file => Ok(serde_json::from_slice(&read_small(&*file?)?)?),
    }
}

/// The file's bytes, if they have that digest.
fn checked(path: &Path, digest: &str) -> io::Result<Option<Vec<u8>>> {
    let bytes = fs::read(path)?;
    Ok(Some(bytes).filter(|bytes| sha256(bytes) == digest))
}

fn file_name(digest: &str) -> PathBuf {
    PathBuf::from(format!("{digest}.wasm"))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Kept {
        dir: tempfile::TempDir,
        good: LastGood,
    }

    impl Kept {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let good = LastGood::of(&dir.path().join("state"), "fs");
            Self { dir, good }
        }

        /// Opens `bytes` as the component.
        fn opened(&self, bytes: &str, manifest: Option<&str>) -> Good {
            let path = self.dir.path().join("fs.wasm");
            fs::write(&path, bytes).unwrap();
            let good = Good {
                sha256: sha256(bytes.as_bytes()),
                manifest: manifest.map(str::to_owned),
            };
            self.good.keep(&path, &good).unwrap();
            good
        }

        fn components(&self) -> usize {
            let names = fs::read_dir(self.dir.path().join("state/adapters/fs")).unwrap();
            let is_component = |path: PathBuf| path.extension().is_some_and(|extension| extension == "wasm");
            names
                .filter(|entry| is_component(entry.as_ref().unwrap().path()))
                .count()
        }
    }

    #[test]
    fn the_last_two_components_are_kept() {
        let kept = Kept::new();
        assert_eq!(kept.good.each().unwrap(), []);
        let one = kept.opened("one", None);
        assert_eq!(kept.good.each().unwrap(), std::slice::from_ref(&one));
        let two = kept.opened("two", Some("instances = 1"));
        let changed = kept.opened("two", Some("instances = 2"));
        assert_ne!(two, changed);
        assert_eq!(kept.good.each().unwrap(), [changed.clone(), one.clone()]);
        let three = kept.opened("three", None);
        assert_eq!(kept.good.each().unwrap(), [three.clone(), changed.clone()]);
        assert_eq!(kept.opened("two", changed.manifest.as_deref()), changed);
        assert_eq!(kept.good.each().unwrap(), [changed.clone(), three]);
        assert_eq!(kept.components(), 2);
        assert_eq!(kept.good.read(&changed).unwrap(), b"two");
    }

    #[test]
    fn what_is_another_component_by_now_is_not_kept() {
        let kept = Kept::new();
        let one = kept.opened("one", None);
        let path = kept.dir.path().join("fs.wasm");
        let other = Good {
            sha256: sha256(b"what was opened"),
            manifest: None,
        };
        kept.good.keep(&path, &other).unwrap();
        assert_eq!(kept.good.each().unwrap(), std::slice::from_ref(&one));
        fs::write(kept.good.component(&one), "damaged").unwrap();
        kept.good.read(&one).unwrap_err();
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_can_read_or_write_it() {
        use std::os::unix::fs::PermissionsExt;
        let kept = Kept::new();
        let one = kept.opened("one", Some("[config]"));
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let dir = kept.dir.path().join("state/adapters/fs");
        assert_eq!((mode(&dir), mode(&dir.join(INDEX))), (0o700, 0o600));
        assert_eq!(mode(&kept.good.component(&one)), 0o600);
    }
}
