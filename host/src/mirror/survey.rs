//! Looking at a destination's log to learn where everybody stands in it: whose a batch is, its origin says.
//! What a tombstone of another host means for our lines is decided in `delivery/delete.rs`; what makes lines keep their
//! order, in `delivery/confirm.rs` and `adoption.rs`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::summaries::Summaries;
use crate::key::SessionKey;
use crate::store::{Batch, Chain, Kind, LoadError, Position, Reader, Store, StoreError};

/// What a log says, from where it was looked at to its end.
#[derive(Clone, Debug)]
pub(super) struct Survey {
    /// Where the log ends.
    pub(super) chain: Chain,
    /// By writer: the line after the last that is there.
    pub(super) held: BTreeMap<String, u64>,
    /// By writer: the first line that is there.
    first: BTreeMap<String, u64>,
    /// By writer: the number of its newest claim.
    pub(super) claims: BTreeMap<String, u64>,
    /// By writer: how many batches, tombstones not counted.
    pub(super) batches: BTreeMap<String, u64>,
    /// What the log begins with, if it was deleted.
    pub(super) tombstone: Option<Batch>,
    /// The sought positions that are part of it.
    pub(super) contains: BTreeSet<u64>,
}

/// A log that is read in one go, each call under a deadline.
#[derive(Debug)]
pub(crate) struct Log {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) key: SessionKey,
    pub(crate) timeout: Duration,
}

impl Log {
    /// Goes through the log behind a position, or all of it, and through the summary with it.
    pub(super) async fn survey(
        &self,
        after: Option<Position>,
        sought: &[Position],
        summaries: &mut Summaries,
    ) -> Result<Survey, LoadError> {
        self.survey_with(after, sought, summaries, |_| ()).await
    }

    /// [`Log::survey`], which shows every batch on its way.
    pub(super) async fn survey_with(
        &self,
        after: Option<Position>,
        sought: &[Position],
        summaries: &mut Summaries,
        mut seen: impl FnMut(&Batch),
    ) -> Result<Survey, LoadError> {
        let (store, key) = (self.store.clone(), self.key.clone());
        let mut reader = match after {
            Some(position) => Reader::after(store, key, position),
            None => {
                *summaries = Summaries::start();
                Reader::new(store, key)
            }
        };
        let mut survey = Survey {
            chain: reader.chain().clone(),
            held: BTreeMap::new(),
            first: BTreeMap::new(),
            claims: BTreeMap::new(),
            batches: BTreeMap::new(),
            tombstone: None,
            contains: BTreeSet::new(),
        };
        while let Some(batch) = self.next(&mut reader).await? {
            if self.key.is_main() {
                summaries.take(&batch);
            }
            survey.note(&batch, sought);
            seen(&batch);
        }
        survey.chain = reader.chain().clone();
        Ok(survey)
    }

    /// The next batch, under the deadline.
    pub(super) async fn next(&self, reader: &mut Reader) -> Result<Option<Batch>, LoadError> {
        let next = tokio::time::timeout(self.timeout, reader.next()).await;
        next.unwrap_or_else(|_elapsed| {
            Err(LoadError::Store {
                key: self.key.clone(),
                source: StoreError::Timeout(self.timeout),
            })
        })
    }
}

impl Survey {
    /// Takes in the next batch.
    pub(super) fn note(&mut self, batch: &Batch, sought: &[Position]) {
        if sought.contains(&batch.position()) {
            self.contains.insert(batch.number);
        }
        let writer = &batch.origin.writer;
        match batch.kind {
            Kind::Entries => {
                let next = batch.origin.line + lines(&batch.payload);
                let held = self.held.entry(writer.clone()).or_default();
                *held = next.max(*held);
                self.first.entry(writer.clone()).or_insert(batch.origin.line);
            }
            Kind::Claim => {
                self.claims.insert(writer.clone(), batch.number);
            }
            Kind::Tombstone => {
                self.tombstone = Some(batch.clone());
                return;
            }
        }
        *self.batches.entry(writer.clone()).or_default() += 1;
    }

    /// Whether a writer's line is there that comes before this one.
    pub(super) fn begins_before(&self, writer: &str, line: u64) -> bool {
        self.first.get(writer).is_some_and(|first| *first < line)
    }

    /// The newest claim: its number and whose it is.
    pub(super) fn last_claim(&self) -> Option<(u64, &str)> {
        let newest = self.claims.iter().max_by_key(|(_, number)| **number);
        newest.map(|(writer, number)| (*number, writer.as_str()))
    }
}

/// How many lines a payload has.
pub(super) fn lines(payload: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', payload).count() as u64
}
