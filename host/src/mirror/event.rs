//! What happens at a destination and must not pass in silence: each event, its name in counters, its words in the log.
//! `docs/events.md` explains every one of them. `mirrorbox status` shows each by its name, so nothing is to be added
//! there.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;
use tokio::sync::broadcast;

use super::trouble::Trouble;
use crate::key::SessionKey;
use crate::store::Position;

/// How many events a slow listener may fall behind before it misses some, and gets their number.
const BACKLOG: usize = 1024;

/// Something that must not pass in silence: also a line in the log and a number in the counters.
#[derive(Clone, Debug)]
pub struct Event {
    /// At which destination.
    pub destination: String,
    /// Which stream; none where it is the destination as a whole.
    pub key: Option<SessionKey>,
    /// What happened.
    pub what: What,
}

/// What happened.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum What {
    /// The destination was opened, for the first time or once more.
    Opened,
    /// The destination could not be opened; it is tried again.
    NotOpened {
        /// Why.
        cause: String,
    },
    /// Lines could not be delivered three times in a row. They wait on disk, and are tried again for ever.
    Failed {
        /// Whose lines.
        writer: String,
        /// The first and the last line that wait.
        lines: (u64, u64),
        /// How often it was tried so far.
        tries: u32,
        /// Why it failed the last time.
        cause: Trouble,
    },
    /// What had failed or was parked is delivered again.
    Recovered {
        /// How often it was tried.
        tries: u32,
    },
    /// Other hosts wrote to the stream; ours was numbered behind it.
    ForeignWriter {
        /// The other writers, each with how many batches it wrote since we looked.
        batches: BTreeMap<String, u64>,
    },
    /// Another host took the stream over (`writers = "last"`): nothing more of ours is delivered to it.
    Superseded {
        /// The other writer.
        by: String,
        /// The number of its claim.
        number: u64,
    },
    /// Trying again at once cannot help: it is tried every five minutes, and when a caller asks for it.
    Parked {
        /// Why.
        cause: Trouble,
    },
    /// The destination lacks lines that this machine does not hold any more, and nobody who holds them can be reached.
    WaitingForHistory {
        /// The batch that it must reach to first, at the destination that held it.
        position: Position,
        /// Why nobody could give them.
        cause: String,
    },
    /// What the destination lacked was copied from another.
    Filled {
        /// The other destination.
        from: String,
        /// How many batches were copied.
        batches: u64,
    },
    /// The destination does not hold any more what it once held. It is delivered again.
    HistoryLost {
        /// The last batch that it held, where that is known.
        expected: Option<Position>,
        /// The last batch that it holds now.
        found: Option<Position>,
    },
    /// Another host deleted the stream. Lines that were written before we knew are kept here and not delivered.
    Deleted {
        /// The tombstone's number.
        number: u64,
        /// By writer, the first and the last line that are not delivered; only those that have any.
        kept: BTreeMap<String, (u64, u64)>,
    },
    /// The stream was deleted there. Lines that its file held, and that may have been there before that, are not
    /// brought back: they stay in the spool.
    KeptBack {
        /// Whose copy holds them.
        writer: String,
        /// The first and the last of them.
        lines: (u64, u64),
        /// How many: those between them that are there are not counted.
        count: u64,
    },
}

