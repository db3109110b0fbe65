//! Files that are there whole, and durably, or not at all.
//!
//! Hosts share nothing but the folder. Three steps are atomic there: creating a file that must not exist, linking a
//! file to a name that must not exist, renaming. So what is written gets a name of its own in `.tmp` first, and its
//! place by a link or by renaming, once it is whole and synced.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use mirrorbox_adapter::{Error, Result};

/// A file that a crash left behind is removed when it is this old; a younger one may be in use.
const STALE: Duration = Duration::from_secs(60 * 60);
/// How often a folder is listed again because something in it went away meanwhile.
const LISTINGS: usize = 100;

/// Writes below a root folder.
#[derive(Debug)]
pub(crate) struct Files {
    pub(crate) root: PathBuf,
    temporary: PathBuf,
}

impl Files {
    /// Makes sure that the root can decide who gets a name, and removes what crashes left behind.
    pub(crate) fn at(root: PathBuf) -> Result<Self> {
        let temporary = root.join(".tmp");
        make_folder(&temporary)?;
        let files = Self { root, temporary };
        files.probe()?;
        for name in listed(&files.temporary)? {
            let path = files.temporary.join(name);
            let modified = fs::metadata(&path).and_then(|metadata| metadata.modified());
            if modified.is_ok_and(|modified| modified.elapsed().is_ok_and(|age| age > STALE)) {
                remove(&path)?;
            }
        }
        Ok(files)
    }

    /// Puts a file into its place if that is free; returns whether it was. Durable once its folder is synced.
    pub(crate) fn create(&self, path: &Path, parts: &[&[u8]]) -> Result<bool> {
        let written = self.write(parts)?;
        let linked = fs::hard_link(&written, path);
        remove(&written)?;
        match linked {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
            linked => linked.map(|()| true).map_err(|error| failed("create", path, &error)),
        }
    }

    /// Puts a file into its place, whatever was there.
    pub(crate) fn replace(&self, path: &Path, parts: &[&[u8]]) -> Result<()> {
        let written = self.write(parts)?;
        fs::rename(&written, path).map_err(|error| failed("write", path, &error))
    }

    fn write(&self, parts: &[&[u8]]) -> Result<PathBuf> {
        let path = self.unique();
        let write = || {
            let mut file = File::create_new(&path)?;
            parts.iter().try_for_each(|part| file.write_all(part))?;
            file.sync_all()
        };
        match write() {
            Ok(()) => Ok(path),
            Err(error) => {
                remove(&path)?;
                Err(failed("write", &path, &error))
            }
        }
    }

    /// Other instances write at the same time: each under a name of its own.
    fn unique(&self) -> PathBuf {
        // The keys are random in each instance, and others each time.
        let name = format!("{:016x}", RandomState::new().hash_one(0));
        self.temporary.join(name)
    }

    /// A name must be given once: nothing else decides between two hosts.
    fn probe(&self) -> Result<()> {
        let link = self.unique().with_extension("link");
        let given = [self.create(&link, &[]), self.create(&link, &[])];
        remove(&link)?;
        match given {
            [Ok(true), Ok(false)] => Ok(()),
            [Err(error), _] | [_, Err(error)] => Err(error),
            _ => Err(Error::Misconfigured(format!(
                "the file system of {} lets a link replace a file: choose another",
                self.root.display()
            ))),
        }
    }
}

/// Makes a folder; it may be there already.
pub(crate) fn make_folder(path: &Path) -> Result<()> {
    unless(ErrorKind::AlreadyExists, fs::create_dir(path)).map_err(|error| failed("create", path, &error))
}

/// Removes a file; it may be gone already.
pub(crate) fn remove(path: &Path) -> Result<()> {
    unless(ErrorKind::NotFound, fs::remove_file(path)).map_err(|error| failed("remove", path, &error))
}

/// Makes the names in a folder durable: what was created, linked and removed there.
pub(crate) fn sync(folder: &Path) -> Result<()> {
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(|error| failed("sync", folder, &error))
}

/// The names in a folder, sorted; none where there is no folder.
pub(crate) fn listed(folder: &Path) -> Result<BTreeSet<String>> {
    let names = || -> io::Result<BTreeSet<String>> {
        let mut names = BTreeSet::new();
        for entry in fs::read_dir(folder)? {
            // A name that is no text is not ours.
            names.extend(entry?.file_name().into_string().ok());
        }
        Ok(names)
    };
    for _ in 0..LISTINGS {
        match names() {
            Ok(names) => return Ok(names),
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(failed("list", folder, &error)),
            Err(_) if !folder.exists() => return Ok(BTreeSet::new()),
            // A host looks at each entry before it hands out the list: one that was removed in between breaks it off.
            Err(_) => {}
        }
    }
    Err(Error::Unavailable(format!(
        "{} changes faster than it can be listed",
        folder.display()
    )))
}

/// A file that is named by a number. Names sort as numbers do.
pub(crate) fn numbered(folder: &Path, number: u64, suffix: &str) -> PathBuf {
    folder.join(format!("{number:020}{suffix}"))
}

/// The numbers of a folder's files that [`numbered`] named; none where there is no folder.
pub(crate) fn numbers(folder: &Path, suffix: &str) -> Result<BTreeSet<u64>> {
    let number = |name: String| {
        let digits = name.strip_suffix(suffix)?;
        let plain = digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit());
        plain.then(|| digits.parse().ok()).flatten()
    };
    Ok(listed(folder)?.into_iter().filter_map(number).collect())
}

/// What fails may work later: a full disk gets room. The host waits, tries again and says so.
pub(crate) fn failed(doing: &str, path: &Path, error: &io::Error) -> Error {
    let text = format!("cannot {doing} {}: {error}", path.display());
    match error.kind() {
        ErrorKind::PermissionDenied => Error::Denied(format!("{text}; give the user that runs the host access to it")),
        _ => Error::Unavailable(text),
    }
}

fn unless(expected: ErrorKind, result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == expected => Ok(()),
        result => result,
    }
}
