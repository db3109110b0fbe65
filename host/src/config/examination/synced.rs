//! A disk that forgets what was not synced: told from an adapter's own calls.
//!
//! What a crash leaves of a folder is what POSIX promises: the content of a file as it was when the file was synced,
//! and the names in a folder as they were when the folder was. A file whose name was synced, and its content not, is
//! empty. Disks often keep more; an adapter may not count on it.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;

/// Folders within folders; more is a circle of names that were never there at one time.
const DEEPEST: usize = 32;

/// A file or folder, whatever it is called: device, number, and when it was made, since numbers are used again.
type Inode = (u64, u64, i128);

/// Files and folders as they were when they were last synced. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct SyncedFiles(Arc<Mutex<Durable>>);

#[derive(Debug, Default)]
struct Durable {
    files: HashMap<Inode, Vec<u8>>,
    folders: HashMap<Inode, Vec<Name>>,
}

#[derive(Debug)]
struct Name {
    name: OsString,
    inode: Inode,
    is_folder: bool,
}

/// Which names a crash leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeptNames {
    /// Those that were in a folder when it was synced: what POSIX promises.
    Synced,
    /// All that there are: what many disks do, for a file that was itself synced.
    All,
}

impl SyncedFiles {
    /// Whether this can be told on this system: a file that is open for writing is read, too.
    pub fn can_be_told() -> bool {
        cfg!(target_os = "linux")
    }

    /// Writes into the empty folder `into` what a crash at this moment would leave of the folder `root`.
    pub fn outlasting_a_crash(&self, root: &Path, into: &Path, names: KeptNames) -> io::Result<()> {
        let durable = self.0.lock();
        match names {
            KeptNames::Synced => durable.restore(inode(&File::open(root)?)?, into, DEEPEST),
            KeptNames::All => durable.restore_all(root, into),
        }
    }

    /// A file was synced, its content at least.
    #[cfg(feature = "wasm")]
    pub(crate) fn note_file(&self, file: &File) -> io::Result<()> {
        let content = content(file)?;
        self.0.lock().files.insert(inode(file)?, content);
        Ok(())
    }

    /// A folder was synced.
    #[cfg(feature = "wasm")]
    pub(crate) fn note_folder(&self, folder: &File) -> io::Result<()> {
        let names = names_in(&reached_again(folder))?;
        self.0.lock().folders.insert(inode(folder)?, names);
        Ok(())
    }
}

impl Durable {
    fn restore(&self, folder: Inode, into: &Path, deepest: usize) -> io::Result<()> {
        let Some(deeper) = deepest.checked_sub(1) else {
            return Ok(());
        };
        for Name { name, inode, is_folder } in self.folders.get(&folder).into_iter().flatten() {
            let place = into.join(name);
            if *is_folder {
                fs::create_dir(&place)?;
                self.restore(*inode, &place, deeper)?;
            } else {
                fs::write(&place, self.files.get(inode).map_or(&[][..], Vec::as_slice))?;
            }
        }
        Ok(())
    }

    fn restore_all(&self, folder: &Path, into: &Path) -> io::Result<()> {
        for Name { name, inode, is_folder } in names_in(folder)? {
            let place = into.join(&name);
            if is_folder {
                fs::create_dir(&place)?;
                self.restore_all(&folder.join(name), &place)?;
            } else {
                fs::write(&place, self.files.get(&inode).map_or(&[][..], Vec::as_slice))?;
            }
        }
        Ok(())
    }
}

/// The files and folders in a folder. Links are passed over: what they lead to has a name of its own.
fn names_in(folder: &Path) -> io::Result<Vec<Name>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let metadata = match entry.metadata() {
            Ok(metadata) => metadata,
            // Another instance removed it meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        if metadata.is_file() || metadata.is_dir() {
            names.push(Name {
                name: entry.file_name(),
                inode: told_apart(&metadata),
                is_folder: metadata.is_dir(),
            });
        }
    }
    Ok(names)
}

fn inode(file: &File) -> io::Result<Inode> {
    Ok(told_apart(&file.metadata()?))
}

#[cfg(unix)]
fn told_apart(metadata: &fs::Metadata) -> Inode {
    use std::os::unix::fs::MetadataExt;
    // Where a file system does not say when a file was made, its number alone has to do.
    let made = metadata.created().ok();
    let made = made.and_then(|made| made.duration_since(std::time::UNIX_EPOCH).ok());
    (
        metadata.dev(),
        metadata.ino(),
        made.map_or(0, |made| i128::try_from(made.as_nanos()).unwrap_or_default()),
    )
}

