use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::{Mutex, MutexGuard, RwLock, RwLockReadGuard};

use super::append_end::{AppendEnd, EntryBlock};
use super::error::{AppendError, Damage, ReadError};
use super::look::{self, Other};
use super::open_lines::OpenLines;
use super::place::{Base, Chunk, Doubt, Doubtful, Place};
use super::record::FileName;
use super::writer::Writer;
use crate::key::SessionKey;

/// A writer's copy of one stream. Only what is synced is ever seen here.
///
/// Everything may wait for the disk: call it where blocking is fine. Its files are open only while they are used.
pub struct Stream {
    key: SessionKey,
    writer: Arc<Writer>,
    writing: Mutex<Writing>,
    view: RwLock<View>,
    doubts: RwLock<Arc<[Doubt]>>,
    damage: Option<Box<Damage>>,
    /// It is among the [`super::changed_streams`].
    is_changed: AtomicBool,
}

/// What the thread that writes to a stream has in hand.
#[derive(Debug, Default)]
struct Writing {
    /// None until the stream is on disk.
    tail: Option<AppendEnd>,
    /// An empty file that was made for it: its name is taken.
    made: Option<FileName>,
}

/// What readers may see.
#[derive(Clone, Debug)]
struct View {
    /// The file with the lines; none until the stream is on disk.
    file: Option<FileName>,
    start: Place,
    base: Arc<Base>,
    /// Everything before is synced.
    end: Place,
}

impl Stream {
    /// A stream that is not on disk yet.
    pub(super) fn new(writer: Arc<Writer>, key: SessionKey, base: Base) -> Self {
        let base = match base == *writer.no_base {
            true => writer.no_base.clone(),
            false => Arc::new(base),
        };
        Self::behind(writer, key, base)
    }

    fn behind(writer: Arc<Writer>, key: SessionKey, base: Arc<Base>) -> Self {
        let start = Place::first(&base);
        let view = View {
            file: None,
            start,
            base,
            end: start,
        };
        Self {
            key,
            writer,
            writing: Mutex::default(),
            view: RwLock::new(view),
            doubts: RwLock::new(Arc::default()),
            damage: None,
            is_changed: AtomicBool::new(false),
        }
    }

    /// A stream that was on disk before.
    pub(super) fn found(tail: AppendEnd, damage: Option<Damage>) -> Self {
        let (writer, record) = (tail.writer.clone(), &tail.record);
        let stream = Self::behind(writer, record.key.clone(), record.base.clone());
        stream.show(&tail);
        stream.show_doubts(&tail);
        stream.writing().tail = Some(tail);
        let damage = damage.map(Box::new);
        Self { damage, ..stream }
    }

    /// Which stream.
    pub fn key(&self) -> &SessionKey {
        &self.key
    }

    /// Whose copy: the writer's random identity, which goes into the origin of its batches.
    pub fn writer(&self) -> &str {
        &self.writer.id
    }

    /// What comes before the first line that is here.
    pub fn base(&self) -> Base {
        Base::clone(&self.view().base)
    }

    /// The place of the first line that is here.
    pub fn start(&self) -> Place {
        self.view().start
    }

    /// The place behind the last synced line.
    pub fn end(&self) -> Place {
        self.view().end
    }

    /// Which lines may be at destinations already, in the order in which they came.
    pub fn doubts(&self) -> Vec<Doubt> {
        self.doubts.read().to_vec()
    }

    /// What other writers hold of the stream on this disk, but for those that are known. An error where one cannot be
    /// read.
    pub(crate) fn others(&self, is_known: impl Fn(&str) -> bool) -> io::Result<Vec<Other>> {
        look::others(&self.writer.disk, &self.key, &self.writer.id, is_known)
    }

    /// How the stream is damaged, if it is. What is left of it can be read, and it is never pruned.
    pub fn damage(&self) -> Option<Damage> {
        self.damage.as_deref().copied()
    }

    /// The lines from a place on: at most [`super::CHUNK_LINES`] and [`super::CHUNK_BYTES`], or a single larger one;
    /// `None` at the end.
    ///
    /// A place is a hint that may come from anywhere: that a line begins there is checked, that it has this number is
    /// not ([`Stream::find`]).
    pub fn read(&self, from: Place) -> Result<Option<Chunk>, ReadError> {
        self.open()?.read(from)
    }

    /// The place of a line. Reads from the beginning up to it.
    pub fn find(&self, line: u64) -> Result<Place, ReadError> {
        self.open()?.find(line)
    }

