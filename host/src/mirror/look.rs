//! How things stand, from disk alone: works while other processes run and when none does, and changes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;
use std::sync::Arc;

use serde::Serialize;

use super::cursor::Cursors;
use super::ledger::Ledger;
use crate::config::DestinationConfig;
use crate::disk::{Disk, Folder};
use crate::key::SessionKey;
use crate::spool::{Place, Spool, SpoolError, SpoolLook, StreamLook};
use crate::store::Position;
use crate::summary;

/// How things stand in a state directory.
#[derive(Clone, Debug, Serialize)]
pub struct StateLook {
    /// Every writer's spool.
    pub writers: Vec<WriterLook>,
    /// Every destination, in the order in which they were asked for.
    pub destinations: Vec<DestinationLook>,
}

/// A writer's spool.
#[derive(Clone, Debug, Serialize)]
pub struct WriterLook {
    /// The writer's identity.
    pub writer: String,
    /// Whether its process lives, or another one has adopted the spool.
    pub alive: bool,
    /// How many streams it holds.
    pub streams: usize,
    /// What cannot be read, or is damaged, for people.
    pub problems: Vec<String>,
}

/// What waits for a destination.
#[derive(Clone, Debug, Serialize)]
pub struct DestinationLook {
    /// Its name.
    pub destination: String,
    /// Entries that it does not have.
    pub entries: u64,
    /// Bytes that it does not have.
    pub bytes: u64,
    /// When the oldest of them was written, in Unix milliseconds, where an entry says so.
    pub oldest: Option<u64>,
    /// Streams that are still to be deleted there.
    pub deletes: Vec<SessionKey>,
    /// What the processes whose spools are there had to tell of it, counted ([`super::What::name`]).
    pub events: BTreeMap<String, u64>,
    /// The streams that are behind.
    pub streams: Vec<StreamWaiting>,
    /// Records that cannot be read, for people.
    pub problems: Vec<String>,
}

/// What waits of one writer's copy of a stream.
#[derive(Clone, Debug, Serialize)]
pub struct StreamWaiting {
    /// Which stream.
    pub stream: SessionKey,
    /// Whose copy.
    pub writer: String,
    /// Whether the writer's process lives, or another one has adopted its spool.
    pub alive: bool,
    /// How many entries.
    pub entries: u64,
    /// How many bytes.
    pub bytes: u64,
    /// When the first of them was written, in Unix milliseconds, if it says so.
    pub oldest: Option<u64>,
    /// Why, if the process that tried wrote it down.
    pub trouble: Option<String>,
}

/// Looks at a state directory. Blocks for the disk.
pub fn look(state: &Path, destinations: &[DestinationConfig]) -> Result<StateLook, SpoolError> {
    of_spools(state, destinations, &Spool::look(state)?)
}

/// What other processes have in a state directory, seen from one that lives: these writers' spools are its own, or it
/// adopted them, and it knows better than the disk how they stand ([`crate::host::Host::writers`]). Events, records
/// that cannot be read and deletes are told as [`look`] tells them. Blocks for the disk.
pub fn look_at_others(
    state: &Path,
    destinations: &[DestinationConfig],
    but: &BTreeSet<String>,
) -> Result<StateLook, SpoolError> {
    of_spools(state, destinations, &Spool::look_at_others(state, but)?)
}

fn of_spools(state: &Path, destinations: &[DestinationConfig], spools: &[SpoolLook]) -> Result<StateLook, SpoolError> {
    let records = DeliveryRecords::open(state)?;
    Ok(StateLook {
        destinations: destinations
            .iter()
            .map(|config| records.destination(config, spools))
            .collect(),
        writers: spools.iter().map(WriterLook::of).collect(),
    })
}

impl StateLook {
    /// Whether everything is in every destination.
    pub fn is_delivered(&self) -> bool {
        let is_waiting = |destination: &DestinationLook| {
            !destination.streams.is_empty() || !destination.deletes.is_empty() || !destination.problems.is_empty()
        };
        let is_unreadable = |writer: &WriterLook| !writer.problems.is_empty();
        !self.destinations.iter().any(is_waiting) && !self.writers.iter().any(is_unreadable)
    }
}

