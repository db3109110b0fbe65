//! Pruning: the lines before a new base go.
//!
//! Two files change, the lines and the record, and a crash may come between. So the record says first that pruning is
//! under way, and the copy that is to replace the file is complete under its temporary name by then: if it still has
//! that name, it has yet to be moved. A pruning that failed on the way is settled before the next line is written, for
//! else a crash would move an old copy over new lines.

use std::io;
use std::sync::Arc;

use super::append_end::AppendEnd;
use super::place::{Base, Place};
use super::record::StreamRecord;
use crate::disk::{self, DiskFile};

/// What is left of a stream, complete under its temporary name.
pub(super) struct PrunedFile {
    file: Arc<dyn DiskFile>,
    record: StreamRecord,
}

impl AppendEnd {
    /// Copies what is behind `start`, the place of the line after `base`, and writes down that it is to be the stream.
    pub(super) fn copy_rest(&mut self, start: Place, base: Base) -> io::Result<PrunedFile> {
        self.settle()?;
        if self.poisoned.is_some() {
            self.rewrite(&[])?;
        }
        let (disk, names) = (self.writer.disk.clone(), self.names());
        let file = disk::create_anew(&*disk, &names.pruned())?;
        let from = start.offset - self.record.start.offset;
        disk::copy(&self.file()?, from, self.size(), &*file, 0)?;
        file.sync()?;
        disk.sync_dir(names.dir())?;
        let record = StreamRecord {
            start,
            base: Arc::new(base),
            pruning: true,
            ..self.record.clone()
        };
        self.unsettled = true;
        record.write(&*disk, &names)?;
        Ok(PrunedFile { file, record })
    }

    /// Puts it in the place of the stream's file. [`AppendEnd::settle`] ends it.
    pub(super) fn put_rest_in_place(&mut self, rest: PrunedFile) -> io::Result<()> {
        let PrunedFile { file, record } = rest;
        // Not by `disk::replace`: the file was synced before the record was written that tells of it, readers see the
        // new name at once, and the directory is synced by `settle`, before anything else is done with the file.
        let path = self.path();
        self.writer.disk.rename(&self.names().pruned(), &path)?;
        self.writer.files.put(&path, &file);
        self.record = StreamRecord {
            pruning: false,
            ..record
        };
        Ok(())
    }

    /// Makes the record on disk say what is the case.
    pub(super) fn settle(&mut self) -> io::Result<()> {
        if !self.unsettled {
            return Ok(());
        }
        let (disk, names) = (&*self.writer.disk, self.names());
        disk.sync_dir(disk::parent(&self.path()))?;
        disk.sync_dir(names.dir())?;
        self.record.write(disk, &names)?;
        disk::remove_if_there(disk, &names.pruned())?;
        self.unsettled = false;
        Ok(())
    }
}