impl What {
    /// Its name in logs and counters.
    pub fn name(&self) -> &'static str {
        match self {
            What::Opened => "opened",
            What::NotOpened { .. } => "not_opened",
            What::Failed { .. } => "failed",
            What::Recovered { .. } => "recovered",
            What::ForeignWriter { .. } => "foreign_writer",
            What::Superseded { .. } => "superseded",
            What::Parked { .. } => "parked",
            What::WaitingForHistory { .. } => "waiting_for_history",
            What::Filled { .. } => "filled",
            What::HistoryLost { .. } => "history_lost",
            What::Deleted { .. } => "deleted",
            What::KeptBack { .. } => "kept_back",
        }
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            What::Opened => write!(f, "opened"),
            What::NotOpened { cause } => write!(f, "cannot be opened, and is tried again: {cause}"),
            What::Failed {
                lines: (first, last),
                tries,
                cause,
                ..
            } => {
                write!(f, "lines {first} to {last} wait after {tries} tries: {cause}")
            }
            What::Recovered { tries } => write!(f, "delivered again, after {tries} tries"),
            What::ForeignWriter { batches } => {
                write!(f, "other hosts wrote to it:")?;
                batches
                    .iter()
                    .try_for_each(|(writer, count)| write!(f, " {count} batches of {writer}"))
            }
            What::Superseded { by, number } => write!(
                f,
                "writer {by} took it over with batch {number}: our lines stay in the spool (`writers = \"merge\"` would \
                 deliver them)"
            ),
            What::Parked { cause } => write!(f, "parked, and tried again every 5 minutes: {cause}"),
            What::WaitingForHistory { position, cause } => {
                write!(f, "waits for history up to batch {}: {cause}", position.number)
            }
            What::Filled { from, batches } => write!(f, "{batches} batches that it lacked were copied from {from}"),
            What::HistoryLost { expected, found } => {
                let number = |position: &Option<Position>| position.map_or(0, |position| position.number);
                write!(
                    f,
                    "it held batch {} and now ends, differently, with batch {}: delivering again",
                    number(expected),
                    number(found)
                )
            }
            What::KeptBack {
                writer,
                lines: (first, last),
                count,
            } => write!(
                f,
                "it was deleted there, and {count} lines that its file held by then are not brought back (lines {first} to \
                 {last} of {writer} stay in the spool); `mirrorbox import` would bring them"
            ),
            What::Deleted { number, kept } => {
                write!(f, "another host deleted it (tombstone {number})")?;
                kept.iter().try_for_each(|(writer, (first, last))| {
                    write!(f, "; lines {first} to {last} of {writer} stay in the spool only")
                })
            }
        }
    }
}

/// What happened so far at one destination, since the process began.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DeliveryCounts {
    /// Batches delivered.
    pub batches: u64,
    /// Entries in them.
    pub entries: u64,
    /// Bytes in them.
    pub bytes: u64,
    /// Events, by name ([`What::name`]).
    pub events: BTreeMap<&'static str, u64>,
}

/// Where events go: the log, the counters, the listeners.
#[derive(Debug)]
pub(super) struct Announcer {
    destination: String,
    listeners: broadcast::Sender<Event>,
    counters: Counters,
}

#[derive(Debug, Default)]
struct Counters {
    batches: AtomicU64,
    entries: AtomicU64,
    bytes: AtomicU64,
    events: parking_lot::Mutex<BTreeMap<&'static str, u64>>,
}

pub(super) fn channel() -> broadcast::Sender<Event> {
    broadcast::Sender::new(BACKLOG)
}

impl Announcer {
    pub(super) fn new(destination: &str, listeners: broadcast::Sender<Event>) -> Self {
        Self {
            destination: destination.to_owned(),
            listeners,
            counters: Counters::default(),
        }
    }

    pub(super) fn announce(&self, key: Option<&SessionKey>, what: What) {
        let destination = self.destination.as_str();
        let (event, stream) = (what.name(), key.map(tracing::field::display));
        match what {
            What::Opened | What::Recovered { .. } | What::Filled { .. } => {
                tracing::info!(destination, stream, event, "{what}");
            }
            // Each by name: a new one is to be decided about.
            What::NotOpened { .. }
            | What::Failed { .. }
            | What::ForeignWriter { .. }
            | What::Superseded { .. }
            | What::Parked { .. }
            | What::WaitingForHistory { .. }
            | What::HistoryLost { .. }
            | What::Deleted { .. }
            | What::KeptBack { .. } => tracing::warn!(destination, stream, event, "{what}"),
        }
        *self.events().entry(event).or_default() += 1;
        // Nobody may be listening.
        let _ = self.listeners.send(Event {
            destination: self.destination.clone(),
            key: key.cloned(),
            what,
        });
    }

    pub(super) fn count(&self, entries: u64, bytes: u64) {
        self.counters.batches.fetch_add(1, Ordering::Relaxed);
        self.counters.entries.fetch_add(entries, Ordering::Relaxed);
        self.counters.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn counts(&self) -> DeliveryCounts {
        DeliveryCounts {
            batches: self.counters.batches.load(Ordering::Relaxed),
            entries: self.counters.entries.load(Ordering::Relaxed),
            bytes: self.counters.bytes.load(Ordering::Relaxed),
            events: self.events().clone(),
        }
    }

    fn events(&self) -> parking_lot::MutexGuard<'_, BTreeMap<&'static str, u64>> {
        self.counters.events.lock()
    }
}
