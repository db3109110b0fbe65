//! The growing end of a stream's file.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::alarm::FileTrouble;
use super::error::AppendError;
use super::layout::StreamNames;
use super::mark::SyncMark;
use super::place::{Base, Doubt, Doubtful, Place};
use super::record::{FileName, StreamRecord};
use super::writer::Writer;
use crate::disk::{self, BUFFER, DiskFile};
use crate::key::SessionKey;

/// Checked entries of one call, each ended by LF.
#[derive(Debug)]
pub(super) struct EntryBlock {
    pub(super) bytes: Vec<u8>,
    pub(super) lines: u64,
    /// Some of them are no entries.
    pub(super) is_odd: bool,
}

/// The thread that writes to a stream holds this.
#[derive(Debug)]
pub(super) struct AppendEnd {
    pub(super) writer: Arc<Writer>,
    pub(super) record: StreamRecord,
    /// Everything before is synced.
    pub(super) end: Place,
    pub(super) mark: SyncMark,
    /// A sync failed, or the end could not be cut: nothing more goes into this file. It is kept open, for it may be in
    /// memory only.
    pub(super) poisoned: Option<Arc<dyn DiskFile>>,
    /// The record on disk may not be ours ([`super::prune`]).
    pub(super) unsettled: bool,
}

impl AppendEnd {
    /// Begins a stream: its file and its record, on disk.
    ///
    /// The file is left in `made` if the rest fails: the next try goes on with it, for the name is taken now.
    pub(super) fn create(
        writer: &Arc<Writer>,
        key: &SessionKey,
        base: &Arc<Base>,
        doubts: Arc<[Doubt]>,
        made: &mut Option<FileName>,
    ) -> Result<Self, AppendError> {
        let names = writer.names.stream(key);
        let created = Self::try_create(writer, key, base, doubts, &names, made);
        created.map_err(|source| AppendError::Write {
            file: writer.disk.name_of(names.dir()),
            source: Arc::new(source),
        })
    }

    fn try_create(
        writer: &Arc<Writer>,
        key: &SessionKey,
        base: &Arc<Base>,
        doubts: Arc<[Doubt]>,
        names: &StreamNames,
        made: &mut Option<FileName>,
    ) -> io::Result<Self> {
        writer.make_dir_once(names.dir())?;
        let file = match &mut *made {
            Some(made) => made.clone(),
            none => none.insert(create_file(writer, key)?).clone(),
        };
        let start = Place::first(base);
        let record = StreamRecord {
            key: key.clone(),
            file,
            start,
            base: base.clone(),
            doubts,
            pruning: false,
        };
        record_new(writer, names, &record)?;
        *made = None;
        Ok(Self {
            writer: writer.clone(),
            record,
            end: start,
            mark: SyncMark::default(),
            poisoned: None,
            unsettled: false,
        })
    }

    /// Writes all blocks with one sync. After an error none of them is there.
    pub(super) fn append(&mut self, blocks: &[&EntryBlock]) -> Result<(), AppendError> {
        self.settle().map_err(|source| self.cannot_write(source))?;
        if self.poisoned.is_some() {
            self.rewrite(&[]).map_err(|source| self.cannot_sync(source))?;
        }
        let next = end_of(self.end, blocks);
        if next == self.end {
            return Ok(());
        }
        let file = self.file().map_err(|source| self.cannot_write(source))?;
        if let Err(source) = write(&*file, self.size(), blocks) {
            self.cut(&file);
            return Err(self.cannot_write(source));
        }
        if let Err(source) = file.sync() {
            self.sync_failed(file.clone(), source, blocks)?;
        }
        if blocks.iter().any(|block| block.is_odd) {
            self.mark_odd(&file, next)?;
            self.end = next;
        } else {
            self.synced(next);
        }
        Ok(())
    }

    /// Marks lines that are no entries: only the mark tells them from what a crash left. Else they are not there.
    fn mark_odd(&mut self, written: &Arc<dyn DiskFile>, end: Place) -> Result<(), AppendError> {
        let marked = self.mark_file();
        let marked = marked.and_then(|file| self.mark.write_durably(&*file, end));
        marked.map_err(|source| {
            // A failed sync may have put another one in its place.
            let file = self.file().unwrap_or_else(|_| written.clone());
            self.cut(&file);
            self.cannot_write(source)
        })
    }

    /// Notes, on disk when this returns, that what comes next may be at destinations already.
    pub(super) fn doubt(&mut self, found: Doubtful) -> Result<(), AppendError> {
        self.settle().map_err(|source| self.cannot_write(source))?;
        let mut record = self.record.clone();
        let mut doubts = record.doubts.to_vec();
        found.add_to(&mut doubts, self.end.line);
        record.doubts = doubts.into();
        // Where this fails the doubt may be on disk all the same: it says less than it could, and nothing wrong.
        let written = record.write(&*self.writer.disk, &self.names());
        written.map_err(|source| self.cannot_write(source))?;
        self.record = record;
        Ok(())
    }

    /// The file with the lines.
    pub(super) fn file(&self) -> io::Result<Arc<dyn DiskFile>> {
        match &self.poisoned {
            Some(file) => Ok(file.clone()),
            None => self.writer.files.open(&self.path()),
        }
    }

    pub(super) fn path(&self) -> PathBuf {
        self.record.path(&self.writer.names)
    }

    pub(super) fn names(&self) -> StreamNames {
        self.writer.names.stream(&self.record.key)
    }

    /// Everything before this place is on disk.
    pub(super) fn synced(&mut self, end: Place) {
        self.end = end;
        let file = self.mark_file();
        if let Err(error) = self.mark.write(file, end) {
            tracing::debug!(%error, "a mark of what is synced was not written");
        }
    }

