//! What spools and destinations hold of a transcript already.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::OnceCell;

use super::event::Wait;
use crate::agent::Spooled;
use crate::host::Host;
use crate::key::SessionKey;
use crate::session::{self, blocking};
use crate::spool::{Base, ReadError, Spool, SpoolError, Stored, StreamLook};
use crate::store::{Digest, Kind, Position, Reader, Store};

/// How long one destination is asked for where a transcript ends.
const PATIENCE: Duration = Duration::from_secs(5);

/// What the spools of a state directory hold, looked at once for many transcripts.
#[derive(Debug, Default)]
pub(super) struct Spools {
    state: PathBuf,
    looked: OnceCell<HashMap<SessionKey, Vec<(String, StreamLook)>>>,
}

/// What is stored of a transcript.
#[derive(Debug)]
pub(super) struct Meeting {
    /// Its lines, and the last metadata entry.
    pub(super) stored: Spooled,
    /// What a destination holds, to begin behind.
    pub(super) base: Option<Base>,
    /// Destinations that hold it, but not from the same writers as the one with the longest log. Nothing can be brought
    /// from one to another of them by numbers: it would be there twice.
    pub(super) apart: Vec<String>,
}

/// A destination that has a log of it.
struct Holder {
    destination: String,
    store: Arc<dyn Store>,
    end: Position,
}

/// What such a log says.
#[derive(Debug, Default)]
struct Log {
    lines: Spooled,
    /// By writer, the line behind its last one.
    held: HashMap<String, u64>,
    batches: HashMap<u64, Digest>,
}

impl Spools {
    pub(super) fn new(state: &Path) -> Self {
        Self {
            state: state.to_owned(),
            looked: OnceCell::new(),
        }
    }

    async fn of(&self, key: &SessionKey) -> Result<Vec<(String, StreamLook)>, Wait> {
        let look = || async {
            let state = self.state.clone();
            blocking(move || by_key(&state)).await
        };
        let looked = self.looked.get_or_try_init(look).await;
        let looked = looked.map_err(|error| Wait::Failed(error.to_string()))?;
        Ok(looked.get(key).cloned().unwrap_or_default())
    }
}

fn by_key(state: &Path) -> Result<HashMap<SessionKey, Vec<(String, StreamLook)>>, SpoolError> {
    let mut streams: HashMap<_, Vec<_>> = HashMap::new();
    for spool in Spool::look(state)? {
        for stream in spool.streams()? {
            let of_key = streams.entry(stream.key().clone()).or_default();
            of_key.push((spool.writer.clone(), stream.clone()));
        }
    }
    Ok(streams)
}

impl Meeting {
    /// Reads what destinations hold, and what spools hold beyond it. The spools are looked at first: what is delivered
    /// meanwhile is met at the destination, and not counted twice.
    pub(super) async fn of(host: &Host, spools: &Spools, key: &SessionKey) -> Result<Self, Wait> {
        let spooled = spools.of(key).await?;
        let holders = holders(host, key).await?;
        let mut meeting = Self {
            stored: Spooled::default(),
            base: holders.first().map(Holder::base),
            apart: Vec::new(),
        };
        let mut longest = None;
        for holder in &holders {
            let log = Log::read(holder.store.clone(), key).await?;
            let first = longest.get_or_insert_with(|| (log.held.clone(), log.batches.clone()));
            if !log.goes_with(first, holder.end, &spooled) {
                meeting.apart.push(holder.destination.clone());
                meeting.base = None;
            }
            meeting.stored.add_missing(&log.with_spools(spooled.clone()).await?);
        }
        if holders.is_empty() {
            meeting.stored = Log::default().with_spools(spooled).await?;
        }
        Ok(meeting)
    }
}

/// What a destination holds of a transcript, to begin behind; none where nobody that can be asked has any, or where
/// nothing can be brought from one to the other.
pub(super) async fn base(host: &Host, spools: &Spools, key: &SessionKey) -> Result<Option<Base>, Wait> {
    // What is followed already is spooled whoever is away.
    let Ok(holders) = holders(host, key).await else {
        return Ok(None);
    };
    match &*holders {
        [] => Ok(None),
        [alone] => Ok(Some(alone.base())),
        [longest, others @ ..] if others.iter().all(|other| other.end == longest.end) => Ok(Some(longest.base())),
        _ => Ok(Meeting::of(host, spools, key).await?.base),
    }
}

