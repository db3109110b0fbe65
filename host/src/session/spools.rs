//! Checks that a destination holds every line that the spools of this machine count as delivered to it.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use futures_util::{StreamExt, stream as streams};
use serde::Serialize;

use super::between::{ComparedSide, StoredSide, WriterLines, balance};
use super::progress::Meter;
use super::stored::count_lines;
use super::{OnProgress, SIDE_BY_SIDE, StreamError, blocking};
use crate::agent_format::{Bag, lines_of, metadata};
use crate::key::SessionKey;
use crate::mirror::DeliveryRecords;
use crate::spool::{Place, ReadError, SpoolLook, StreamLook};
use crate::store::Store;

/// Whether a destination really has what this machine believes to have delivered.
#[derive(Debug, Default, Serialize)]
pub struct SpoolsReport {
    /// Each stream of which something was delivered, sorted by key.
    pub streams: Vec<SpoolCheck>,
    /// Entries that were looked for.
    pub entries: u64,
    /// Streams of which some are missing or differ.
    pub missing: u64,
    /// Streams that could not be read, here or there.
    pub failed: u64,
    /// What of the spools could not be read, and why, for people.
    pub unread: Vec<String>,
}

/// What was found about one stream.
#[derive(Debug, Serialize)]
pub struct SpoolCheck {
    /// Which stream.
    pub stream: SessionKey,
    /// Entries that the spools hold and the cursors say are delivered.
    pub entries: u64,
    /// Those of them that are not there.
    pub missing: u64,
    /// The first line that is there, and not alike: whose, and its number.
    pub differs: Option<(String, u64)>,
    /// The stream was deleted there: what is missing may be what was deleted.
    pub deleted: bool,
    /// Why it could not be compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl SpoolCheck {
    /// Whether everything is there that should be.
    pub fn is_whole(&self) -> bool {
        self.error.is_none() && self.differs.is_none() && (self.missing == 0 || self.deleted)
    }
}

/// Looks for the lines that spools hold and that were delivered, by the mirror's records, in a destination's logs. What
/// was deleted since need not be there.
pub async fn check_spools(
    store: Arc<dyn Store>,
    destination: &str,
    spools: &[SpoolLook],
    records: &DeliveryRecords,
    progress: OnProgress,
) -> SpoolsReport {
    let meter = Meter::new(progress);
    let mut work: BTreeMap<SessionKey, Result<Vec<DeliveredFile>, String>> = BTreeMap::new();
    let mut unread = Vec::new();
    for spool in spools {
        let (streams, problems) = spool.as_far_as_readable();
        unread.extend_from_slice(problems);
        for stream in streams {
            let delivered = DeliveredFile::of(stream, &spool.writer, destination, records);
            let of_stream = work.entry(stream.key().clone()).or_insert(Ok(Vec::new()));
            match (of_stream, delivered) {
                (Ok(all), Ok(delivered)) => all.extend(delivered),
                (of_stream, Err(error)) => *of_stream = Err(error),
                (Err(_), Ok(_)) => {}
            }
        }
    }
    work.retain(|_, delivered| delivered.as_ref().map_or(true, |delivered| !delivered.is_empty()));
    meter.expect(work.len() as u64, 0);
    let mut checks: Vec<_> = streams::iter(work)
        .map(|(key, delivered)| check(store.clone(), key, delivered, &meter))
        .buffer_unordered(SIDE_BY_SIDE)
        .collect()
        .await;
    checks.sort_by(|one, other| one.stream.cmp(&other.stream));
    SpoolsReport {
        entries: checks.iter().map(|check| check.entries).sum(),
        failed: (unread.len() + checks.iter().filter(|check| check.error.is_some()).count()) as u64,
        missing: checks
            .iter()
            .filter(|check| check.error.is_none() && !check.is_whole())
            .count() as u64,
        unread,
        streams: checks,
    }
}

