//! Imports one stream: an async half reads what is stored, a blocking half compares the file with it and cuts new
//! lines into batches.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc};

use super::cut::{Cutter, Draft, Unwanted};
use super::report::{Counts, ImportNote, OddLine, StreamImported};
use crate::agent_format::metadata;
use crate::session::compare::{Compare, CompareError, Comparison};
use crate::session::local::{LocalStream, ProjectsDir};
use crate::session::progress::Meter;
use crate::session::retry::{Retry, retrying};
use crate::session::stored::{StoredLines, StoredPiece, StoredReader};
use crate::session::{StreamError, joined};
use crate::store::{Batch, BatchDraft, Chain, Kind, LoadError, Origin, Position, Store, StoreError, Summary};

/// How often one stream is taken up again because another writer was faster.
const TRIES: u32 = 20;

/// How many odd lines of one file are named.
const NAMED_LINES: usize = 16;

/// What the streams of one import share.
#[derive(Debug)]
pub(super) struct Importer {
    store: Arc<dyn Store>,
    projects: ProjectsDir,
    writer: String,
    large: Arc<Semaphore>,
    meter: Meter,
}

/// What came of one stream. What was delivered before an error stays delivered.
#[derive(Debug)]
pub(super) struct StreamOutcome {
    pub(super) delivered: StreamImported,
    pub(super) error: Option<StreamError>,
}

/// Where an attempt begins: up to the position, the store holds so many lines of the file and nothing else.
#[derive(Clone, Copy, Debug, Default)]
struct ImportStart {
    position: Option<Position>,
    lines: u64,
}

/// What the blocking half found when it got to its end.
#[derive(Debug)]
struct Finding {
    comparison: Comparison,
    /// The metadata entry that was new, if one was.
    metadata: Counts,
}

/// How an attempt ended that did not fail.
enum ImportAttempt {
    Done(Finding),
    /// Another writer was faster.
    Overtaken(ImportStart),
}

/// How the blocking half of an attempt ended.
#[derive(Debug)]
enum LocalHalf {
    Done(Finding),
    /// The other half ended first, and knows why.
    Unwanted,
    Failed(StreamError),
}

/// One stream's import, over all attempts.
struct StreamImport<'a> {
    shared: &'a Importer,
    stream: &'a LocalStream,
    delivered: StreamImported,
    odd: Vec<OddLine>,
    odd_count: u64,
    /// A tombstone was the last thing stored.
    is_deleted: bool,
}

impl Importer {
    pub(super) fn new(store: Arc<dyn Store>, projects: ProjectsDir, writer: String, meter: Meter) -> Self {
        Self {
            store,
            projects,
            writer,
            large: Arc::new(Semaphore::new(1)),
            meter,
        }
    }

    pub(super) async fn import(&self, stream: &LocalStream) -> StreamOutcome {
        StreamImport {
            shared: self,
            stream,
            delivered: StreamImported::default(),
            odd: Vec::new(),
            odd_count: 0,
            is_deleted: false,
        }
        .run()
        .await
    }
}