/// The destinations that hold some of a transcript, the longest log first.
async fn holders(host: &Host, key: &SessionKey) -> Result<Vec<Holder>, Wait> {
    let stores = host.stores();
    if stores.is_empty() && !host.status().is_empty() {
        return Err(Wait::Destinations);
    }
    let (mut holders, mut failure, mut has_answered) = (Vec::new(), None, false);
    for (destination, store) in stores {
        let end = tokio::time::timeout(PATIENCE, session::stream_end(store.clone(), key));
        match end.await {
            Ok(Ok(end)) => {
                has_answered = true;
                holders.extend(end.map(|end| Holder {
                    destination,
                    store,
                    end,
                }));
            }
            Ok(Err(error)) => failure = Some(format!("destination {destination}: {error}")),
            Err(_late) => failure = Some(format!("destination {destination} does not answer")),
        }
    }
    holders.sort_by_key(|holder| Reverse(holder.end.number));
    match failure {
        Some(failure) if !has_answered => Err(Wait::Failed(failure)),
        _ => Ok(holders),
    }
}

impl Holder {
    fn base(&self) -> Base {
        Base {
            lines: 0,
            stored: Some(Stored {
                destination: self.destination.clone(),
                position: self.end,
            }),
        }
    }
}

impl Log {
    async fn read(store: Arc<dyn Store>, key: &SessionKey) -> Result<Self, Wait> {
        let mut log = Self::default();
        let mut reader = Reader::new(store, key.clone());
        while let Some(batch) = reader.next().await.map_err(failed)? {
            log.batches.insert(batch.number, batch.digest);
            if batch.kind == Kind::Entries {
                let lines = add_lines(&batch.payload, &mut log.lines);
                let end = log.held.entry(batch.origin.writer).or_default();
                *end = (*end).max(batch.origin.line + lines);
            }
        }
        Ok(log)
    }

    /// Whether this is the longest log up to some batch, or has the same writers, but for those whose lines are here.
    fn goes_with(
        &self,
        (held, batches): &(HashMap<String, u64>, HashMap<u64, Digest>),
        end: Position,
        spooled: &[(String, StreamLook)],
    ) -> bool {
        let is_known =
            |writer: &String| self.held.contains_key(writer) || spooled.iter().any(|(here, _)| here == writer);
        batches.get(&end.number) == Some(&end.digest) || held.keys().all(is_known)
    }

    /// Its lines, and those of spools that it does not have yet.
    async fn with_spools(self, spooled: Vec<(String, StreamLook)>) -> Result<Spooled, Wait> {
        let with = blocking(move || {
            let Self { mut lines, held, .. } = self;
            for (writer, stream) in &spooled {
                let from = held.get(writer).copied().unwrap_or_default();
                add_rest(stream, from, &mut lines)?;
            }
            Ok::<_, ReadError>(lines)
        });
        with.await.map_err(failed)
    }
}

/// Adds the lines of a spool from one on.
fn add_rest(stream: &StreamLook, from: u64, stored: &mut Spooled) -> Result<(), ReadError> {
    let mut place = match from > stream.start().line {
        true if from >= stream.end().line => return Ok(()),
        true => stream.find(from)?,
        false => stream.start(),
    };
    while let Some(chunk) = stream.read(place)? {
        add_lines(&chunk.payload, stored);
        place = chunk.next;
    }
    Ok(())
}

fn add_lines(payload: &[u8], stored: &mut Spooled) -> u64 {
    let mut lines = 0;
    for line in payload.split_inclusive(|byte| *byte == b'\n') {
        stored.add(line.strip_suffix(b"\n").unwrap_or(line));
        lines += 1;
    }
    lines
}

fn failed(error: impl std::fmt::Display) -> Wait {
    Wait::Failed(error.to_string())
}
