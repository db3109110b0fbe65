//! Spools seen from outside: whose they are, whether their processes live, how far their streams reach.

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::{Damage, ReadError, SpoolError};
use super::layout::{DOOR, StreamNames, WriterNames};
use super::open_lines::OpenLines;
use super::place::{Base, Chunk, Doubt, Place};
use super::record::StreamRecord;
use super::writer::{self, is_writer};
use super::{mark, whole_lines};
use crate::disk::{Disk, DiskFile, Folder};
use crate::key::SessionKey;

/// One writer's spool as it lay on disk when it was looked at.
#[derive(Clone, Debug)]
pub struct SpoolLook {
    /// The writer's identity.
    pub writer: String,
    /// Its process lives, or another one has adopted the spool.
    pub is_alive: bool,
    streams: Vec<StreamLook>,
    problems: Vec<String>,
}

/// One writer's copy of a stream as it lay on disk when it was looked at. Its lines may be pruned meanwhile: reading
/// them is an error then. Its files are open only while it is read.
#[derive(Clone)]
pub struct StreamLook {
    disk: Arc<dyn Disk>,
    names: StreamNames,
    record: StreamRecord,
    end: Place,
    damage: Option<Damage>,
}

impl SpoolLook {
    /// All of its streams, by key. Fails where one of them cannot be read: what cannot be looked at is not absent.
    pub fn streams(&self) -> Result<&[StreamLook], SpoolError> {
        match self.problems.first() {
            None => Ok(&self.streams),
            Some(problem) => Err(SpoolError::Unreadable {
                writer: self.writer.clone(),
                cause: problem.clone(),
                others: self.problems.len() - 1,
            }),
        }
    }

    /// The streams that can be read, by key, and what cannot, and why, for people. For reports that show both.
    pub fn as_far_as_readable(&self) -> (&[StreamLook], &[String]) {
        (&self.streams, &self.problems)
    }
}

impl StreamLook {
    /// Which stream.
    pub fn key(&self) -> &SessionKey {
        &self.record.key
    }

    /// The place of the first line that is here.
    pub fn start(&self) -> Place {
        self.record.start
    }

    /// The place behind the last line: of those that are synced while the process lives, and behind the last whole line
    /// that it left otherwise.
    pub fn end(&self) -> Place {
        self.end
    }

    /// What comes before the first line, and which destination holds it.
    pub fn base(&self) -> &Base {
        &self.record.base
    }

    /// Which lines may be at destinations already.
    pub fn doubts(&self) -> &[Doubt] {
        &self.record.doubts
    }

    /// How a dead process's stream is damaged, if it is.
    pub fn damage(&self) -> Option<Damage> {
        self.damage
    }

    /// When the last line was written, in Unix milliseconds by this machine's clock; none where the disk does not say.
    pub fn modified(&self) -> Option<u64> {
        let (path, _) = lines_of(&*self.disk, &self.names, &self.record).ok()?;
        let modified = std::fs::metadata(self.disk.name_of(&path)).ok()?.modified().ok()?;
        let since = modified.duration_since(std::time::UNIX_EPOCH).ok()?;
        u64::try_from(since.as_millis()).ok()
    }

    /// The lines from a place on, as [`super::Stream::read`] gives them.
    pub fn read(&self, from: Place) -> Result<Option<Chunk>, ReadError> {
        self.open()?.read(from)
    }

    /// The lines from a place on and before another one.
    pub(crate) fn read_before(&self, from: Place, end: Place) -> Result<Option<Chunk>, ReadError> {
        self.open()?.read_before(from, end)
    }

    /// The place of a line. Reads from the beginning up to it.
    pub fn find(&self, line: u64) -> Result<Place, ReadError> {
        self.open()?.find(line)
    }

    fn open(&self) -> Result<OpenLines, ReadError> {
        let (disk, record) = (&*self.disk, &self.record);
        let opened = lines_of(disk, &self.names, record).and_then(|(path, file)| {
            // In this order: as long as the record says the same, no other file had got the name.
            let now = StreamRecord::read(disk, &self.names)?;
            Ok((path, file, now))
        });
        let (path, file, now) = opened.map_err(|source| ReadError::Io {
            file: disk.name_of(&record.path(self.names.writer())),
            source,
        })?;
        let path = disk.name_of(&path);
        if now.start != record.start {
            return Err(ReadError::Pruned {
                file: path,
                line: record.start.line,
                base: Base::clone(&now.base),
            });
        }
        Ok(OpenLines {
            file: Some(file),
            path,
            start: record.start,
            base: record.base.clone(),
            end: self.end,
        })
    }
}

