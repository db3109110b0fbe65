//! Every way to the disk, and what its failure means to the host.

use std::collections::BTreeSet;
use std::fs::{self, DirEntry, File};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use mirrorbox_adapter::{Error, Result};

use crate::layout::{self, Layout};

#[cfg(test)]
pub(crate) mod steps;

/// A file that a crash left behind is removed when it is this old; a younger one may be in use.
const STALE: Duration = Duration::from_secs(60 * 60);

/// How often a folder is listed again because something in it went away meanwhile.
const LISTINGS: usize = 100;

/// A file under a name that nobody else uses. Removed when dropped.
#[derive(Debug)]
pub(crate) struct Temporary {
    path: PathBuf,
    moved: bool,
}

impl Temporary {
    /// An empty file.
    fn create(layout: &Layout) -> io::Result<(Self, File)> {
        step()?;
        let (path, file) = create_unique(&layout.temporary())?;
        Ok((Self { path, moved: false }, file))
    }

    /// Writes the parts one after the other, and syncs them.
    pub(crate) fn write(layout: &Layout, parts: &[&[u8]]) -> io::Result<Self> {
        let (temporary, mut file) = Self::create(layout)?;
        let mut at = 0;
        for part in parts {
            step()?;
            write_all_at(&mut file, part, at)?;
            at += part.len() as u64;
        }
        step()?;
        file.sync_all()?;
        Ok(temporary)
    }

    /// Gives the file this name as well; fails if it is taken.
    pub(crate) fn link(&self, to: &Path) -> io::Result<()> {
        step()?;
        fs::hard_link(&self.path, to)
    }

    /// Moves the file to this name, whatever was there.
    pub(crate) fn rename(mut self, to: &Path) -> io::Result<()> {
        step()?;
        fs::rename(&self.path, to)?;
        self.moved = true;
        Ok(())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.moved {
            // What stays is removed by a later `open`.
            let _ = remove(&self.path);
        }
    }
}

/// Writes a part where the one before it ended.
#[cfg(not(target_family = "wasm"))]
fn write_all_at(file: &mut File, part: &[u8], _at: u64) -> io::Result<()> {
    io::Write::write_all(file, part)
}

/// Writes a part where the one before it ended: with its position, because a host does that at once, while it hands
/// what is written to a stream over to another thread, 64 KiB at a time.
#[cfg(target_family = "wasm")]
fn write_all_at(file: &mut File, mut part: &[u8], mut at: u64) -> io::Result<()> {
    while !part.is_empty() {
        let written = rustix::io::pwrite(&*file, part, at)?;
        if written == 0 {
            return Err(ErrorKind::WriteZero.into());
        }
        part = part.get(written..).unwrap_or_default();
        at += written as u64;
    }
    Ok(())
}

fn create_unique(dir: &Path) -> io::Result<(PathBuf, File)> {
    loop {
        let unique = RandomState::new().hash_one(SystemTime::now());
        let path = dir.join(format!("{unique:016x}"));
        match File::create_new(&path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            created => return Ok((path, created?)),
        }
    }
}

/// Creates an empty file; it may be there already.
pub(crate) fn touch(path: &Path) -> io::Result<()> {
    step()?;
    unless(ErrorKind::AlreadyExists, File::create_new(path).map(drop))
}

/// Creates a folder; it may be there already.
pub(crate) fn create_dir(path: &Path) -> io::Result<()> {
    step()?;
    unless(ErrorKind::AlreadyExists, fs::create_dir(path))
}

/// Removes a file; it may be gone already.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    step()?;
    unless(ErrorKind::NotFound, fs::remove_file(path))
}

/// Makes what was created and removed in a folder durable.
pub(crate) fn sync_dir(path: &Path) -> io::Result<()> {
    step()?;
    File::open(path)?.sync_all()
}

/// Opens a file for reading.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    step()?;
    File::open(path)
}

