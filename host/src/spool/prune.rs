//! Pruning: the lines before a new base go.
//!
//! Two files change, the lines and the record, and a crash may come between. So the record says first that pruning is
//! under way, and the copy that is to replace the file is complete under its temporary name by then: if it still has
//! that name, it has yet to be moved. A pruning that failed on the way is settled before the next line is written, for
//! else a crash would move an old copy over new lines.

use std::io;

use super::place::{Base, Place};
use super::record::Record;
use super::tail::Tail;
use crate::disk;

impl Tail {
    /// Removes what is before `start`, the place of the line after `base`.
    pub(super) fn prune(&mut self, start: Place, base: Base) -> io::Result<()> {
        self.settle()?;
        if self.poisoned {
            self.rewrite(&[])?;
        }
        let disk = self.writer.disk.clone();
        let pruned = self.names.pruned();
        let file = disk::create_anew(&*disk, &pruned)?;
        disk::copy(
            &self.file,
            start.offset - self.record.start.offset,
            self.size(),
            &*file,
            0,
        )?;
        file.sync()?;
        disk.sync_dir(self.names.dir())?;
        let record = Record {
            start,
            base,
            pruning: true,
            ..self.record.clone()
        };
        self.unsettled = true;
        record.write(&*disk, &self.names.record())?;
        disk.rename(&pruned, &record.file)?;
        self.file = file;
        self.record = Record {
            pruning: false,
            ..record
        };
        self.settle()
    }

    /// Makes the record on disk say what is the case.
    pub(super) fn settle(&mut self) -> io::Result<()> {
        if !self.unsettled {
            return Ok(());
        }
        let disk = &*self.writer.disk;
        disk.sync_dir(disk::parent(&self.record.file))?;
        disk.sync_dir(self.names.dir())?;
        self.record.write(disk, &self.names.record())?;
        disk::remove_if_there(disk, &self.names.pruned())?;
        self.unsettled = false;
        Ok(())
    }
}