/// It cannot be known there: [`SyncedFiles::can_be_told`].
#[cfg(not(unix))]
fn told_apart(_: &fs::Metadata) -> Inode {
    (0, 0, 0)
}

/// What a file holds, whichever way it is open.
#[cfg(feature = "wasm")]
fn content(file: &File) -> io::Result<Vec<u8>> {
    fs::read(reached_again(file))
}

/// A path to what is open, whatever became of its name.
#[cfg(all(feature = "wasm", unix))]
fn reached_again(file: &File) -> std::path::PathBuf {
    use std::os::fd::AsRawFd;
    format!("/proc/self/fd/{}", file.as_raw_fd()).into()
}

#[cfg(all(feature = "wasm", not(unix)))]
fn reached_again(_: &File) -> std::path::PathBuf {
    std::path::PathBuf::new()
}

#[cfg(test)]
#[cfg(all(feature = "wasm", target_os = "linux"))]
mod tests {
    use super::*;

    /// What is in a folder, deep: paths and contents; a folder ends in `/`.
    fn found(folder: &Path) -> Vec<(String, String)> {
        let mut found = Vec::new();
        let mut folders = vec![folder.to_owned()];
        while let Some(next) = folders.pop() {
            for entry in fs::read_dir(next).unwrap() {
                let path = entry.unwrap().path();
                let name = path.strip_prefix(folder).unwrap().display().to_string();
                match path.is_dir() {
                    true => {
                        found.push((name + "/", String::new()));
                        folders.push(path);
                    }
                    false => found.push((name, fs::read_to_string(path).unwrap())),
                }
            }
        }
        found.sort();
        found
    }

    fn crash(synced: &SyncedFiles, root: &Path, names: KeptNames) -> Vec<(String, String)> {
        let into = tempfile::tempdir().unwrap();
        synced.outlasting_a_crash(root, into.path(), names).unwrap();
        found(into.path())
    }

    fn pair(name: &str, content: &str) -> (String, String) {
        (name.to_owned(), content.to_owned())
    }

    #[test]
    fn only_what_was_synced_outlasts_a_crash() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        let synced = SyncedFiles::default();
        fs::create_dir(root.join("folder")).unwrap();
        fs::write(root.join("folder/file"), "synced").unwrap();
        // Open for writing alone, as guests have it.
        let file = File::options().append(true).open(root.join("folder/file")).unwrap();
        synced.note_file(&file).unwrap();
        assert_eq!(crash(&synced, root, KeptNames::Synced), [], "no name was synced");
        let all = [pair("folder/", ""), pair("folder/file", "synced")];
        assert_eq!(crash(&synced, root, KeptNames::All), all);
        synced.note_folder(&File::open(root.join("folder")).unwrap()).unwrap();
        assert_eq!(crash(&synced, root, KeptNames::Synced), [], "nor the folder's own");
        synced.note_folder(&File::open(root).unwrap()).unwrap();
        assert_eq!(crash(&synced, root, KeptNames::Synced), all);
        fs::write(root.join("folder/file"), "changed").unwrap();
        fs::write(root.join("folder/other"), "not synced").unwrap();
        assert_eq!(crash(&synced, root, KeptNames::Synced), all);
        let with_other = [
            pair("folder/", ""),
            pair("folder/file", "synced"),
            pair("folder/other", ""),
        ];
        assert_eq!(crash(&synced, root, KeptNames::All), with_other);
    }

    #[test]
    fn a_name_that_was_removed_comes_back_until_its_folder_is_synced() {
        let dir = tempfile::tempdir().unwrap();
        let synced = SyncedFiles::default();
        let path = dir.path().join("file");
        fs::write(&path, "one").unwrap();
        synced.note_file(&File::open(&path).unwrap()).unwrap();
        synced.note_folder(&File::open(dir.path()).unwrap()).unwrap();
        fs::rename(&path, dir.path().join("renamed")).unwrap();
        assert_eq!(crash(&synced, dir.path(), KeptNames::Synced), [pair("file", "one")]);
        synced.note_folder(&File::open(dir.path()).unwrap()).unwrap();
        assert_eq!(crash(&synced, dir.path(), KeptNames::Synced), [pair("renamed", "one")]);
    }
}