impl StreamImport<'_> {
    async fn run(mut self) -> StreamOutcome {
        let error = match self.attempts().await {
            Ok(found) => {
                self.conclude(&found);
                None
            }
            Err(error) => Some(error),
        };
        self.note_what_was_met();
        StreamOutcome {
            delivered: self.delivered,
            error,
        }
    }

    async fn attempts(&mut self) -> Result<Finding, StreamError> {
        let mut start = ImportStart::default();
        let mut retry = Retry::with_tries(TRIES);
        loop {
            match self.attempt(start).await? {
                ImportAttempt::Done(found) => return Ok(found),
                ImportAttempt::Overtaken(next) => start = next,
            }
            // The pause lets the other writer get ahead, so that there is less to fight over.
            if !retry.pause(Duration::ZERO).await {
                return Err(StreamError::Contended { tries: TRIES });
            }
        }
    }

    /// Compares the file with what is stored, and appends what is new: a blocking thread reads, compares and cuts while
    /// this side loads and appends.
    async fn attempt(&mut self, start: ImportStart) -> Result<ImportAttempt, StreamError> {
        let mut stored = StoredReader::new(self.shared.store.clone(), self.stream.key.clone(), start.position);
        let (to_compare, pieces) = mpsc::channel(1);
        let (to_append, drafts) = mpsc::channel(1);
        let cutting = tokio::task::spawn_blocking(self.cutting(start, pieces, to_append));
        let sent = stored.send(to_compare).await;
        self.is_deleted |= stored.seen().is_deleted;
        let mut chain = stored.chain().clone();
        let appended = match sent {
            Ok(()) => self.append_all(drafts, &mut chain).await,
            Err(error) => {
                drop(drafts);
                Err(error.into())
            }
        };
        let cut = joined(cutting).await;
        match (appended, cut) {
            // Deleted while it was read: what follows is a new beginning.
            (Err(StreamError::Load(LoadError::Deleted { .. })), _) => {
                Ok(ImportAttempt::Overtaken(ImportStart::default()))
            }
            (Err(error), _) | (Ok(None), LocalHalf::Failed(error)) => Err(error),
            (Ok(Some(lines)), _) => Ok(ImportAttempt::Overtaken(self.start_again(lines, &chain))),
            (Ok(None), LocalHalf::Done(found)) => Ok(ImportAttempt::Done(found)),
            (Ok(None), LocalHalf::Unwanted) => Ok(ImportAttempt::Overtaken(ImportStart::default())),
        }
    }

    fn cutting(
        &self,
        start: ImportStart,
        pieces: mpsc::Receiver<StoredPiece>,
        drafts: mpsc::Sender<Draft>,
    ) -> impl FnOnce() -> LocalHalf + Send + 'static {
        let (projects, stream) = (self.shared.projects.clone(), self.stream.clone());
        let (large, meter) = (self.shared.large.clone(), self.shared.meter.clone());
        move || {
            let cutter = Cutter::new(stream.key.is_main(), drafts, large, meter);
            cut(&projects, &stream, start.lines, pieces, cutter).unwrap_or_else(|stopped| stopped)
        }
    }

    /// Appends drafts behind `chain`, in order. Gives where to go on if another writer took the number:
    /// [`Draft::lines_before`] of the draft that met it.
    async fn append_all(
        &mut self,
        mut drafts: mpsc::Receiver<Draft>,
        chain: &mut Chain,
    ) -> Result<Option<Option<u64>>, StreamError> {
        while let Some(draft) = drafts.recv().await {
            let batch = chain.number_draft(BatchDraft {
                kind: Kind::Entries,
                origin: Origin {
                    writer: self.shared.writer.clone(),
                    line: self.delivered.added.entries + 1,
                },
                payload: draft.payload.clone(),
            });
            match self.append(&batch, draft.summary.as_deref()).await {
                Ok(()) => {
                    chain.advance(&batch);
                    self.landed(draft);
                }
                Err(StoreError::Conflict) => return Ok(Some(draft.lines_before)),
                Err(error) => return Err(StreamError::store("append")(error)),
            }
        }
        Ok(None)
    }

    async fn append(&self, batch: &Batch, summary: Option<&str>) -> Result<(), StoreError> {
        let summary = summary.map(|json| Summary {
            through: batch.number,
            json: json.to_owned(),
        });
        retrying(async || {
            let append = self.shared.store.append(&self.stream.key, batch, summary.as_ref());
            append.await
        })
        .await
    }

    fn landed(&mut self, draft: Draft) {
        let bytes = draft.payload.len() as u64;
        self.delivered.batches += 1;
        self.delivered.added += Counts {
            entries: draft.entries,
            bytes,
        };
        self.odd_count += draft.odd.len() as u64;
        self.odd.extend(draft.odd);
        self.odd.truncate(NAMED_LINES);
        self.shared.meter.moved(draft.entries, bytes);
    }

    /// Where to go on after a conflict. A stream with a sidecar is small: it is read anew, metadata and all.
    fn start_again(&self, lines_before: Option<u64>, chain: &Chain) -> ImportStart {
        match lines_before {
            Some(lines) if self.stream.sidecar.is_none() => ImportStart {
                position: chain.position(),
                lines,
            },
            _ => ImportStart::default(),
        }
    }

    fn conclude(&mut self, found: &Finding) {
        let Finding { comparison, metadata } = found;
        let Counts { entries, bytes } = self.delivered.added;
        let (added, added_bytes) = (entries - metadata.entries, bytes - metadata.bytes);
        self.delivered.present = Counts {
            entries: comparison.lines.saturating_sub(added),
            bytes: comparison.bytes.saturating_sub(added_bytes),
        };
        let file = self.file();
        let only_stored = comparison.only_stored;
        let note = match comparison.differs_at {
            Some(line) => Some(ImportNote::Rewritten {
                file,
                line,
                added,
                only_stored,
            }),
            None if only_stored > 0 => Some(ImportNote::StoredHasMore {
                file,
                entries: only_stored,
            }),
            None => None,
        };
        let torn = comparison.torn.map(|bytes| ImportNote::Torn {
            file: self.file(),
            bytes,
        });
        self.delivered.notes.extend(note.into_iter().chain(torn));
    }

    fn note_what_was_met(&mut self) {
        self.delivered.is_anew = self.is_deleted && self.delivered.batches > 0;
        if self.odd_count > 0 {
            self.delivered.notes.push(ImportNote::OddLines {
                file: self.file(),
                count: self.odd_count,
                first: std::mem::take(&mut self.odd),
            });
        }
    }

    fn file(&self) -> String {
        let file = self.stream.transcript.as_ref().map(|file| &file.path);
        let file = file.or(self.stream.sidecar.as_ref());
        file.map_or_else(String::new, |file| self.shared.projects.name_of(file))
    }
}