/// Reads a text.
pub(crate) fn read(path: &Path) -> io::Result<String> {
    step()?;
    fs::read_to_string(path)
}

/// When a file was last written.
pub(crate) fn modified(path: &Path) -> io::Result<SystemTime> {
    step()?;
    fs::metadata(path)?.modified()
}

/// The numbers of a folder's files that [`layout::numbered`] named; none where there is no folder.
pub(crate) fn numbers(dir: &Path, suffix: &str) -> Result<BTreeSet<u64>> {
    let number = |entry: &DirEntry| Ok(entry.file_name().to_str().and_then(|name| layout::number(name, suffix)));
    list(dir, number, usize::MAX)
}

/// The first names of the folders in a folder behind a name, sorted, `most` at most; none where there is no folder.
pub(crate) fn folders(dir: &Path, after: Option<&str>, most: usize) -> Result<Vec<String>> {
    let name = |entry: &DirEntry| {
        // A name that is no text is not ours.
        let name = entry.file_name().into_string().ok();
        let Some(name) = name.filter(|name| after.is_none_or(|after| name.as_str() > after)) else {
            return Ok(None);
        };
        Ok(entry.file_type()?.is_dir().then_some(name))
    };
    Ok(list(dir, name, most)?.into_iter().collect())
}

/// The first of what a folder holds, as far as `keep` wants it.
fn list<T: Ord>(dir: &Path, keep: impl Fn(&DirEntry) -> io::Result<Option<T>>, most: usize) -> Result<BTreeSet<T>> {
    for _ in 0..LISTINGS {
        let entries = match step().and_then(|()| fs::read_dir(dir)) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(BTreeSet::new()),
            listed => listed.map_err(|error| failed("list", dir, error))?,
        };
        match first(entries, &keep, most) {
            // A host looks at each entry before it hands out the list. One that was removed in between breaks the list
            // off, with everything behind it: it must not pass for the whole.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            kept => return kept.map_err(|error| failed("list", dir, error)),
        }
    }
    Err(Error::Unavailable(format!(
        "{} changes faster than it can be listed",
        dir.display()
    )))
}

fn first<T: Ord>(
    entries: fs::ReadDir,
    keep: impl Fn(&DirEntry) -> io::Result<Option<T>>,
    most: usize,
) -> io::Result<BTreeSet<T>> {
    let mut kept = BTreeSet::new();
    for entry in entries {
        #[cfg(test)]
        steps::entry();
        kept.extend(keep(&entry?)?);
        if kept.len() > most {
            kept.pop_last();
        }
    }
    Ok(kept)
}

fn unless(expected: ErrorKind, result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == expected => Ok(()),
        result => result,
    }
}

/// Makes sure that the root is there and can keep the contract, and removes what crashes left behind.
pub(crate) fn prepare(layout: &Layout) -> Result<()> {
    require_root(layout.root())?;
    let temporary = layout.temporary();
    create_dir(&temporary).map_err(|error| failed_change("create", &temporary, error))?;
    probe(layout)?;
    remove_stale(&temporary).map_err(|error| failed_change("tidy", &temporary, error))
}

/// What is missing may come: a file system that is mounted a moment after the host started. What else stands there
/// stays.
fn require_root(root: &Path) -> Result<()> {
    let is_dir = match step().and_then(|()| fs::metadata(root)) {
        Ok(metadata) => metadata.is_dir(),
        Err(error) if error.kind() == ErrorKind::NotFound => return Err(missing(root)),
        Err(error) => return Err(failed("look at", root, error)),
    };
    if is_dir {
        return Ok(());
    }
    Err(Error::Misconfigured(format!(
        "{} is not a folder: set `root` under [config] to the guest path of a granted one (`dirs` under [grants])",
        root.display()
    )))
}

