mod cut;
mod leave_out;
mod report;
mod stream;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use futures_util::{StreamExt, stream as streams};
use uuid::Uuid;

use self::stream::Importer;
use super::local::{LocalSessions, LocalStream, ProjectsDir};
use super::progress::Meter;
use super::{Failure, OnProgress, SIDE_BY_SIDE, SessionError, blocking};
use crate::store::Store;

pub use leave_out::LeaveOut;
pub use report::{Counts, ImportNote, ImportReport, ImportTotals, OddLine, SessionImport};

/// What to import; everything by default.
#[derive(Clone, Debug, Default)]
pub struct Import {
    /// Only the sessions with these ids, if there are any. One that no project has is an error.
    pub sessions: Vec<String>,
    /// Only these projects.
    pub projects: Option<Vec<String>>,
    /// Decides which files are left out, for others bring their lines; `None`: none is.
    pub leave_out: Option<LeaveOut>,
}

/// Brings what lies in an agent's projects directory into a store.
///
/// For each session the main transcript, the transcripts under `subagents/` and their sidecars. Lines that are stored
/// already are passed over, so that a second run adds only what is new. A file that its agent rewrote adds the lines
/// that are not stored yet, and nothing that is stored goes away. A session that was deleted from the store comes back.
/// Several importers may work on one store at a time.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::sync::Arc;
/// use mirrorbox::{session::{self, Import}, store::MemoryStore};
///
/// let projects = std::env::temp_dir().join(format!("projects-{}", std::process::id()));
/// std::fs::create_dir_all(projects.join("-srv-app"))?;
/// std::fs::write(projects.join("-srv-app/session.jsonl"), "{\"type\":\"mode\"}\n")?;
///
/// let store = Arc::new(MemoryStore::new());
/// let report = session::import(store, &projects, &Import::default(), session::silent()).await?;
/// assert_eq!(report.totals.added.entries, 1);
/// # std::fs::remove_dir_all(projects)?;
/// # Ok(()) }
/// ```
pub async fn import(
    store: Arc<dyn Store>,
    projects_dir: &Path,
    what: &Import,
    progress: OnProgress,
) -> Result<ImportReport, SessionError> {
    let (projects, found) = look(projects_dir, what).await?;
    let LocalSessions {
        sessions,
        passed_over,
        odd,
    } = found;
    let meter = Meter::new(progress);
    let importer = Importer::new(store, projects, Uuid::new_v4().simple().to_string(), meter.clone());
    // Subagents first: a session shows in listings once its main transcript is there.
    let work: Vec<_> = sessions
        .into_values()
        .flat_map(|streams| streams.into_iter().rev())
        .collect();
    meter.expect(work.len() as u64, work.iter().map(LocalStream::bytes).sum());
    let mut rows = BTreeMap::new();
    let mut done = streams::iter(work)
        .map(|stream| async {
            let outcome = importer.import(&stream).await;
            meter.finished_stream();
            (stream.key, outcome)
        })
        .buffer_unordered(SIDE_BY_SIDE);
    while let Some((key, outcome)) = done.next().await {
        let row = rows.entry(key.to_main()).or_insert_with(|| SessionImport::new(&key));
        row.add(outcome.delivered);
        row.failures
            .extend(outcome.error.map(|error| Failure::new(&key, error)));
    }
    let notes = odd
        .into_iter()
        .map(|(file, reason)| ImportNote::PassedOver { file, reason });
    Ok(ImportReport::new(
        rows.into_values().collect(),
        passed_over,
        notes.collect(),
    ))
}

async fn look(projects_dir: &Path, what: &Import) -> Result<(ProjectsDir, LocalSessions), SessionError> {
    let (path, what) = (projects_dir.to_owned(), what.clone());
    let looked = blocking(move || {
        let projects = ProjectsDir::open(&path)?;
        let mut found = projects.scan()?;
        let missing = found.keep_sessions(&what.sessions);
        found.keep_projects(what.projects.as_deref());
        if let Some(leave_out) = &what.leave_out {
            leave_out.sort(&mut found, |path| projects.name_of(path));
        }
        Ok((projects, found, missing))
    });
    let (projects, found, missing) = looked.await.map_err(|source| SessionError::Local {
        path: projects_dir.to_owned(),
        source,
    })?;
    match missing.into_iter().next() {
        None => Ok((projects, found)),
        Some(id) => Err(SessionError::NotLocal {
            id,
            projects_dir: projects_dir.to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests;
