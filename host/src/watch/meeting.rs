//! What spools and destinations hold of a transcript already.

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
use crate::spool::{Base, Spool, SpoolError, Stored, StreamLook};
use crate::store::{Kind, Reader, Store};

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
}

/// What a destination holds: by writer, the line behind its last one.
type Held = HashMap<String, u64>;

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
        for stream in spool.streams {
            let of_key = streams.entry(stream.key().clone()).or_default();
            of_key.push((spool.writer.clone(), stream));
        }
    }
    Ok(streams)
}

impl Meeting {
    /// Reads what the destination with the longest log holds, and what spools hold beyond it. The spools are looked at
    /// first: what is delivered meanwhile is met at the destination, and not counted twice.
    pub(super) async fn of(host: &Host, spools: &Spools, key: &SessionKey) -> Result<Self, Wait> {
        let spooled = spools.of(key).await?;
        let mut stored = Spooled::default();
        let mut held = Held::new();
        let longest = longest(host, key).await?;
        if let Some((store, _)) = &longest {
            held = read(store.clone(), key, &mut stored).await?;
        }
        let stored = blocking(move || {
            for (writer, stream) in &spooled {
                let from = held.get(writer).copied().unwrap_or_default();
                add_rest(stream, from, &mut stored)?;
            }
            Ok::<_, crate::spool::ReadError>(stored)
        });
        Ok(Self {
            stored: stored.await.map_err(failed)?,
            base: longest.map(|(_, base)| base),
        })
    }
}

/// What a destination holds of a transcript, to begin behind; none where nobody that can be asked has any.
pub(super) async fn base(host: &Host, key: &SessionKey) -> Result<Option<Base>, Wait> {
    // What is followed already is spooled whoever is away.
    let longest = longest(host, key).await.unwrap_or_default();
    Ok(longest.map(|(_, base)| base))
}

/// The store with the longest log.
async fn longest(host: &Host, key: &SessionKey) -> Result<Option<(Arc<dyn Store>, Base)>, Wait> {
    let stores = host.stores();
    if stores.is_empty() && !host.status().is_empty() {
        return Err(Wait::Destinations);
    }
    let (mut found, mut failure) = (None, None);
    let mut has_answered = false;
    for (destination, store) in stores {
        let end = tokio::time::timeout(PATIENCE, session::stream_end(store.clone(), key));
        let position = match end.await {
            Ok(Ok(end)) => end,
            Ok(Err(error)) => {
                failure = Some(format!("destination {destination}: {error}"));
                continue;
            }
            Err(_late) => {
                failure = Some(format!("destination {destination} does not answer"));
                continue;
            }
        };
        has_answered = true;
        let Some(position) = position else { continue };
        let is_longer = |(_, other): &(_, Stored)| other.position.number < position.number;
        if found.as_ref().is_none_or(is_longer) {
            found = Some((store, Stored { destination, position }));
        }
    }
    match failure {
        Some(failure) if !has_answered => Err(Wait::Failed(failure)),
        _ => Ok(found.map(|(store, stored)| {
            let base = Base {
                lines: 0,
                stored: Some(stored),
            };
            (store, base)
        })),
    }
}

/// Reads a log.
async fn read(store: Arc<dyn Store>, key: &SessionKey, stored: &mut Spooled) -> Result<Held, Wait> {
    let mut held = Held::new();
    let mut reader = Reader::new(store, key.clone());
    while let Some(batch) = reader.next().await.map_err(failed)? {
        if batch.kind != Kind::Entries {
            continue;
        }
        let lines = add_lines(&batch.payload, stored);
        let end = held.entry(batch.origin.writer).or_default();
        *end = (*end).max(batch.origin.line + lines);
    }
    Ok(held)
}

/// Adds the lines of a spool from one on.
fn add_rest(stream: &StreamLook, from: u64, stored: &mut Spooled) -> Result<(), crate::spool::ReadError> {
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