async fn check(
    store: Arc<dyn Store>,
    key: SessionKey,
    delivered: Result<Vec<DeliveredFile>, String>,
    meter: &Meter,
) -> SpoolCheck {
    let mut row = SpoolCheck {
        stream: key.clone(),
        entries: 0,
        missing: 0,
        differs: None,
        deleted: false,
        error: None,
    };
    match delivered {
        Err(error) => row.error = Some(error),
        Ok(delivered) => {
            row.entries = delivered
                .iter()
                .map(|delivered| delivered.end.line - delivered.next.line)
                .sum();
            // A file's lines may be there under whichever writers.
            let (files, delivered): (Vec<_>, Vec<_>) = delivered
                .into_iter()
                .partition(|delivered| !delivered.stream.doubts().is_empty());
            match missing_of_files(store.clone(), &key, files, meter).await {
                Ok((missing, deleted)) => (row.missing, row.deleted) = (missing, deleted),
                Err(error) => row.error = Some(error.to_string()),
            }
            if delivered.is_empty() {
                meter.finished_stream();
                return row;
            }
            let mut log = Within {
                log: StoredSide::new(store, key),
                wanted: delivered.iter().map(DeliveredFile::range).collect(),
            };
            match balance(&mut log, &mut Spools { left: delivered }, meter).await {
                Ok(outcome) => {
                    row.missing += outcome.only_second + outcome.elsewhere;
                    row.differs = outcome.differs;
                    row.deleted = log.log.is_deleted();
                }
                Err(error) => row.error = Some(error.to_string()),
            }
        }
    }
    meter.finished_stream();
    row
}

/// Lines of files that a log does not hold as often as each file does, and whether it was deleted.
async fn missing_of_files(
    store: Arc<dyn Store>,
    key: &SessionKey,
    files: Vec<DeliveredFile>,
    meter: &Meter,
) -> Result<(u64, bool), StreamError> {
    if files.is_empty() {
        return Ok((0, false));
    }
    let (mut log, mut held) = (StoredSide::new(store, key.clone()), Bag::default());
    while let Some(run) = log.next().await? {
        meter.moved(count_lines(&run.payload), run.payload.len() as u64);
        held.add_payload(&run.payload);
    }
    let mut missing = 0;
    for file in files {
        let doubts = file.stream.doubts().to_vec();
        let (mut left, mut beside) = (Spools { left: vec![file] }, held.clone());
        let mut next_doubt = doubts.into_iter().peekable();
        while let Some(run) = left.next().await? {
            for (number, line) in (run.line..).zip(lines_of(&run.payload)) {
                // Another file: all that is there may stand for its lines.
                if next_doubt.next_if(|doubt| doubt.from <= number).is_some() {
                    beside = held.clone();
                }
                missing += u64::from(!metadata::is_metadata(line) && !beside.take(line));
            }
        }
    }
    Ok((missing, log.is_deleted()))
}

/// What is delivered of one writer's copy, and still in its spool.
#[derive(Debug)]
struct DeliveredFile {
    stream: StreamLook,
    writer: String,
    next: Place,
    end: Place,
}

impl DeliveredFile {
    /// None where nothing is.
    fn of(
        stream: &StreamLook,
        writer: &str,
        destination: &str,
        records: &DeliveryRecords,
    ) -> Result<Option<Self>, String> {
        let standing = records
            .standing(destination, writer, stream)
            .map_err(|error| format!("cannot read what the mirror knows of it: {error}"))?;
        let first = standing.kept_from.max(stream.start().line);
        if first >= standing.next.line {
            return Ok(None);
        }
        let next = stream.find(first).map_err(|error: ReadError| error.to_string())?;
        Ok(Some(Self {
            stream: stream.clone(),
            writer: writer.to_owned(),
            next,
            end: standing.next,
        }))
    }

    fn range(&self) -> (String, Range<u64>) {
        (self.writer.clone(), self.next.line..self.end.line)
    }
}

/// Spools as a side of a comparison.
#[derive(Debug)]
struct Spools {
    left: Vec<DeliveredFile>,
}

impl ComparedSide for Spools {
    async fn next(&mut self) -> Result<Option<WriterLines>, StreamError> {
        while let Some(delivered) = self.left.last_mut() {
            if delivered.next.line >= delivered.end.line {
                self.left.pop();
                continue;
            }
            let (stream, at, end) = (delivered.stream.clone(), delivered.next, delivered.end);
            let Some(chunk) = blocking(move || stream.read_before(at, end)).await? else {
                self.left.pop();
                continue;
            };
            delivered.next = chunk.next;
            return Ok(Some(WriterLines {
                writer: delivered.writer.clone(),
                line: chunk.first.line,
                payload: chunk.payload,
            }));
        }
        Ok(None)
    }
}

/// A log without the lines that nobody looks for.
#[derive(Debug)]
struct Within {
    log: StoredSide,
    wanted: Vec<(String, Range<u64>)>,
}

impl ComparedSide for Within {
    async fn next(&mut self) -> Result<Option<WriterLines>, StreamError> {
        while let Some(run) = self.log.next().await? {
            let lines = run.line..run.line + count_lines(&run.payload);
            let is_wanted = |(writer, wanted): &(String, Range<u64>)| {
                *writer == run.writer && lines.start < wanted.end && wanted.start < lines.end
            };
            if self.wanted.iter().any(is_wanted) {
                return Ok(Some(run));
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests;
