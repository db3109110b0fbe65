//! Bringing one destination's log of a stream to another: batches, numbers, origins and digests as they are, wherever
//! the other holds the same up to there; else whatever lines it lacks, behind what it has.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::content::LogLines;
use super::summaries::Summaries;
use super::survey::{Log, Survey, lines};
use crate::agent_format::{Bag, is_row, lines_of};
use crate::store::{Batch, BatchDraft, Chain, Kind, LoadError, Origin, Position, Reader, Removal, StoreError};

/// Why a log could not be filled.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum FillError {
    /// The source cannot be read.
    #[error("reading from the source: {0}")]
    Source(LoadError),
    /// The target cannot be read or written.
    #[error("at the target: {0}")]
    Target(LoadError),
    /// Another host writes to the target: try again.
    #[error("another host writes to the target")]
    Changed,
    /// The source does not hold the batch that was to be reached.
    #[error("the source does not hold it")]
    Elsewhere,
    /// The source was deleted since: what was to be copied is not wanted any more.
    #[error("it was deleted at the source (tombstone {number})")]
    Deleted {
        /// The tombstone's number there.
        number: u64,
    },
}

/// What a log lacks.
pub(super) struct Missing {
    /// Up to here, as the source numbers.
    pub(super) through: Position,
    /// This writer's lines only.
    pub(super) only: Option<String>,
    /// By writer: lines before these were deleted, and do not come by this way either.
    pub(super) deleted: BTreeMap<String, u64>,
}

/// Where the target stands while it is filled.
pub(super) struct Target {
    log: Log,
    survey: Survey,
    summaries: Summaries,
    /// By writer: lines before these are not to come.
    deleted: BTreeMap<String, u64>,
    /// Lines that the target holds, and the source does not under the same writers and numbers: they may stand for
    /// lines that the source holds under others, which each of them got from the same file.
    others: Bag,
    /// What it held, by writer and number, when that was counted.
    met: LogLines,
    stand_in: StandIn,
}

/// Which lines of the target may stand for lines of the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum StandIn {
    /// Any that say the same.
    All,
    /// Rows with an identity of their own, and lines beside them: of others, two hosts may each have written one.
    Rows,
}

/// What was done.
pub(super) struct Filled {
    /// How many batches were stored.
    pub(super) batches: u64,
    /// The target as it is now.
    pub(super) survey: Survey,
    pub(super) summaries: Summaries,
}

/// Copies what the target lacks.
pub(super) async fn fill(from: &Log, mut target: Target, missing: &Missing) -> Result<Filled, FillError> {
    let Missing { through, only, deleted } = missing;
    target.deleted.clone_from(deleted);
    target.stand_in = StandIn::Rows;
    target.meet(from).await?;
    let mut reader = Reader::new(Arc::clone(&from.store), from.key.clone());
    let mut batches = 0;
    while let Some(batch) = from.next(&mut reader).await.map_err(FillError::Source)? {
        let position = batch.position();
        if batch.kind == Kind::Tombstone && position.number > through.number {
            let number = position.number;
            return Err(FillError::Deleted { number });
        }
        if only.as_ref().is_none_or(|writer| batch.origin.writer == *writer) {
            batches += target.take(batch).await?.len() as u64;
        }
        if position == *through {
            let Target { survey, summaries, .. } = target;
            return Ok(Filled {
                batches,
                survey,
                summaries,
            });
        }
        if position.number >= through.number {
            return Err(FillError::Elsewhere);
        }
    }
    Err(FillError::Elsewhere)
}

/// What a copy stored so far, by tries that failed on the way, too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Moved {
    pub(crate) batches: u64,
    pub(crate) entries: u64,
    pub(crate) bytes: u64,
}

