//! Compares what two destinations hold of each stream, writer by writer.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt, stream as streams};
use serde::Serialize;

use super::balance::{Balance, Imbalance, Side};
use super::progress::Meter;
use super::stored::{StoredReader, count_lines};
use super::{OnProgress, SIDE_BY_SIDE, SessionError, StreamError, catalog};
use crate::config::MirrorSettings;
use crate::key::SessionKey;
use crate::store::{Kind, Store};

/// What to compare between two destinations; everything by default.
#[derive(Clone, Debug, Default)]
pub struct Between {
    /// Only these sessions, by their main keys.
    pub sessions: Option<Vec<SessionKey>>,
    /// Only projects that all of these take.
    pub taken_by: Vec<MirrorSettings>,
}

/// How two destinations compare, stream by stream.
#[derive(Debug, Default, Serialize)]
pub struct BetweenReport {
    /// Each stream that one of them holds, sorted by key.
    pub streams: Vec<StreamBetween>,
    /// How many of them are not the same.
    pub different: u64,
    /// How many could not be compared.
    pub failed: u64,
}

/// How one stream compares.
#[derive(Debug, Serialize)]
pub struct StreamBetween {
    /// Which stream.
    pub stream: SessionKey,
    /// How it compares.
    #[serde(flatten)]
    pub state: BetweenState,
}

/// How a stream compares between two destinations.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum BetweenState {
    /// Each writer's lines are the same, in whichever batches and order.
    Same,
    /// The same lines, but some under other writers: each destination got them on its own.
    SameLines {
        /// How many lines.
        elsewhere: u64,
    },
    /// One holds lines that the other does not.
    Different {
        /// Lines that only the first holds.
        only_first: u64,
        /// Lines that only the second holds.
        only_second: u64,
        /// The first line that both hold, and not alike: whose, and its number.
        differs: Option<(String, u64)>,
    },
    /// Deleted at the first, not at the second.
    DeletedAtFirst,
    /// Deleted at the second, not at the first.
    DeletedAtSecond,
    /// One of them could not be read.
    Failed {
        /// Why.
        error: String,
    },
}

impl BetweenState {
    /// Whether both hold the same lines.
    pub fn is_same(&self) -> bool {
        matches!(self, Self::Same | Self::SameLines { .. })
    }
}

/// Compares what two destinations hold, writer by writer. Reads both whole, verified.
pub async fn compare(
    first: Arc<dyn Store>,
    second: Arc<dyn Store>,
    what: &Between,
    progress: OnProgress,
) -> Result<BetweenReport, SessionError> {
    let keys = keys(&*first, &*second, what.sessions.as_deref(), &what.taken_by).await?;
    let meter = Meter::new(progress);
    meter.expect(keys.len() as u64, 0);
    let mut rows: Vec<_> = streams::iter(keys)
        .map(|key| row(first.clone(), second.clone(), key, &meter))
        .buffer_unordered(SIDE_BY_SIDE)
        .collect()
        .await;
    rows.sort_by(|one, other| one.stream.cmp(&other.stream));
    let failed = |row: &&StreamBetween| matches!(row.state, BetweenState::Failed { .. });
    Ok(BetweenReport {
        failed: rows.iter().filter(failed).count() as u64,
        different: rows.iter().filter(|row| !row.state.is_same() && !failed(row)).count() as u64,
        streams: rows,
    })
}

/// The streams that one of two stores lists, or those of some sessions.
pub(super) async fn keys(
    first: &dyn Store,
    second: &dyn Store,
    sessions: Option<&[SessionKey]>,
    taken_by: &[MirrorSettings],
) -> Result<Vec<SessionKey>, SessionError> {
    let mut mains = BTreeSet::new();
    match sessions {
        Some(sessions) => mains.extend(sessions.iter().map(SessionKey::to_main)),
        None => {
            for store in [first, second] {
                for (project, session) in catalog::all(store, None).await? {
                    mains.insert(SessionKey::main(project, session.session_id)?);
                }
            }
        }
    }
    mains.retain(|main| taken_by.iter().all(|mirror| mirror.takes(main.project_key())));
    let mut keys = Vec::new();
    for main in mains {
        let mut of_session = BTreeSet::new();
        for store in [first, second] {
            of_session.extend(catalog::subkeys(store, &main).await?);
        }
        // The main transcript last: a session shows in listings once it is there.
        keys.extend(of_session);
        keys.push(main);
    }
    Ok(keys)
}

