//! Bringing one destination's log of a stream to another: batches, numbers, origins and digests as they are, wherever the
//! other holds the same up to there; else whatever lines it lacks, behind what it has.

use std::sync::Arc;

use super::summaries::Summaries;
use super::survey::{Log, Survey, lines};
use crate::store::{Batch, BatchDraft, Chain, Kind, LoadError, Origin, Position, Reader, StoreError};

/// Why a log could not be filled.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum FillError {
    /// The source cannot be read.
    #[error("reading from the source: {0}")]
    Source(LoadError),
    /// The target cannot be read or written.
    #[error("at the target: {0}")]
    Target(LoadError),
    /// Somebody else writes to the target: try again.
    #[error("somebody else writes to the target")]
    Changed,
    /// The source does not hold the batch that was to be reached.
    #[error("the source does not hold it")]
    Elsewhere,
}

/// What was stored so far, by tries that failed on the way, too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Filled {
    pub(crate) batches: u64,
    pub(crate) entries: u64,
    pub(crate) bytes: u64,
}

/// Where the target stands while it is filled.
struct Target<'a> {
    log: &'a Log,
    survey: Survey,
    summaries: Summaries,
}

/// Copies what `to` lacks of `from`, up to `through` or all of it.
pub(crate) async fn fill(
    from: &Log,
    to: &Log,
    through: Option<Position>,
    filled: &mut Filled,
) -> Result<(), FillError> {
    let mut summaries = Summaries::start();
    let survey = to.survey(None, &[], &mut summaries).await.map_err(FillError::Target)?;
    let mut target = Target {
        log: to,
        survey,
        summaries,
    };
    let mut reader = Reader::new(Arc::clone(&from.store), from.key.clone());
    while let Some(batch) = from.next(&mut reader).await.map_err(FillError::Source)? {
        let position = batch.position();
        target.take(batch, filled).await?;
        match through {
            Some(through) if through == position => return Ok(()),
            Some(through) if through.number <= position.number => return Err(FillError::Elsewhere),
            _ => {}
        }
    }
    match through {
        Some(_) => Err(FillError::Elsewhere),
        None => Ok(()),
    }
}

impl Target<'_> {
    /// Stores what is lacking of a batch.
    async fn take(&mut self, batch: Batch, filled: &mut Filled) -> Result<(), FillError> {
        let chain = &self.survey.chain;
        let is_next = batch.number == chain.number() + 1 && chain.follows(&batch);
        let batch = match batch.kind {
            // It begins the chain anew, at whatever number.
            Kind::Tombstone if batch.number > chain.number() => batch,
            _ if is_next => batch,
            Kind::Entries => match self.lacking(&batch) {
                Some(draft) => chain.number_draft(draft),
                None => return Ok(()),
            },
            Kind::Claim | Kind::Tombstone => return Ok(()),
        };
        self.store(&batch).await?;
        filled.batches += 1;
        filled.entries += lines(&batch.payload);
        filled.bytes += batch.payload.len() as u64;
        Ok(())
    }

    /// The lines of a batch that are not here yet.
    fn lacking(&self, batch: &Batch) -> Option<BatchDraft> {
        let Origin { writer, line } = &batch.origin;
        let held = self.survey.held.get(writer).copied().unwrap_or_default();
        let here = held.saturating_sub(*line);
        let payload = match here {
            0 => batch.payload.clone(),
            here if here >= lines(&batch.payload) => return None,
            here => {
                let skip = usize::try_from(here - 1).unwrap_or(usize::MAX);
                let end = memchr::memchr_iter(b'\n', &batch.payload).nth(skip)?;
                batch.payload.slice(end + 1..)
            }
        };
        Some(BatchDraft {
            kind: Kind::Entries,
            origin: Origin {
                writer: writer.clone(),
                line: line + here,
            },
            payload,
        })
    }

    async fn store(&mut self, batch: &Batch) -> Result<(), FillError> {
        let Log { store, key, timeout } = self.log;
        if key.is_main() {
            self.summaries.take(batch);
        }
        let summary = key.is_main().then(|| self.summaries.to_stored()).flatten();
        let removes =
            batch.kind == Kind::Tombstone && self.survey.chain.number() > 0 && store.info().capabilities.deletion;
        let call = match removes {
            true => store.delete(key, batch),
            false => store.append(key, batch, summary.as_ref()),
        };
        let stored = tokio::time::timeout(*timeout, call).await;
        match stored.unwrap_or(Err(StoreError::Timeout(*timeout))) {
            Ok(()) => {}
            Err(StoreError::Conflict) => return Err(FillError::Changed),
            Err(source) => {
                let key = key.clone();
                return Err(FillError::Target(LoadError::Store { key, source }));
            }
        }
        if batch.kind == Kind::Tombstone {
            self.survey.held.clear();
            self.survey.chain = Chain::at(key, batch.position());
        }
        self.survey.chain.advance(batch);
        let held = self.survey.held.entry(batch.origin.writer.clone()).or_default();
        *held = (*held).max(batch.origin.line + lines(&batch.payload));
        Ok(())
    }
}