/// Copies all that a log lacks of another, tombstones too.
pub(crate) async fn copy_log(from: &Log, to: Log, copied: &mut Moved) -> Result<(), FillError> {
    let mut summaries = Summaries::start();
    let survey = to.survey(None, &[], &mut summaries).await.map_err(FillError::Target)?;
    let mut target = Target::new(to, survey, summaries);
    target.meet(from).await?;
    let mut reader = Reader::new(Arc::clone(&from.store), from.key.clone());
    while let Some(batch) = from.next(&mut reader).await.map_err(FillError::Source)? {
        let stored = match batch.kind {
            Kind::Tombstone => target.delete(batch).await?.into_iter().collect(),
            Kind::Entries | Kind::Claim => target.take(batch).await?,
        };
        for batch in stored {
            copied.batches += 1;
            copied.entries += lines(&batch.payload);
            copied.bytes += batch.payload.len() as u64;
        }
    }
    Ok(())
}

impl Target {
    /// A log that was just looked at, to its end.
    pub(super) fn new(log: Log, survey: Survey, summaries: Summaries) -> Self {
        let deleted = BTreeMap::new();
        Self {
            log,
            survey,
            summaries,
            deleted,
            others: Bag::default(),
            met: LogLines::default(),
            stand_in: StandIn::All,
        }
    }

    /// Counts what the target holds that does not come from where the source has its lines.
    async fn meet(&mut self, from: &Log) -> Result<(), FillError> {
        if self.survey.held.is_empty() {
            return Ok(());
        }
        let mut source = LogLines::default();
        let mut reader = Reader::new(Arc::clone(&from.store), from.key.clone());
        while let Some(batch) = from.next(&mut reader).await.map_err(FillError::Source)? {
            source.note_origin(&batch);
        }
        let mut reader = Reader::new(Arc::clone(&self.log.store), self.log.key.clone());
        while let Some(batch) = self.log.next(&mut reader).await.map_err(FillError::Target)? {
            self.met.note_origin(&batch);
            if batch.kind == Kind::Entries {
                let Origin { writer, line } = &batch.origin;
                let lines = (*line..).zip(lines_of(&batch.payload));
                let foreign = lines.filter(|(number, _)| !source.has(writer, *number));
                foreign.for_each(|(_, line)| self.others.add(line));
            }
        }
        match *reader.chain() == self.survey.chain {
            true => Ok(()),
            false => Err(FillError::Changed),
        }
    }

    /// Stores what is lacking of a batch, and gives it as it was stored: in pieces where lines of it are there.
    async fn take(&mut self, batch: Batch) -> Result<Vec<Batch>, FillError> {
        let chain = &self.survey.chain;
        let is_wanted = batch.origin.line >= self.first_wanted(&batch.origin.writer);
        let is_next = is_wanted && batch.number == chain.number() + 1 && chain.follows(&batch);
        let mut stored = Vec::new();
        match batch.kind {
            // A delete is one at each destination.
            Kind::Tombstone => {}
            _ if is_next && self.others.is_empty() => {
                self.store(&batch).await?;
                stored.push(batch);
            }
            Kind::Entries => {
                self.set_off(&batch);
                let lacking = self.lacking(&batch).map(|draft| self.without_others(draft));
                for draft in lacking.unwrap_or_default() {
                    let batch = self.survey.chain.number_draft(draft);
                    self.store(&batch).await?;
                    stored.push(batch);
                }
            }
            Kind::Claim => {}
        }
        Ok(stored)
    }

    /// Sets off lines that count as held and are not there by themselves: when they were looked at, by an earlier try,
    /// say, others stood for them, and stand for nothing else.
    fn set_off(&mut self, batch: &Batch) {
        let Origin { writer, line } = &batch.origin;
        if self.others.is_empty() {
            return;
        }
        let first = self.first_wanted(writer);
        let held = self.survey.held.get(writer).copied().unwrap_or_default();
        for (number, line) in (*line..held).zip(lines_of(&batch.payload)) {
            if number >= first && !self.met.has(writer, number) {
                self.others.take(line);
            }
        }
    }

