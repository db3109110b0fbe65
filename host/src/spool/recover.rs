//! Opening a stream that a dead process left: whatever was acknowledged is there, what is torn is cut off.

use std::io;
use std::sync::Arc;

use super::alarm::{Alarm, FileTrouble};
use super::append_end::AppendEnd;
use super::error::Damage;
use super::layout::StreamNames;
use super::mark::SyncMark;
use super::place::Place;
use super::record::StreamRecord;
use super::stream::Stream;
use super::whole_lines::{damage, entries};
use super::writer::Writer;
use crate::disk;

/// A stream as it was found; what had to be said about it is added to `alarms`.
///
/// Fails with `NotFound` where a stream was about to be begun and no line of it can be.
pub(super) fn open(
    writer: &Arc<Writer>,
    names: &StreamNames,
    is_recovered: bool,
    alarms: &mut Vec<Alarm>,
) -> io::Result<Stream> {
    let record = StreamRecord::read(&*writer.disk, names)?;
    let (mark, recorded) = match writer.files.open(&names.mark()) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => (SyncMark::default(), None),
        file => SyncMark::read(&*file?)?,
    };
    // Nothing was written since: what is there is on disk.
    let was_in_order = is_recovered && !record.pruning;
    let file = match was_in_order {
        true => writer.files.open(&record.path(&writer.names)),
        false => open_file(writer, names, &record),
    };
    let file = file.map_err(not_missing)?;
    let mut tail = AppendEnd {
        writer: writer.clone(),
        end: record.start,
        record,
        mark,
        poisoned: None,
        unsettled: true,
    };
    let is_in_order = was_in_order && tail.take_as_is(&file, recorded)?;
    let damage = match is_in_order {
        true => None,
        false => tail.recover(&file, recorded, alarms)?,
    };
    Ok(Stream::found(tail, damage))
}

/// A begun stream without its file is not one that never began.
fn not_missing(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::NotFound => io::Error::other("its file is gone"),
        _ => error,
    }
}

/// The file, and what was under way when the process died brought to its end.
fn open_file(writer: &Writer, names: &StreamNames, record: &StreamRecord) -> io::Result<Arc<dyn disk::DiskFile>> {
    let (disk, path) = (&*writer.disk, record.path(&writer.names));
    disk::remove_if_there(disk, &names.fresh())?;
    if record.pruning {
        // Of a file that was synced before its record was written; `settle` syncs the directory.
        match disk.rename(&names.pruned(), &path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    let file = disk.open(&path)?;
    writer.files.put(&path, &file);
    Ok(file)
}

impl AppendEnd {
    /// Takes a stream that was brought into order before; false, and nothing changed, where it is not.
    fn take_as_is(&mut self, file: &Arc<dyn disk::DiskFile>, recorded: Option<Place>) -> io::Result<bool> {
        let start = self.record.start;
        let recorded = recorded.unwrap_or(start).max(start);
        let size = start.offset + file.size()?;
        if damage(file, start, recorded, size)?.is_some() {
            return Ok(false);
        }
        let end = entries(file, start, recorded, size)?;
        let is_whole = end.offset == size;
        if is_whole {
            self.end = end;
            self.unsettled = false;
        }
        Ok(is_whole)
    }

    fn recover(
        &mut self,
        file: &Arc<dyn disk::DiskFile>,
        recorded: Option<Place>,
        alarms: &mut Vec<Alarm>,
    ) -> io::Result<Option<Damage>> {
        self.record.pruning = false;
        self.settle()?;
        let start = self.record.start;
        let recorded = recorded.unwrap_or(start).max(start);
        let size = start.offset + file.size()?;
        if let Some(damage) = damage(file, start, recorded, size)? {
            self.end = damage.found;
            self.note(FileTrouble::Damaged(damage), alarms);
            return Ok(Some(damage));
        }
        self.end = recorded;
        // Even where nothing is behind it: what was there may have been cut and not synced, and could come back.
        self.take_tail(file, entries(file, start, recorded, size)?, size, alarms)?;
        Ok(None)
    }

    /// Takes the lines up to `whole` for synced once they are, and cuts off what is behind them.
    fn take_tail(
        &mut self,
        file: &Arc<dyn disk::DiskFile>,
        whole: Place,
        size: u64,
        alarms: &mut Vec<Alarm>,
    ) -> io::Result<()> {
        if whole.offset < size {
            file.set_size(whole.offset - self.record.start.offset)?;
            let bytes = size - whole.offset;
            self.note(FileTrouble::Cut { bytes }, alarms);
        }
        if let Err(source) = self.sync_anew(file, whole) {
            self.note(FileTrouble::SyncFailed(Arc::new(source)), alarms);
            self.poisoned = Some(file.clone());
            // What a rewrite copies is everything before the end.
            let recorded = std::mem::replace(&mut self.end, whole);
            if let Err(error) = self.rewrite(&[]) {
                self.end = recorded;
                return Err(error);
            }
        }
        self.synced(whole);
        Ok(())
    }

    /// Writes what is behind the end once more, as it is, and syncs. If the dead process met a failed sync, the system
    /// takes these bytes for written though they are not, and a sync alone would pass them over.
    fn sync_anew(&self, file: &Arc<dyn disk::DiskFile>, whole: Place) -> io::Result<()> {
        let (from, to) = (self.size(), whole.offset - self.record.start.offset);
        disk::copy(file, from, to, &**file, from)?;
        file.sync()
    }

    fn note(&self, trouble: FileTrouble, alarms: &mut Vec<Alarm>) {
        alarms.push(self.writer.raise(Some(&self.record.key), &self.path(), trouble));
    }
}