impl WriterLook {
    fn of(spool: &SpoolLook) -> Self {
        let (streams, problems) = spool.as_far_as_readable();
        let damaged = |stream: &StreamLook| Some(format!("{} is damaged: {}", stream.key(), stream.damage()?));
        let damaged = streams.iter().filter_map(damaged);
        Self {
            writer: spool.writer.clone(),
            alive: spool.is_alive,
            streams: streams.len(),
            problems: problems.iter().cloned().chain(damaged).collect(),
        }
    }
}

/// What the mirror has on disk about destinations.
#[derive(Debug)]
pub struct DeliveryRecords {
    cursors: Option<Cursors>,
    ledger: Option<Ledger>,
}

/// How far a destination has a writer's copy of a stream, as far as the records say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Everything before is there, or is not to be delivered.
    pub next: Place,
    /// Lines before this one were deleted and need not be there.
    pub kept_from: u64,
    /// Why nothing more is delivered, if the process that tried wrote it down.
    pub trouble: Option<String>,
}

/// Streams that are to be deleted, and of a session's main transcript the subpaths that are not.
#[derive(Debug, Default)]
pub(crate) struct WantedDeleted(BTreeMap<SessionKey, Option<BTreeSet<String>>>);

impl WantedDeleted {
    pub(crate) fn holds(&self, key: &SessionKey) -> bool {
        let of_session = || Some((key.subpath()?, self.0.get(&key.to_main())?.as_ref()?));
        self.0.contains_key(key) || of_session().is_some_and(|(subpath, but)| !but.contains(subpath))
    }
}