    /// Removes the lines up to `base.lines`, which the base says where to find. Does nothing where they are gone
    /// already.
    ///
    /// Whatever fails, the lines after them stay. Writes what is left anew, so it is worth its while once most of the
    /// stream can go. Appending waits meanwhile.
    pub fn prune(&self, base: Base) -> Result<(), ReadError> {
        if let Some(damage) = self.damage() {
            let file = self.name();
            return Err(ReadError::Damaged { file, damage });
        }
        let mut writing = self.writing();
        let lines = self.open()?;
        if base.lines < lines.start.line {
            return Ok(());
        }
        let start = lines.find(base.lines + 1)?;
        let Some(tail) = &mut writing.tail else { return Ok(()) };
        let failed = |source| lines.failed(source);
        let pruned = tail.copy_rest(start, base).map_err(failed)?;
        // Who opens a file by its name must not take the new one's lines for the old one's.
        let mut view = self.view.write();
        let moved = tail.put_rest_in_place(pruned);
        view.show(tail);
        drop(view);
        moved.and_then(|()| tail.settle()).map_err(failed)
    }

    /// Writes blocks behind the end, on disk when this returns.
    pub(super) fn commit(&self, blocks: &[&EntryBlock]) -> Result<(), AppendError> {
        let mut writing = self.writing();
        let Writing { tail, made } = &mut *writing;
        let tail = match tail {
            Some(tail) => tail,
            none => none.insert(AppendEnd::create(
                &self.writer,
                &self.key,
                &self.view().base.clone(),
                Arc::default(),
                made,
            )?),
        };
        let appended = tail.append(blocks);
        self.show(tail);
        appended
    }

    /// Notes, on disk when this returns, that the lines which come next may be at destinations already.
    pub(super) fn doubt(&self, found: Doubtful) -> Result<(), AppendError> {
        let mut writing = self.writing();
        let Writing { tail, made } = &mut *writing;
        let tail = match tail {
            Some(tail) => {
                tail.doubt(found)?;
                tail
            }
            none => {
                let (base, mut doubts) = (self.view().base.clone(), Vec::new());
                found.add_to(&mut doubts, Place::first(&base).line);
                none.insert(AppendEnd::create(&self.writer, &self.key, &base, doubts.into(), made)?)
            }
        };
        self.show_doubts(tail);
        self.show(tail);
        Ok(())
    }

    /// Whether the stream is on disk.
    pub(super) fn is_begun(&self) -> bool {
        self.view().file.is_some()
    }

    /// Whether nothing is left to be written: its file is trusted, and its record says what is the case.
    pub(super) fn is_in_order(&self) -> bool {
        let writing = self.writing();
        writing
            .tail
            .as_ref()
            .is_some_and(|tail| tail.poisoned.is_none() && !tail.unsettled)
    }

    /// Notes whether it is among the changes; true if it was.
    pub(super) fn mark_changed(&self, is_changed: bool) -> bool {
        self.is_changed.swap(is_changed, Ordering::AcqRel)
    }

    /// The file's name, for people.
    pub(super) fn name(&self) -> PathBuf {
        self.writer.disk.name_of(&self.path(&self.view()))
    }

    /// Lets readers see what is synced.
    fn show(&self, tail: &AppendEnd) {
        self.view.write().show(tail);
    }

    /// The lines as they are now.
    fn open(&self) -> Result<OpenLines, ReadError> {
        // Held until the file is open: no other one gets its name meanwhile.
        let view = self.view();
        let name = self.path(&view);
        let path = self.writer.disk.name_of(&name);
        let file = view.file.as_ref().map(|_| self.writer.files.open(&name)).transpose();
        let file = file.map_err(|source| ReadError::Io {
            file: path.clone(),
            source,
        })?;
        Ok(OpenLines {
            file,
            path,
            start: view.start,
            base: view.base.clone(),
            end: view.end,
        })
    }

    /// The file with the lines; the writer's directory until the stream is on disk.
    fn path(&self, view: &View) -> PathBuf {
        let names = &self.writer.names;
        let file = view.file.as_ref();
        file.map_or_else(|| names.dir().to_owned(), |file| file.path(names, &self.key))
    }

    fn show_doubts(&self, tail: &AppendEnd) {
        let mut doubts = self.doubts.write();
        *doubts = tail.record.doubts.clone();
    }

    fn writing(&self) -> MutexGuard<'_, Writing> {
        self.writing.lock()
    }

    fn view(&self) -> RwLockReadGuard<'_, View> {
        self.view.read()
    }
}

impl View {
    fn show(&mut self, tail: &AppendEnd) {
        if self.file.as_ref() != Some(&tail.record.file) {
            self.file = Some(tail.record.file.clone());
        }
        if self.start != tail.record.start {
            self.start = tail.record.start;
            self.base = tail.record.base.clone();
        }
        self.end = tail.end;
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream")
            .field("key", &self.key)
            .field("writer", &self.writer.id)
            .field("end", &self.end())
            .finish_non_exhaustive()
    }
}