impl fmt::Debug for StreamLook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamLook")
            .field("key", self.key())
            .field("end", &self.end)
            .finish_non_exhaustive()
    }
}

/// All but those of these writers.
pub(super) fn look(state: &Path, but: &BTreeSet<String>) -> Result<Vec<SpoolLook>, SpoolError> {
    let path = state.join("spool");
    let failed = |source| SpoolError::Io {
        path: path.clone(),
        source,
    };
    let disk: Arc<dyn Disk> = match Folder::open_existing(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        opened => Arc::new(opened.map_err(failed)?),
    };
    look_on(&disk, but).map_err(failed)
}

pub(super) fn look_on(disk: &Arc<dyn Disk>, but: &BTreeSet<String>) -> io::Result<Vec<SpoolLook>> {
    let mut spools = writers(&**disk)?;
    spools.retain(|spool| !but.contains(&spool.writer));
    spools.iter_mut().for_each(|spool| spool.look(disk));
    Ok(spools)
}

/// Every writer's copy of one stream, that of the process that began first in front.
pub(super) fn look_at_one(state: &Path, key: &SessionKey) -> Result<Vec<(String, StreamLook)>, SpoolError> {
    let path = state.join("spool");
    let look = || -> io::Result<Vec<(String, StreamLook)>> {
        let disk: Arc<dyn Disk> = match Folder::open_existing(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            opened => Arc::new(opened?),
        };
        let mut found = Vec::new();
        for writer in disk.list(Path::new(""))?.into_iter().filter(|name| is_writer(name)) {
            // Before any lock is tried: most writers have none of it.
            match disk.open(&WriterNames::new(&writer).stream(key).record()) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                opened => drop(opened?),
            }
            let there = other(&disk, key, &writer)?;
            found.extend(there.map(|(turn, look)| (turn, writer, look)));
        }
        found.sort_by(|(one, writer, _), (other, another, _)| (one, writer).cmp(&(other, another)));
        Ok(found.into_iter().map(|(_, writer, look)| (writer, look)).collect())
    };
    look().map_err(|source| SpoolError::Io {
        path: path.clone(),
        source,
    })
}

/// Who is there, and who lives. Behind the door: nobody takes a dead spool for a living one because we try its lock.
fn writers(disk: &dyn Disk) -> io::Result<Vec<SpoolLook>> {
    let _door = match disk.open(Path::new(DOOR)) {
        Ok(_) => Some(disk.lock(Path::new(DOOR))?),
        // No process ever came by.
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    let mut names = disk.list(Path::new(""))?;
    names.retain(|name| is_writer(name));
    names.sort();
    let spool = |writer: String| {
        Ok(SpoolLook {
            is_alive: is_locked(disk, &WriterNames::new(&writer).lock())?,
            writer,
            streams: Vec::new(),
            problems: Vec::new(),
        })
    };
    names.into_iter().map(spool).collect()
}

fn is_locked(disk: &dyn Disk, path: &Path) -> io::Result<bool> {
    match disk.open(path) {
        // Trying a lock makes its file.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
        Ok(_) => Ok(disk.try_lock(path)?.is_none()),
    }
}

impl SpoolLook {
    fn look(&mut self, disk: &Arc<dyn Disk>) {
        let names = WriterNames::new(&self.writer);
        let mut hashes = match disk.list(&names.streams()) {
            Ok(hashes) => hashes,
            // Nothing has begun, or it was removed just now.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return,
            Err(error) => return self.problem(&**disk, &names.streams(), &error),
        };
        hashes.sort();
        for hash in hashes {
            let stream = names.stream_of_hash(&hash);
            match look_at_stream(disk, stream.clone(), self.is_alive) {
                Ok(stream) => self.streams.push(stream),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => self.problem(&**disk, stream.dir(), &error),
            }
        }
        self.streams.sort_by(|one, other| one.key().cmp(other.key()));
        let is_gone = |error: io::Error| error.kind() == io::ErrorKind::NotFound;
        // Any other error leaves what was seen, problems too, as it is.
        if disk.open(&names.identity()).is_err_and(is_gone) {
            // It was removed meanwhile: what could not be read was on its way out.
            self.streams.clear();
            self.problems.clear();
        }
    }

    fn problem(&mut self, disk: &dyn Disk, path: &Path, error: &io::Error) {
        let path = disk.name_of(path);
        self.problems.push(format!("cannot read {}: {error}", path.display()));
    }
}

/// Another writer's copy of a stream.
#[derive(Clone, Debug)]
pub(crate) struct Other {
    /// Whose.
    pub(crate) writer: String,
    /// Its process began before the one that asks.
    pub(crate) is_older: bool,
    pub(crate) look: StreamLook,
}

/// What writers hold of a stream that are not known, as it lies on disk now. An error where one of them cannot be read:
/// that it holds nothing is not known then.
pub(super) fn others(
    disk: &Arc<dyn Disk>,
    key: &SessionKey,
    writer: &str,
    is_known: impl Fn(&str) -> bool,
) -> io::Result<Vec<Other>> {
    let is_other = |name: &String| is_writer(name) && name != writer && !is_known(name);
    let mut names = disk.list(Path::new(""))?;
    names.retain(is_other);
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let turn = writer::turn(&**disk, writer)?;
    let mut others = Vec::new();
    for name in names {
        let there = other(disk, key, &name)?;
        others.extend(there.map(|(found, look)| Other {
            is_older: (found, &name) < (turn, &writer.to_owned()),
            writer: name,
            look,
        }));
    }
    Ok(others)
}

/// One writer's copy and its turn; `None` where it has none, or was removed meanwhile.
fn other(disk: &Arc<dyn Disk>, key: &SessionKey, writer: &str) -> io::Result<Option<(u64, StreamLook)>> {
    let names = WriterNames::new(writer);
    let look = || {
        let is_alive = {
            let _door = disk.lock(Path::new(DOOR))?;
            is_locked(&**disk, &names.lock())?
        };
        look_at_stream(disk, names.stream(key), is_alive)
    };
    match look() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        look => Ok(Some((writer::turn(&**disk, writer)?, look?))),
    }
}