    fn mark_file(&self) -> io::Result<Arc<dyn DiskFile>> {
        let name = self.names().mark();
        let files = &self.writer.files;
        match files.open(&name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => files.create(&name),
            opened => opened,
        }
    }

    /// Bytes in the file that are synced.
    pub(super) fn size(&self) -> u64 {
        self.end.offset - self.record.start.offset
    }

    /// Takes back what is not synced, on disk, too: else a crash could bring back what was refused.
    fn cut(&mut self, file: &Arc<dyn DiskFile>) {
        let cut = file.set_size(self.size()).and_then(|()| file.sync());
        if cut.is_err() {
            self.poisoned = Some(file.clone());
        }
    }

    fn sync_failed(
        &mut self,
        file: Arc<dyn DiskFile>,
        source: io::Error,
        blocks: &[&EntryBlock],
    ) -> Result<(), AppendError> {
        let source = Arc::new(source);
        self.poisoned = Some(file);
        self.raise(FileTrouble::SyncFailed(source.clone()));
        let rewritten = self.rewrite(blocks);
        rewritten.map_err(|error| {
            tracing::warn!(%error, "no fresh file could be written");
            if let Some(file) = self.poisoned.clone() {
                self.cut(&file);
            }
            AppendError::Sync {
                file: self.name(),
                source,
            }
        })
    }

    /// Puts a fresh file in place of one that is not trusted: what is synced, and these blocks.
    ///
    /// What is synced was read back or written since; if it is in memory only, this is what saves it.
    pub(super) fn rewrite(&mut self, blocks: &[&EntryBlock]) -> io::Result<()> {
        let disk = self.writer.disk.clone();
        let fresh = self.names().fresh();
        let old = self.file()?;
        let file = disk::create_anew(&*disk, &fresh)?;
        let size = self.size();
        disk::copy(&old, 0, size, &*file, 0)?;
        write(&*file, size, blocks)?;
        file.sync()?;
        // Not by `disk::replace`: what is done when the directory cannot be synced depends on the name being given
        // already.
        let path = self.path();
        disk.rename(&fresh, &path)?;
        // The name is the fresh file's now, whether or not that is on disk: until it is, nothing is acknowledged.
        self.writer.files.put(&path, &file);
        self.poisoned = Some(file.clone());
        if let Err(error) = disk.sync_dir(disk::parent(&path)) {
            self.cut(&file);
            return Err(error);
        }
        self.poisoned = None;
        self.raise(FileTrouble::Rewritten);
        Ok(())
    }

    pub(super) fn raise(&self, trouble: FileTrouble) {
        self.writer.raise(Some(&self.record.key), &self.path(), trouble);
    }

    pub(super) fn name(&self) -> PathBuf {
        self.writer.disk.name_of(&self.path())
    }

    fn cannot_write(&self, source: io::Error) -> AppendError {
        AppendError::Write {
            file: self.name(),
            source: Arc::new(source),
        }
    }

    fn cannot_sync(&self, source: io::Error) -> AppendError {
        AppendError::Sync {
            file: self.name(),
            source: Arc::new(source),
        }
    }
}

/// The file's name is on disk before the record that names it.
fn record_new(writer: &Writer, names: &StreamNames, record: &StreamRecord) -> io::Result<()> {
    let disk = &*writer.disk;
    disk.sync_dir(disk::parent(&record.path(&writer.names)))?;
    match writer.files.create(&names.mark()) {
        // An earlier try failed after this.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        made => drop(made?),
    }
    record.write(disk, names)
}

fn end_of(end: Place, blocks: &[&EntryBlock]) -> Place {
    let grow = |end: Place, block: &&EntryBlock| end.after(block.lines, block.bytes.len() as u64);
    blocks.iter().fold(end, grow)
}

/// Blocks are small and many where a stream is busy: they go to the file together.
fn write(file: &dyn DiskFile, mut at: u64, blocks: &[&EntryBlock]) -> io::Result<()> {
    if let [block] = blocks {
        return file.write_at(&block.bytes, at);
    }
    let mut joined = Vec::new();
    for block in blocks {
        if !joined.is_empty() && joined.len() + block.bytes.len() > BUFFER {
            file.write_at(&joined, at)?;
            at += joined.len() as u64;
            joined.clear();
        }
        joined.extend_from_slice(&block.bytes);
    }
    match joined.is_empty() {
        true => Ok(()),
        false => file.write_at(&joined, at),
    }
}

/// The agent's own name, or else the name that no other stream can have.
fn create_file(writer: &Writer, key: &SessionKey) -> io::Result<FileName> {
    if let Some(path) = writer.names.agent_file(key) {
        match make_file(writer, &path) {
            Err(error) if is_name_trouble(error.kind()) => {}
            made => return made.map(|()| FileName::Usual),
        }
    }
    let path = writer.names.other_file(key);
    writer.make_dirs(disk::parent(&path))?;
    let file = disk::create_anew(&*writer.disk, &path)?;
    writer.files.put(&path, &file);
    Ok(FileName::new(path, &writer.names, key))
}

fn make_file(writer: &Writer, path: &Path) -> io::Result<()> {
    writer.make_dirs(disk::parent(path))?;
    writer.files.create(path).map(drop)
}

/// The name is taken, by a file or by a directory of another stream, or the file system cannot have it.
fn is_name_trouble(kind: io::ErrorKind) -> bool {
    use io::ErrorKind::{AlreadyExists, InvalidFilename, InvalidInput, IsADirectory, NotADirectory};
    matches!(
        kind,
        AlreadyExists | InvalidFilename | InvalidInput | IsADirectory | NotADirectory
    )
}