    /// The runs of lines for which no other line of the target stands.
    fn without_others(&mut self, draft: BatchDraft) -> Vec<BatchDraft> {
        if self.others.is_empty() {
            return vec![draft];
        }
        let (mut runs, mut begun, mut at) = (Vec::new(), None, 0);
        let BatchDraft { kind, origin, payload } = draft;
        let mut end_run = |begun: &mut Option<(u64, usize)>, at: usize| {
            runs.extend(begun.take().map(|(line, from)| BatchDraft {
                kind,
                origin: Origin {
                    writer: origin.writer.clone(),
                    line,
                },
                payload: payload.slice(from..at),
            }));
        };
        let came = self.came_with_rows(&payload);
        for ((number, line), may_stand) in (origin.line..).zip(lines_of(&payload)).zip(came) {
            if may_stand && self.others.take(line) {
                end_run(&mut begun, at);
            } else {
                begun.get_or_insert((number, at));
            }
            at += line.len() + 1;
        }
        end_run(&mut begun, at);
        runs
    }

    /// For each line of a payload, whether one that says the same may stand for it: where rows are asked for, a line
    /// that is no row goes the way of the row before it, else of the first behind it. They came from the same file.
    fn came_with_rows(&self, payload: &[u8]) -> Vec<bool> {
        if self.stand_in == StandIn::All {
            return lines_of(payload).map(|_| true).collect();
        }
        let rows: Vec<_> = lines_of(payload)
            .map(|line| is_row(line).then(|| self.others.has(line)))
            .collect();
        let first = rows.iter().find_map(|row| *row).unwrap_or_default();
        let last_row = |last: &mut bool, row: Option<bool>| {
            *last = row.unwrap_or(*last);
            Some(*last)
        };
        rows.into_iter().scan(first, last_row).collect()
    }

    /// Deletes what the source deleted, unless the target goes on beyond it.
    async fn delete(&mut self, tombstone: Batch) -> Result<Option<Batch>, FillError> {
        if tombstone.number <= self.survey.chain.number() {
            return Ok(None);
        }
        let Log { store, key, .. } = &self.log;
        let is_there = self.survey.chain.number() > 0;
        match is_there && store.info().capabilities.deletion {
            true => while self.called(Removal::of(&**store, key, &tombstone)).await? == Removal::Piece {},
            false => self.called(store.append(key, &tombstone, None)).await?,
        }
        self.summaries.take(&tombstone);
        self.survey.held.clear();
        self.others = Bag::default();
        self.survey.chain = Chain::at(key, tombstone.position());
        Ok(Some(tombstone))
    }

    fn first_wanted(&self, writer: &str) -> u64 {
        self.deleted.get(writer).copied().unwrap_or_default()
    }

    /// The lines of a batch that are not here yet.
    fn lacking(&self, batch: &Batch) -> Option<BatchDraft> {
        let Origin { writer, line } = &batch.origin;
        let held = self.survey.held.get(writer).copied().unwrap_or_default();
        let held = held.max(self.first_wanted(writer));
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
        let Log { store, key, .. } = &self.log;
        if key.is_main() {
            self.summaries.take(batch);
        }
        let summary = key.is_main().then(|| self.summaries.to_stored()).flatten();
        self.called(store.append(key, batch, summary.as_ref())).await?;
        self.survey.chain.advance(batch);
        self.survey.note(batch, &[]);
        Ok(())
    }

    async fn called<T>(&self, call: impl Future<Output = Result<T, StoreError>>) -> Result<T, FillError> {
        let Log { key, timeout, .. } = &self.log;
        match tokio::time::timeout(*timeout, call)
            .await
            .unwrap_or(Err(StoreError::Timeout(*timeout)))
        {
            Ok(answer) => Ok(answer),
            Err(StoreError::Conflict) => Err(FillError::Changed),
            Err(source) => {
                let key = key.clone();
                Err(FillError::Target(LoadError::Store { key, source }))
            }
        }
    }
}
