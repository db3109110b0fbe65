//! Writes stored sessions out as the files that an agent resumes from, each verified before it gets its name.

mod cutoff;
mod report;
mod stage;
mod target;
mod write;

use std::path::Path;
use std::sync::Arc;

use futures_util::{StreamExt, stream as streams};
use tokio::sync::mpsc;

use self::cutoff::Cutoff;
use self::report::Restored;
use self::stage::Staged;
use self::target::RestoreTarget;
use super::catalog;
use super::progress::Meter;
use super::stored::{StoredLines, StoredReader};
use super::{Failure, OnProgress, SIDE_BY_SIDE, SessionError, StreamError, blocking, joined, progress};
use crate::agent_format::UnsafeKey;
use crate::key::SessionKey;
use crate::store::{Position, Store};

pub use cutoff::RestoreEnd;
pub use report::{RestoreNote, RestoreReport, RestoreTotals, SessionRestore};

/// Writes stored sessions out as the files of a configuration directory, from which an agent can resume:
/// `<into>/projects/<project>/<session>.jsonl`, subagents and sidecars beneath it.
///
/// `sessions` are main keys; none: all that the store lists. `into` is made if it is not there, and may be in use:
/// files are added to it, and none is replaced. A session that has one of its names there fails.
///
/// Each file is verified, whole and on disk before it gets its name, the main transcript last; of a session that fails
/// nothing is left, and the others go on. A key that must not become a file name is never loaded.
pub async fn restore(
    store: Arc<dyn Store>,
    sessions: Option<Vec<SessionKey>>,
    into: &Path,
    options: RestoreOptions,
    progress: OnProgress,
) -> Result<RestoreReport, SessionError> {
    let sessions = match sessions {
        Some(sessions) => sessions,
        None => all(&*store).await?,
    };
    let path = into.to_owned();
    let target = blocking(move || RestoreTarget::open(&path)).await?;
    let meter = Meter::new(progress);
    let shared = Restore {
        store,
        target,
        meter,
        options,
    };
    let mut rows: Vec<_> = streams::iter(sessions)
        .map(|session| shared.session(session))
        .buffer_unordered(SIDE_BY_SIDE)
        .collect()
        .await;
    rows.sort_by(|a, b| (&a.project, &a.session).cmp(&(&b.project, &b.session)));
    Ok(RestoreReport::new(rows))
}

/// Where restored sessions lie, and how far they reach: by default each in its own project, and whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RestoreOptions {
    /// The folder under `projects` that they get, whatever their project: that of the directory in which the agent is
    /// to resume them ([`crate::agent_format::project_key_named`]).
    pub folder: Option<String>,
    /// Where each of them ends, if not where it ends in the store.
    pub end: Option<RestoreEnd>,
}

async fn all(store: &dyn Store) -> Result<Vec<SessionKey>, SessionError> {
    let sessions = catalog::all(store, None).await?.into_iter();
    let keys = sessions.map(|(project, session)| SessionKey::main(project, session.session_id));
    Ok(keys.collect::<Result<_, _>>()?)
}

/// Writes one session, with its files in a folder of this name whatever its project; where each stream ends.
pub(super) async fn one(
    store: Arc<dyn Store>,
    session: &SessionKey,
    folder: &str,
    into: &Path,
) -> Result<(SessionRestore, Vec<StreamEnd>), SessionError> {
    let path = into.to_owned();
    let shared = Restore {
        store,
        target: blocking(move || RestoreTarget::open(&path)).await?,
        meter: Meter::new(progress::silent()),
        options: RestoreOptions {
            folder: Some(folder.to_owned()),
            end: None,
        },
    };
    let mut row = SessionRestore::new(session);
    let ends = shared.streams(session, &mut row).await;
    let ends = ends.map_err(|failure| SessionError::NotRestored {
        stream: failure.stream,
        source: Box::new(failure.error),
    })?;
    Ok((row, ends))
}

/// Where a stored stream ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamEnd {
    /// Which stream.
    pub key: SessionKey,
    /// How many entries it has.
    pub entries: u64,
    /// Its last batch.
    pub position: Position,
}

/// What the sessions of one restore share.
#[derive(Debug)]
struct Restore {
    store: Arc<dyn Store>,
    target: RestoreTarget,
    meter: Meter,
    options: RestoreOptions,
}

impl Restore {
    async fn session(&self, session: SessionKey) -> SessionRestore {
        let mut row = SessionRestore::new(&session);
        if let Err(failure) = self.streams(&session, &mut row).await {
            row.failed(failure);
        }
        row
    }

    /// Every stream into files with temporary names, then all of them to their places.
    async fn streams(&self, session: &SessionKey, row: &mut SessionRestore) -> Result<Vec<StreamEnd>, Failure> {
        let main = session.to_main();
        // Before anything is loaded: if the main transcript has no place, the others have none either.
        let named = self.named(&main).map_err(|error| unsafe_key(&main, &error))?;
        let is_free = self.target.is_free(&named).map_err(|error| Failure::new(&main, error));
        is_free?;
        let subkeys = catalog::subkeys(&*self.store, &main).await;
        let subkeys = subkeys.map_err(|error| Failure::new(&main, StreamError::Listing(Box::new(error))))?;
        let (mut staged, mut ends) = (Vec::new(), Vec::new());
        self.meter.expect(subkeys.len() as u64 + 1, 0);
        for key in subkeys.into_iter().chain([main.clone()]) {
            match self.named(&key) {
                Ok(named) => {
                    let (restored, end) = self
                        .stream(&key, named)
                        .await
                        .map_err(|error| Failure::new(&key, error))?;
                    ends.extend(end);
                    row.add(&restored);
                    staged.extend(restored.files);
                }
                Err(error) if !key.is_main() => row.skipped(&key, error.to_string()),
                Err(error) => return Err(unsafe_key(&key, &error)),
            }
            self.meter.finished_stream();
        }
        blocking(move || Staged::place_all(staged))
            .await
            .map_err(|error| Failure::new(&main, error))?;
        Ok(ends)
    }

    /// The key that a stream's files are named after.
    fn named(&self, key: &SessionKey) -> Result<SessionKey, UnsafeKey> {
        let named = match &self.options.folder {
            Some(folder) => key.in_project(folder),
            None => key.clone(),
        };
        named.file().and(named.sidecar_file())?;
        Ok(named)
    }

    /// Loads a stream while a blocking thread writes it.
    async fn stream(&self, key: &SessionKey, named: SessionKey) -> Result<(Restored, Option<StreamEnd>), StreamError> {
        let mut stored = StoredReader::new(self.store.clone(), key.clone(), None).ahead();
        let (to_write, pieces) = mpsc::channel(1);
        let (target, meter) = (self.target.clone(), self.meter.clone());
        let cutoff = Cutoff::new(self.options.end.clone(), &named);
        let writing = tokio::task::spawn_blocking(move || {
            write::stream(&target, &named, cutoff, StoredLines::new(pieces), &meter)
        });
        let sent = stored.send(to_write).await;
        let written = joined(writing).await;
        sent?;
        let end = stored.chain().position().map(|position| StreamEnd {
            key: key.clone(),
            entries: stored.seen().entries,
            position,
        });
        Ok((written?, end))
    }
}

fn unsafe_key(key: &SessionKey, error: &UnsafeKey) -> Failure {
    Failure::new(
        key,
        StreamError::UnsafeKey {
            key: key.clone(),
            reason: error.to_string(),
        },
    )
}

#[cfg(test)]
mod tests;
