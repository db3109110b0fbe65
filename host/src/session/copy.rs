//! Copies to one destination what another has and it lacks, with numbers and origins kept where that is possible.

mod report;

use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, stream as streams};

use super::balance::Imbalance;
use super::between::{self, StoredSide};
use super::progress::Meter;
use super::retry::{Retry, retrying};
use super::stored::StoredReader;
use super::{OnProgress, SIDE_BY_SIDE, SessionError, StreamError};
use crate::config::MirrorSettings;
use crate::key::SessionKey;
use crate::mirror::{FillError, Log, Moved, copy_log};
use crate::store::{Kind, LoadError, Position, Store};

pub use report::{CopyReport, CopyState, StreamCopy};

/// How often a stream is tried.
const TRIES: u32 = 10;

/// The most time for one call, whatever the store says: stores keep their own.
const TIMEOUT: Duration = Duration::from_secs(600);

/// What to copy; everything by default.
#[derive(Clone, Debug, Default)]
pub struct Copy {
    /// Only these sessions, by their main keys.
    pub sessions: Option<Vec<SessionKey>>,
    /// Only projects that all of these take.
    pub taken_by: Vec<MirrorSettings>,
}

/// Brings to one destination what it lacks of another: batches, numbers and origins as they are, wherever the target
/// holds the same up to there; else the lines that it lacks, behind what it has.
///
/// Each stream is read back and compared afterwards. A second run copies only what is lacking, one that was interrupted
/// goes on. Tombstones are copied like batches. A stream that was deleted at the target later than the source knows of
/// is left alone: [`CopyState::DeletedAtTarget`].
pub async fn copy(
    from: Arc<dyn Store>,
    to: Arc<dyn Store>,
    what: &Copy,
    progress: OnProgress,
) -> Result<CopyReport, SessionError> {
    let keys = between::keys(&*from, &*to, what.sessions.as_deref(), &what.taken_by).await?;
    let meter = Meter::new(progress);
    meter.expect(keys.len() as u64, 0);
    let pair = Pair { from, to, meter };
    let mut rows: Vec<_> = streams::iter(keys)
        .map(|key| pair.row(key))
        .buffer_unordered(SIDE_BY_SIDE)
        .filter_map(std::future::ready)
        .collect()
        .await;
    rows.sort_by(|one: &StreamCopy, other| one.stream.cmp(&other.stream));
    Ok(CopyReport::new(rows))
}

/// Where from and where to.
#[derive(Debug)]
struct Pair {
    from: Arc<dyn Store>,
    to: Arc<dyn Store>,
    meter: Meter,
}

impl Pair {
    /// None where the source holds nothing of the stream.
    async fn row(&self, key: SessionKey) -> Option<StreamCopy> {
        let mut copied = Moved::default();
        let done = self.stream(&key, &mut copied).await;
        self.meter.finished_stream();
        match done {
            Ok(None) => None,
            Ok(Some(state)) => Some(StreamCopy::done(key, copied, state)),
            Err(error) => Some(StreamCopy::failed(key, copied, error)),
        }
    }

    async fn stream(&self, key: &SessionKey, copied: &mut Moved) -> Result<Option<CopyState>, StreamError> {
        let mut retry = Retry::with_tries(TRIES);
        loop {
            let source = end(&*self.from, key).await?;
            let target = end(&*self.to, key).await?;
            if source.is_none() {
                return Ok(None);
            }
            // The chain's last digest stands for all of it.
            if source == target {
                return Ok(Some(match copied.batches {
                    0 => CopyState::Present,
                    _ => self.verified(key, source).await?,
                }));
            }
            if let Some(state) = self.deleted(key, target).await? {
                return Ok(Some(state));
            }
            let before = copied.bytes;
            let tried = copy_log(&self.log(&self.from, key), self.log(&self.to, key), copied).await;
            self.meter.moved(0, copied.bytes - before);
            match tried {
                Ok(()) => match self.verified(key, source).await {
                    // Another process writes to the source meanwhile.
                    Err(StreamError::NotCopied { .. })
                        if end(&*self.from, key).await? != source && retry.pause(Duration::ZERO).await => {}
                    verified => return verified.map(Some),
                },
                Err(error) => self.again(error, &mut retry).await?,
            }
        }
    }

    /// What deletes on either side forbid; none where the stream may be copied.
    async fn deleted(&self, key: &SessionKey, end: Option<Position>) -> Result<Option<CopyState>, StreamError> {
        let source = tombstone(&self.from, key).await?;
        let target = tombstone(&self.to, key).await?;
        let end = end.map_or(0, |end| end.number);
        match (source, target) {
            (source, Some(target)) if source < Some(target) => Ok(Some(CopyState::DeletedAtTarget { number: target })),
            (Some(number), target) if target < Some(number) && end >= number => {
                Err(StreamError::DeletedAtSource { number, end })
            }
            _ => Ok(None),
        }
    }

    /// Reads the target back. Where it does not end as the source does, the lines are compared.
    async fn verified(&self, key: &SessionKey, source: Option<Position>) -> Result<CopyState, StreamError> {
        let mut stored = StoredReader::new(self.to.clone(), key.clone(), None);
        while stored.next().await?.is_some() {}
        if stored.chain().position() == source {
            return Ok(CopyState::Copied);
        }
        let mut from = StoredSide::new(self.from.clone(), key.clone());
        let mut to = StoredSide::new(self.to.clone(), key.clone());
        let silent = Meter::new(super::silent());
        match between::balance(&mut from, &mut to, &silent).await? {
            // What the target holds under other writers is what it got of the same file by another way.
            Imbalance {
                only_first: 0,
                differs: None,
                ..
            } => Ok(CopyState::Merged),
            Imbalance {
                only_first, differs, ..
            } => Err(StreamError::NotCopied {
                missing: only_first,
                line: differs.map(|(_, line)| line),
            }),
        }
    }

    /// Waits where another try can help.
    async fn again(&self, error: FillError, retry: &mut Retry) -> Result<(), StreamError> {
        let error = match error {
            FillError::Changed if retry.pause(Duration::ZERO).await => return Ok(()),
            // A whole log is neither elsewhere nor too late.
            FillError::Changed | FillError::Elsewhere | FillError::Deleted { .. } => {
                return Err(StreamError::Contended { tries: TRIES });
            }
            FillError::Source(error) => StreamError::Load(error),
            FillError::Target(LoadError::Store { source, .. }) => StreamError::store("write to the target")(source),
            FillError::Target(error) => StreamError::Load(error),
        };
        let store_error = match &error {
            StreamError::Store { source, .. } | StreamError::Load(LoadError::Store { source, .. }) => Some(source),
            _ => None,
        };
        match store_error {
            Some(source) if retry.again(source).await => Ok(()),
            _ => Err(error),
        }
    }

    fn log(&self, store: &Arc<dyn Store>, key: &SessionKey) -> Log {
        Log {
            store: store.clone(),
            key: key.clone(),
            timeout: TIMEOUT,
        }
    }
}

async fn end(store: &dyn Store, key: &SessionKey) -> Result<Option<Position>, StreamError> {
    let end = retrying(async || store.end(key).await).await;
    end.map_err(StreamError::store("find the end"))
}

/// The number of the tombstone that a stream begins with, if it does.
async fn tombstone(store: &Arc<dyn Store>, key: &SessionKey) -> Result<Option<u64>, StreamError> {
    let first = StoredReader::new(store.clone(), key.clone(), None).next().await?;
    Ok(first
        .filter(|batch| batch.kind == Kind::Tombstone)
        .map(|batch| batch.number))
}

#[cfg(test)]
mod tests;
