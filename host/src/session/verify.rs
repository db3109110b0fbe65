//! Reads stored streams whole and checks them, also against the files of a projects directory.

mod report;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::{StreamExt, stream as streams};
use tokio::sync::mpsc;

use self::report::Findings;
use super::compare::{Compare, CompareError, Comparison, Listener, NewLine};
use super::local::{LocalStream, ProjectsDir};
use super::progress::Meter;
use super::stored::{StoredLines, StoredPiece, StoredReader};
use super::{OnProgress, SIDE_BY_SIDE, SessionError, StreamError, blocking, catalog, joined};
use crate::agent_format::metadata;
use crate::key::SessionKey;
use crate::store::Store;

pub use report::{LocalState, StoredState, StreamCheck, VerifyReport, VerifyTotals};

/// What to verify; by default everything that is stored, and no local files.
#[derive(Clone, Debug, Default)]
pub struct Verify {
    /// Only these sessions, by their main keys.
    pub sessions: Option<Vec<SessionKey>>,
    /// An agent's projects directory: what is stored is compared with the files in it, and what lies there and is not
    /// stored counts as not delivered.
    pub projects_dir: Option<PathBuf>,
    /// Only these projects of that directory: the others are not meant to be in this store.
    pub local_projects: Option<Vec<String>>,
}

/// Reads stored sessions whole and checks numbers, digests and ends; with a projects directory also against the files
/// in it.
pub async fn verify(store: Arc<dyn Store>, what: &Verify, progress: OnProgress) -> Result<VerifyReport, SessionError> {
    let local = match &what.projects_dir {
        Some(path) => Some(look(path, what.local_projects.clone()).await?),
        None => None,
    };
    let (projects, mut files) = local.unzip();
    let mut work = Vec::new();
    for session in wanted(&*store, what.sessions.clone(), files.as_ref()).await? {
        let mut found = files
            .as_mut()
            .and_then(|files| files.remove(&session))
            .unwrap_or_default();
        for key in catalog::subkeys(&*store, &session).await?.into_iter().chain([session]) {
            let at = found.iter().position(|stream| stream.key == key);
            let stream = at.map(|at| found.swap_remove(at));
            work.push((key, stream));
        }
        work.extend(found.into_iter().map(|stream| (stream.key.clone(), Some(stream))));
    }
    let meter = Meter::new(progress);
    meter.expect(work.len() as u64, 0);
    let shared = VerifyRun { store, projects, meter };
    let mut rows: Vec<_> = streams::iter(work)
        .map(|(key, stream)| shared.stream(key, stream))
        .buffer_unordered(SIDE_BY_SIDE)
        .collect()
        .await;
    rows.sort_by(|a, b| (&a.project, &a.session, &a.subpath).cmp(&(&b.project, &b.session, &b.subpath)));
    Ok(VerifyReport::new(rows))
}

type Files = BTreeMap<SessionKey, Vec<LocalStream>>;

async fn look(path: &Path, only: Option<Vec<String>>) -> Result<(ProjectsDir, Files), SessionError> {
    let owned = path.to_owned();
    let looked = blocking(move || {
        let projects = ProjectsDir::open(&owned)?;
        let mut found = projects.scan()?;
        found.keep_projects(only.as_deref());
        Ok::<_, io::Error>((projects, found.sessions))
    });
    looked.await.map_err(|source| SessionError::Local {
        path: path.to_owned(),
        source,
    })
}

/// The main keys of what is to be verified.
async fn wanted(
    store: &dyn Store,
    sessions: Option<Vec<SessionKey>>,
    files: Option<&Files>,
) -> Result<Vec<SessionKey>, SessionError> {
    if let Some(sessions) = sessions {
        return Ok(sessions);
    }
    let mut keys = Vec::new();
    for (project, session) in catalog::all(store, None).await? {
        keys.push(SessionKey::main(project, session.session_id)?);
    }
    keys.extend(files.into_iter().flat_map(BTreeMap::keys).cloned());
    keys.sort();
    keys.dedup();
    Ok(keys)
}

/// What the streams of one run share.
#[derive(Debug)]
struct VerifyRun {
    store: Arc<dyn Store>,
    projects: Option<ProjectsDir>,
    meter: Meter,
}

impl VerifyRun {
    async fn stream(&self, key: SessionKey, local: Option<LocalStream>) -> StreamCheck {
        let mut stored = StoredReader::new(self.store.clone(), key.clone(), None).ahead();
        let local = match (&self.projects, local) {
            (None, _) => self.alone(&mut stored).await.map(|()| None),
            (Some(_), None) => self.alone(&mut stored).await.map(|()| Some(LocalState::NotHere)),
            (Some(projects), Some(local)) => self.beside(&mut stored, projects, local).await.map(Some),
        };
        self.meter.finished_stream();
        StreamCheck::new(
            &key,
            Findings {
                seen: stored.seen(),
                last: stored.chain().number(),
                local,
            },
        )
    }

    async fn alone(&self, stored: &mut StoredReader) -> Result<(), StreamError> {
        let mut before = stored.seen();
        while stored.next().await?.is_some() {
            let seen = stored.seen();
            self.meter
                .moved(seen.entries - before.entries, seen.bytes - before.bytes);
            before = seen;
        }
        Ok(())
    }

    /// Reads a stream while a blocking thread compares it with the local files.
    async fn beside(
        &self,
        stored: &mut StoredReader,
        projects: &ProjectsDir,
        local: LocalStream,
    ) -> Result<LocalState, StreamError> {
        let (to_compare, pieces) = mpsc::channel(1);
        let (projects, meter) = (projects.clone(), self.meter.clone());
        let comparing = tokio::task::spawn_blocking(move || compare(&projects, &local, pieces, meter));
        let sent = stored.send(to_compare).await;
        let compared = joined(comparing).await;
        sent?;
        // The local side may have stopped early; the stored side is read to its end all the same.
        self.alone(stored).await?;
        Ok(compared)
    }
}

/// The blocking half.
fn compare(
    projects: &ProjectsDir,
    stream: &LocalStream,
    pieces: mpsc::Receiver<StoredPiece>,
    meter: Meter,
) -> LocalState {
    let mut lines = match projects.lines(stream) {
        Ok(lines) => lines,
        Err(error) => return LocalState::unreadable(&error),
    };
    let mut stored = StoredLines::new(pieces);
    let mut counter = Counter { meter };
    match Compare::new(&mut lines, &mut stored, &mut counter).run(0) {
        Ok(found) => {
            let metadata_differs = metadata_differs(projects, stream, &found);
            metadata_differs.map_or_else(
                |error| LocalState::unreadable(&error),
                |differs| LocalState::of(&found, differs),
            )
        }
        Err(CompareError::Local(error)) => LocalState::unreadable(&error),
        Err(CompareError::Stored(error)) => LocalState::unreadable(&error),
    }
}

fn metadata_differs(projects: &ProjectsDir, stream: &LocalStream, found: &Comparison) -> Result<bool, StreamError> {
    let Some(sidecar) = &stream.sidecar else {
        return Ok(false);
    };
    let entry = projects.metadata(sidecar)?;
    Ok(!found
        .metadata
        .as_ref()
        .is_some_and(|stored| metadata::same(stored, &entry)))
}

/// Only counts.
struct Counter {
    meter: Meter,
}

impl Listener for Counter {
    type Stop = std::convert::Infallible;

    fn stored(&mut self, _: &[u8]) {}

    fn present(&mut self, bytes: u64) {
        self.meter.moved(1, bytes);
    }

    fn new_line(&mut self, _: NewLine<'_>) -> Result<(), Self::Stop> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