/// The blocking half of an attempt. The first `known` lines of the file are stored.
fn cut(
    projects: &ProjectsDir,
    stream: &LocalStream,
    known: u64,
    pieces: mpsc::Receiver<StoredPiece>,
    mut cutter: Cutter,
) -> Result<LocalHalf, LocalHalf> {
    let mut lines = projects.lines(stream).map_err(LocalHalf::Failed)?;
    let mut stored = StoredLines::new(pieces);
    match Compare::new(&mut lines, &mut stored, &mut cutter).run(known) {
        Ok(comparison) => {
            let metadata = cut_metadata(projects, stream, &comparison, &mut cutter)?;
            cutter.finish()?;
            Ok(LocalHalf::Done(Finding {
                comparison,
                metadata: metadata.map_err(LocalHalf::Failed)?,
            }))
        }
        Err(CompareError::Stored(_) | CompareError::Listener(_)) => Ok(LocalHalf::Unwanted),
        Err(CompareError::Local(source)) => {
            // The lines before it are good.
            cutter.finish()?;
            let file = stream.transcript.as_ref().map(|file| projects.name_of(&file.path));
            Err(LocalHalf::Failed(StreamError::Line {
                file: file.unwrap_or_default(),
                source,
            }))
        }
    }
}

/// Adds the sidecar if what is stored says something else.
fn cut_metadata(
    projects: &ProjectsDir,
    stream: &LocalStream,
    comparison: &Comparison,
    cutter: &mut Cutter,
) -> Result<Result<Counts, StreamError>, Unwanted> {
    let entry = match stream.sidecar.as_ref().map(|sidecar| projects.metadata(sidecar)) {
        None => return Ok(Ok(Counts::default())),
        Some(Err(error)) => return Ok(Err(error)),
        Some(Ok(entry)) => entry,
    };
    let stored = comparison.metadata.as_ref();
    if stored.is_some_and(|stored| metadata::same(stored, &entry)) {
        return Ok(Ok(Counts::default()));
    }
    let bytes = entry.len() as u64 + 1;
    cutter.add_entry(entry)?;
    Ok(Ok(Counts { entries: 1, bytes }))
}

impl From<Unwanted> for LocalHalf {
    fn from(_: Unwanted) -> Self {
        Self::Unwanted
    }
}