impl DeliveryRecords {
    /// Opens what is there; makes nothing.
    pub fn open(state: &Path) -> Result<Self, SpoolError> {
        let folder = |name: &str| {
            let path = state.join(name);
            match Folder::open_existing(&path) {
                Ok(folder) => Ok(Some(Arc::new(folder) as Arc<dyn Disk>)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                Err(source) => Err(SpoolError::Io { path, source }),
            }
        };
        Ok(Self {
            cursors: folder("cursors")?.map(Cursors::new),
            ledger: folder("ledger")?.map(Ledger::new),
        })
    }

    /// How far a destination has a writer's copy of a stream; nothing of it where no record says more.
    pub fn standing(&self, destination: &str, writer: &str, stream: &StreamLook) -> io::Result<Standing> {
        let (key, start, end) = (stream.key(), stream.start(), stream.end());
        let cursor = self
            .cursors
            .as_ref()
            .and_then(|cursors| cursors.load(destination, writer, key));
        let kept_from = match &self.ledger {
            Some(ledger) => {
                let [here, later] = [ledger.load(destination, key)?, ledger.later(key)?];
                here.share(writer).from_line.max(later.share(writer).from_line)
            }
            None => 0,
        };
        let (place, trouble) = cursor.map_or((start, None), |cursor| (cursor.place, cursor.trouble));
        let mut next = place.clamp(start, end);
        if kept_from > next.line {
            next = stream.find(kept_from.min(end.line)).map_err(io::Error::other)?;
        }
        Ok(Standing {
            next,
            kept_from,
            trouble,
        })
    }

    /// Of streams that are being deleted at a destination, what else goes with them.
    pub(crate) fn wanted_deleted(&self, destination: &str, streams: Vec<SessionKey>) -> io::Result<WantedDeleted> {
        let mut wanted = WantedDeleted::default();
        for key in streams {
            let entry = self.ledger.as_ref().map(|ledger| ledger.load(destination, &key));
            let delete = entry.transpose()?.and_then(|entry| entry.wanted);
            wanted.0.insert(key, delete.and_then(|delete| delete.session));
        }
        Ok(wanted)
    }

    /// Whether a delete of a stream is wanted at a destination and not done yet: what is there of it is on its way out.
    pub(crate) fn is_wanted_deleted(&self, destination: &str, key: &SessionKey) -> io::Result<bool> {
        let Some(ledger) = &self.ledger else { return Ok(false) };
        if ledger.load(destination, key)?.wanted.is_some() {
            return Ok(true);
        }
        let Some(subpath) = key.subpath() else { return Ok(false) };
        let of_session = ledger.load(destination, &key.to_main())?.wanted;
        let but = of_session.and_then(|wanted| wanted.session);
        Ok(but.is_some_and(|known| !known.contains(subpath)))
    }

    /// Whether a tombstone was reckoned with: which lines of this host's copies it means stands in the ledger then.
    pub(crate) fn has_met(&self, destination: &str, key: &SessionKey, tombstone: Position) -> io::Result<bool> {
        let Some(ledger) = &self.ledger else { return Ok(false) };
        Ok(ledger.load(destination, key)?.tombstones.contains(&tombstone))
    }

    /// Lines of a writer's copy before this one were deleted: at a destination, or wherever this machine's deletes go.
    pub(crate) fn kept_from(&self, destination: Option<&str>, writer: &str, key: &SessionKey) -> io::Result<u64> {
        let Some(ledger) = &self.ledger else { return Ok(0) };
        let later = ledger.later(key)?.share(writer).from_line;
        let here = match destination {
            Some(destination) => ledger.load(destination, key)?.share(writer).from_line,
            None => 0,
        };
        Ok(later.max(here))
    }

    /// The line behind the last that a destination is known to have had; none where no record says.
    pub(crate) fn delivered_to(&self, destination: &str, writer: &str, key: &SessionKey) -> Option<u64> {
        let cursor = self.cursors.as_ref()?.load(destination, writer, key)?;
        Some(cursor.place.line)
    }

    /// Forgets a destination: how far it had got, and what was still to be deleted there. Blocks for the disk.
    pub fn forget(&self, destination: &str) -> Result<(), SpoolError> {
        let cursors = self
            .cursors
            .as_ref()
            .map_or(Ok(()), |cursors| cursors.forget_destination(destination));
        let ledger = self
            .ledger
            .as_ref()
            .map_or(Ok(()), |ledger| ledger.forget_destination(destination));
        cursors.and(ledger).map_err(|source| SpoolError::Io {
            path: destination.into(),
            source,
        })
    }

    fn destination(&self, config: &DestinationConfig, spools: &[SpoolLook]) -> DestinationLook {
        let name = &config.name;
        let mut look = DestinationLook {
            destination: name.clone(),
            entries: 0,
            bytes: 0,
            oldest: None,
            deletes: Vec::new(),
            events: self
                .cursors
                .as_ref()
                .map_or_else(BTreeMap::new, |cursors| cursors.events(name)),
            streams: Vec::new(),
            problems: Vec::new(),
        };
        match self
            .ledger
            .as_ref()
            .map_or(Ok(Vec::new()), |ledger| ledger.wanted(name))
        {
            Ok(wanted) => look.deletes = wanted,
            Err(error) => look.problems.push(format!("cannot read the ledger: {error}")),
        }
        for spool in spools {
            let taken = |stream: &&StreamLook| config.manifest.mirror.takes(stream.key().project_key());
            // What cannot be read is reported with its writer.
            let (streams, _told) = spool.as_far_as_readable();
            for stream in streams.iter().filter(taken) {
                look.add(stream, spool, self.standing(name, &spool.writer, stream));
            }
        }
        look
    }
}

impl DestinationLook {
    fn add(&mut self, stream: &StreamLook, spool: &SpoolLook, standing: io::Result<Standing>) {
        let Standing { next, trouble, .. } = match standing {
            Ok(standing) => standing,
            Err(error) => return self.problems.push(format!("{}: {error}", stream.key())),
        };
        let end = stream.end();
        if next.line >= end.line {
            return;
        }
        let waiting = StreamWaiting {
            stream: stream.key().clone(),
            writer: spool.writer.clone(),
            alive: spool.is_alive,
            entries: end.line - next.line,
            bytes: end.offset.saturating_sub(next.offset),
            oldest: written_at(stream, next),
            trouble,
        };
        self.entries += waiting.entries;
        self.bytes += waiting.bytes;
        self.oldest = self.oldest.into_iter().chain(waiting.oldest).min();
        self.streams.push(waiting);
    }
}

/// When the line at a place was written; none where it does not say, or cannot be read: an age is for people, and the
/// line is counted all the same.
fn written_at(stream: &StreamLook, place: Place) -> Option<u64> {
    let chunk = stream.read(place).ok()??;
    summary::time_of(chunk.payload.split(|byte| *byte == b'\n').next()?)
}