async fn row(first: Arc<dyn Store>, second: Arc<dyn Store>, key: SessionKey, meter: &Meter) -> StreamBetween {
    let mut first = StoredSide::new(first, key.clone());
    let mut second = StoredSide::new(second, key.clone());
    let compared = balance(&mut first, &mut second, meter).await;
    meter.finished_stream();
    let state = match compared {
        Ok(outcome) => state(outcome, first.is_deleted(), second.is_deleted()),
        Err(error) => BetweenState::Failed {
            error: error.to_string(),
        },
    };
    StreamBetween { stream: key, state }
}

fn state(outcome: Imbalance, first_deleted: bool, second_deleted: bool) -> BetweenState {
    let Imbalance {
        only_first,
        only_second,
        elsewhere,
        differs,
    } = outcome;
    if differs.is_none() && only_first == 0 && only_second == 0 {
        return match elsewhere {
            0 => BetweenState::Same,
            elsewhere => BetweenState::SameLines { elsewhere },
        };
    }
    match (first_deleted, second_deleted) {
        (true, false) => BetweenState::DeletedAtFirst,
        (false, true) => BetweenState::DeletedAtSecond,
        _ => BetweenState::Different {
            only_first,
            only_second,
            differs,
        },
    }
}

/// Consecutive lines of one writer.
#[derive(Debug)]
pub(super) struct WriterLines {
    pub(super) writer: String,
    pub(super) line: u64,
    pub(super) payload: Bytes,
}

/// One side of a comparison, read from its beginning.
pub(super) trait ComparedSide {
    /// The next lines; none at the end.
    async fn next(&mut self) -> Result<Option<WriterLines>, StreamError>;
}

/// Reads both sides to their ends, whichever is behind first, and sets them off against each other.
pub(super) async fn balance(
    first: &mut impl ComparedSide,
    second: &mut impl ComparedSide,
    meter: &Meter,
) -> Result<Imbalance, StreamError> {
    let mut balance = Balance::default();
    // The lines that came from each; none once it is at its end.
    let (mut of_first, mut of_second) = (Some(0), Some(0));
    loop {
        let (side, run, seen) = match (of_first, of_second) {
            (None, None) => return Ok(balance.finish()),
            (Some(one), other) if other.is_none_or(|other| one <= other) => {
                (Side::First, first.next().await?, &mut of_first)
            }
            _ => (Side::Second, second.next().await?, &mut of_second),
        };
        *seen = match (*seen, run) {
            (Some(seen), Some(run)) => {
                let lines = count_lines(&run.payload);
                balance.take(side, &run.writer, run.line, &run.payload);
                meter.moved(lines, run.payload.len() as u64);
                Some(seen + lines)
            }
            _ => None,
        };
    }
}

/// A stored stream as a side of a comparison.
#[derive(Debug)]
pub(super) struct StoredSide {
    stored: StoredReader,
    tombstone: Option<u64>,
}

impl StoredSide {
    pub(super) fn new(store: Arc<dyn Store>, key: SessionKey) -> Self {
        Self {
            stored: StoredReader::new(store, key, None),
            tombstone: None,
        }
    }

    /// Whether what was read began with a tombstone.
    pub(super) fn is_deleted(&self) -> bool {
        self.tombstone.is_some()
    }
}

impl ComparedSide for StoredSide {
    async fn next(&mut self) -> Result<Option<WriterLines>, StreamError> {
        while let Some(batch) = self.stored.next().await? {
            match batch.kind {
                Kind::Tombstone => self.tombstone = Some(batch.number),
                Kind::Claim => {}
                Kind::Entries => {
                    return Ok(Some(WriterLines {
                        writer: batch.origin.writer,
                        line: batch.origin.line,
                        payload: batch.payload,
                    }));
                }
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests;
