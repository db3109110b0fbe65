//! What the spools of this machine hold of one stream, and which of it counts.

use std::collections::BTreeMap;
use std::io;

use bytes::Bytes;

use super::Answer;
use crate::agent_format::{lines_of, parent_of};
use crate::host::Core;
use crate::key::SessionKey;
use crate::mirror::DeliveryRecords;
use crate::spool::{Spool, StreamLook};

/// One writer's copy of a stream, and what the mirror's records said of it at that time.
#[derive(Debug)]
pub(super) struct SpoolCopy {
    pub(super) writer: String,
    pub(super) look: StreamLook,
    /// This host delivers it.
    is_ours: bool,
    /// Lines before this one were deleted, wherever this machine's deletes go.
    kept: u64,
    /// By destination.
    at: BTreeMap<String, CopyAt>,
}

/// How a copy stands at a destination.
#[derive(Clone, Copy, Debug, Default)]
struct CopyAt {
    /// Lines before this one were deleted there.
    kept: u64,
    /// Lines before this one were there; 0 where no record says.
    delivered: u64,
}

/// How a destination's log stands to the copies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LogState {
    /// It holds what it was given.
    Whole,
    /// It was deleted: what it was given before is nowhere any more. Where this host has reckoned with that, or it was
    /// this host that wants it, the ledger says which lines of its own copies are meant.
    Deleted { is_known: bool },
}

/// The copies, the oldest process's first; those last that hold lines which may be elsewhere under other writers. The
/// records are read now, before any destination is: what is delivered meanwhile does not count as delivered.
pub(super) fn of_stream(core: &Core, records: &DeliveryRecords, key: &SessionKey) -> Answer<Vec<SpoolCopy>> {
    let taking = core.mirror.taking(key.project_key());
    let destinations: Vec<_> = taking.into_iter().map(|(name, _)| name).collect();
    let ours = core.mirror.writers();
    let (mut copies, mut files) = (Vec::new(), Vec::new());
    for (writer, look) in Spool::look_at_stream(&core.state, key)? {
        let is_of_file = !look.doubts().is_empty();
        let mut copy = SpoolCopy::new(writer, look, records, &destinations)?;
        copy.is_ours = ours.contains(&copy.writer);
        match is_of_file {
            true => files.push(copy),
            false => copies.push(copy),
        }
    }
    copies.append(&mut files);
    Ok(copies)
}

impl SpoolCopy {
    fn new(writer: String, look: StreamLook, records: &DeliveryRecords, destinations: &[String]) -> io::Result<Self> {
        let (mut at, key) = (BTreeMap::new(), look.key());
        for destination in destinations {
            let standing = CopyAt {
                kept: records.kept_from(Some(destination), &writer, key)?,
                delivered: records.delivered_to(destination, &writer, key).unwrap_or_default(),
            };
            at.insert(destination.clone(), standing);
        }
        let kept = records.kept_from(None, &writer, key)?;
        Ok(Self {
            writer,
            look,
            is_ours: false,
            kept,
            at,
        })
    }

    /// The first line that counts: those before were deleted, or are not here.
    pub(super) fn first(&self, destination: Option<&str>, log: LogState) -> u64 {
        let start = self.look.start().line;
        let CopyAt { kept, delivered } = self.at(destination);
        let gone = match log {
            // What came behind may have been stored and hidden since: it is delivered once more.
            LogState::Deleted { is_known: true } if self.is_ours => kept,
            LogState::Deleted { .. } if kept <= start => delivered,
            _ => kept,
        };
        start.max(gone)
    }

    /// The first line that counts and that a destination which lists the stream is not known to have.
    pub(super) fn first_waiting(&self, destination: &str) -> u64 {
        let first = self.first(Some(destination), LogState::Whole);
        first.max(self.at(Some(destination)).delivered)
    }

    pub(super) fn end(&self) -> u64 {
        self.look.end().line
    }

    /// How many lines count, where the spools alone are read.
    pub(super) fn count(&self) -> u64 {
        self.end().saturating_sub(self.first(None, LogState::Whole))
    }

    /// What of the stream's beginning is not here, where older copies hold so many lines; none where that is nothing.
    pub(super) fn lacks(&self, before: u64) -> Option<String> {
        let (look, base) = (&self.look, self.look.base());
        if let Some(damage) = look.damage() {
            return Some(format!("the copy on this machine is damaged ({damage})"));
        }
        if self.is_begun_anew() {
            return None;
        }
        match &base.stored {
            Some(stored) => Some(format!("what comes before lies at `{}`", stored.destination)),
            None if base.lines > before => Some("its beginning is not on this machine any more".to_owned()),
            None => None,
        }
    }

    /// Whether its beginning was deleted by this machine.
    pub(super) fn is_begun_anew(&self) -> bool {
        self.kept > 1 && self.kept >= self.look.start().line
    }

    /// Whether its first row follows one that is not in it: the stream was begun elsewhere.
    pub(super) fn follows_another(&self) -> bool {
        let chunk = self.look.read(self.look.start()).ok().flatten();
        let payload = chunk.map_or_else(Bytes::new, |chunk| chunk.payload);
        let mut parents = lines_of(&payload).filter_map(parent_of);
        parents.next().is_some_and(|parent| parent != "null")
    }

    fn at(&self, destination: Option<&str>) -> CopyAt {
        let at = destination.and_then(|destination| self.at.get(destination));
        let unknown = CopyAt {
            kept: self.kept,
            delivered: 0,
        };
        at.copied().unwrap_or(unknown)
    }
}