/// Where no folder above it can be seen either, nothing is granted that it could come into.
fn missing(root: &Path) -> Error {
    let reason = format!(
        "{} is not there: mount or create it, and grant it in the manifest (`dirs` under [grants]), or set `root` under \
         [config] to the guest path of a granted folder",
        root.display()
    );
    match root.ancestors().skip(1).any(|above| fs::metadata(above).is_ok()) {
        true => Error::Unavailable(reason),
        false => Error::Misconfigured(reason),
    }
}

/// A name must be given once: nothing else decides between two hosts.
fn probe(layout: &Layout) -> Result<()> {
    let root = layout.root();
    let (file, _) = Temporary::create(layout).map_err(|error| failed_change("write to", root, error))?;
    let link = Temporary {
        path: file.path.with_extension("link"),
        moved: false,
    };
    let cannot = |what| {
        Error::Misconfigured(format!(
            "the file system of {} {what}: choose a folder on a local disk or on a network file system that can",
            root.display()
        ))
    };
    match file.link(&link.path) {
        Ok(()) => {}
        Err(error) if is_unable(&error) => return Err(cannot("has no hard links")),
        Err(error) => return Err(failed_change("link in", root, error)),
    }
    match file.link(&link.path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Ok(()) => Err(cannot("lets a link replace a file")),
        Err(error) => Err(failed_change("link in", root, error)),
    }
}

/// Linux says EPERM where a file system has no hard links.
fn is_unable(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::PermissionDenied)
}

fn remove_stale(dir: &Path) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        // Another instance may have removed it just now; the rest can wait for the next one.
        let Ok(entry) = entry else { break };
        let modified = entry.metadata().and_then(|metadata| metadata.modified());
        if modified.is_ok_and(|modified| modified.elapsed().is_ok_and(|age| age > STALE)) {
            remove(&entry.path())?;
        }
    }
    Ok(())
}

/// What went wrong, where, and what to do about it. What is not known is tried again: a component is not told of files
/// that cannot be opened because too many are (WASI has no word for it), which passes by itself.
pub(crate) fn failed(doing: &str, path: &Path, error: io::Error) -> Error {
    explained(
        doing,
        path,
        &error,
        "; the disk or the way to it is failing, or the host has too many files open (`ulimit -n`): look at it there",
    )
}

/// As [`failed`], for a change. A component is not told why the host could not write (WASI has no word for a read-only
/// file system or a quota, and std drops what the host said of a write): it all arrives as an I/O error.
pub(crate) fn failed_change(doing: &str, path: &Path, error: io::Error) -> Error {
    explained(
        doing,
        path,
        &error,
        "; the disk is full, over its quota, read-only or failing, or the host has too many files open: look at it there",
    )
}

fn explained(doing: &str, path: &Path, error: &io::Error, otherwise: &str) -> Error {
    use ErrorKind as Is;
    let text = |hint: &str| format!("cannot {doing} {}: {error}{hint}", path.display());
    match error.kind() {
        Is::PermissionDenied => Error::Denied(text(
            "; give the user that runs the host read and write access to the granted folder and all in it",
        )),
        Is::ReadOnlyFilesystem => Error::Denied(text("; remount the file system for writing")),
        Is::StorageFull | Is::QuotaExceeded => Error::Unavailable(text("; free space there or raise the quota")),
        Is::NotFound => Error::Unavailable(text("; the folder is gone: mount or create it again")),
        Is::NotADirectory | Is::IsADirectory => Error::Misconfigured(text(
            "; something else stands where the adapter keeps its own: move it away",
        )),
        Is::Unsupported | Is::CrossesDevices | Is::TooManyLinks | Is::InvalidFilename => {
            Error::Misconfigured(text("; the file system cannot do that: choose another folder"))
        }
        Is::TimedOut | Is::Interrupted | Is::ResourceBusy | Is::StaleNetworkFileHandle | Is::HostUnreachable => {
            Error::Unavailable(text(""))
        }
        _ => Error::Unavailable(text(otherwise)),
    }
}

/// In tests, a place to crash or to let another host act.
fn step() -> io::Result<()> {
    #[cfg(test)]
    steps::step()?;
    Ok(())
}