/// Fails with `NotFound` where no stream was begun.
fn look_at_stream(disk: &Arc<dyn Disk>, names: StreamNames, is_alive: bool) -> io::Result<StreamLook> {
    let (record, marked) = record_behind_mark(&**disk, &names, is_alive)?;
    let (_, file) = lines_of(&**disk, &names, &record)?;
    let marked = marked.unwrap_or(record.start).max(record.start);
    let (end, damage) = match is_alive {
        true => (marked, None),
        false => left_behind(&file, record.start, marked)?,
    };
    Ok(StreamLook {
        disk: disk.clone(),
        names,
        record,
        end,
        damage,
    })
}

/// How far a stream reaches, and then its record: lines that are in doubt are noted there before they are marked.
/// Fails with `NotFound` where no stream was begun.
fn record_behind_mark(
    disk: &dyn Disk,
    names: &StreamNames,
    is_alive: bool,
) -> io::Result<(StreamRecord, Option<Place>)> {
    disk.open(&names.record())?;
    let marked = mark::look(disk, &names.mark(), is_alive)?;
    let record = StreamRecord::read(disk, names)?;
    match marked.is_some_and(|marked| marked < record.start) {
        // Pruned between the two, perhaps: it may reach farther than it was marked then.
        true => {
            let marked = mark::look(disk, &names.mark(), is_alive)?;
            Ok((StreamRecord::read(disk, names)?, marked))
        }
        false => Ok((record, marked)),
    }
}

/// The file with the lines: a pruned copy that is complete but has not got its name yet is what counts.
fn lines_of(disk: &dyn Disk, names: &StreamNames, record: &StreamRecord) -> io::Result<(PathBuf, Arc<dyn DiskFile>)> {
    if record.pruning {
        match disk.open(&names.pruned()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            opened => return Ok((names.pruned(), opened?)),
        }
    }
    let path = record.path(names.writer());
    match disk.open(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(io::Error::other("its file is gone")),
        opened => Ok((path, opened?)),
    }
}

/// Where a dead process's stream ends: the process that adopts it takes every whole entry behind the mark, too.
fn left_behind(file: &Arc<dyn DiskFile>, start: Place, recorded: Place) -> io::Result<(Place, Option<Damage>)> {
    let size = start.offset + file.size()?;
    match whole_lines::damage(file, start, recorded, size)? {
        Some(damage) => Ok((damage.found, Some(damage))),
        None => Ok((whole_lines::entries(file, start, recorded, size)?, None)),
    }
}
