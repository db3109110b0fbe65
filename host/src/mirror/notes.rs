//! Notes for the mirrors of a state directory about what came to pass at destinations by other ways than theirs.
//!
//! A copy that never began at a destination and finds a tombstone there is the session begun anew. That is wrong where
//! its lines were copied there from elsewhere, or where a caller deleted the session and meant what waits here, too.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use uuid::Uuid;

use super::ledger::{Ledger, Streams};
use super::trouble::{Trouble, records};
use crate::disk::Folder;
use crate::key::SessionKey;
use crate::spool::{Spool, SpoolError};

/// What the spools of a state directory hold, and where to note what became of it without the mirror.
///
/// Everything here waits for the disk.
#[derive(Debug)]
pub struct Notes {
    state: PathBuf,
    streams: Streams,
}

impl Notes {
    /// Looks at the spools as they are now: what is appended later is not meant.
    pub fn open(state: &Path) -> Result<Self, SpoolError> {
        let mut streams = Streams::new();
        for spool in Spool::look(state)? {
            for stream in spool.streams()? {
                let ends = streams.entry(stream.key().clone()).or_default();
                ends.insert(spool.writer.clone(), stream.end().line);
            }
        }
        let state = state.to_owned();
        Ok(Self { state, streams })
    }

    /// A stream was copied to a destination: a delete of it there means these spools' lines.
    pub fn copied(&self, destination: &str, key: &SessionKey) -> Result<(), Trouble> {
        let Some(ends) = self.streams.get(key) else {
            return Ok(());
        };
        self.write(|ledger| {
            ledger.update(destination, key, |entry| {
                ends.keys().for_each(|writer| entry.share_mut(writer).begun = true);
            })?;
            Ok(())
        })
    }

    /// A session is deleted at a destination: what the spools hold of it is not brought there any more. Best noted
    /// before it is done, for what was deleted cannot be found again.
    pub fn deleted(&self, destination: &str, session: &SessionKey) -> Result<(), Trouble> {
        let streams = self.of_session(session);
        if streams.is_empty() {
            return Ok(());
        }
        self.write(|ledger| {
            for (key, ends) in &streams {
                ledger.update(destination, key, |entry| entry.pass_over(ends))?;
            }
            Ok(())
        })
    }

    /// A session is deleted wherever it is: it does not come to destinations that are named later, and is deleted where
    /// they hold what these spools do.
    pub fn deleted_everywhere(&self, session: &SessionKey) -> Result<(), Trouble> {
        let streams = self.of_session(session);
        if streams.is_empty() {
            return Ok(());
        }
        let writer = Uuid::new_v4().simple().to_string();
        self.write(|ledger| ledger.want_deleted_later(&streams, &writer))
    }

    fn of_session(&self, session: &SessionKey) -> Streams {
        let main = session.to_main();
        let mut streams = self.streams.clone();
        streams.retain(|key, _| key.to_main() == main);
        streams
    }

    fn write(&self, note: impl FnOnce(&Ledger) -> io::Result<()>) -> Result<(), Trouble> {
        let folder = Folder::open(&self.state.join("ledger")).map_err(records)?;
        note(&Ledger::new(Arc::new(folder))).map_err(records)
    }
}
