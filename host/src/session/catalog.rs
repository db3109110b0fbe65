//! Lists the stored sessions with their summaries; a summary that is missing or outdated is rebuilt from the stream.

use std::cmp::Ordering;
use std::sync::Arc;

use futures_util::{StreamExt, stream};
use serde::{Serialize, Serializer};

use super::retry::retrying;
use super::stored::{PayloadLines, StoredReader};
use super::{SessionError, TASKS};
use crate::key::SessionKey;
use crate::store::{LoadError, Page, Store, StoreError, StoredSession, Summary};
use crate::summary::{Fold, SessionInfo};

/// How many items a listing call asks for.
const PAGE: u32 = 1000;

/// So many pages in a row may hold nothing: some backends filter what they list.
const MOST_EMPTY_PAGES: usize = 10_000;

/// More than anybody has in one listing: so many items, and so many bytes of them, for all is kept in memory.
const MOST_LISTED: usize = 10_000_000;
const MOST_BYTES: usize = 1 << 30;

/// No summary that this library makes is larger: it is a few texts of 16 KiB at most, escaped.
const LARGEST_SUMMARY: usize = 1 << 20;

/// How many summaries are rebuilt side by side, each from one stream, and how much each asks for at a time: what they
/// hold together stays small beside what a command may use.
const REBUILT_SIDE_BY_SIDE: usize = 16;
const REBUILT_FROM: u32 = 1 << 20;

/// Which stored sessions to list; all by default.
#[derive(Clone, Debug, Default)]
pub struct Listing {
    /// Only this project's.
    pub project: Option<String>,
    /// Only those that have something to show: no side chains, and none that are empty.
    pub shown_only: bool,
    /// So many of the newest are passed over.
    pub offset: usize,
    /// So many at most.
    pub limit: Option<usize>,
}

/// A stored session, for a list.
#[derive(Clone, Debug, Serialize)]
pub struct SessionRow {
    /// Its project key.
    pub project: String,
    /// Its id.
    pub session: String,
    /// Unix milliseconds of the last append to the main transcript.
    pub modified: u64,
    /// The number of the last batch of the main transcript.
    pub last: u64,
    /// What its summary says; none: a side chain, or there is nothing to show.
    pub info: Option<SessionInfo>,
    /// Why there is no summary though there should be one: the transcript could not be read.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_text")]
    pub error: Option<LoadError>,
}

/// The stored sessions, newest first; of one project, or of all but that of the tasks ([`super::TASKS`]).
///
/// A summary that is missing or does not reach the end is made anew from the transcript. A transcript that cannot be
/// read costs its own row's summary only.
pub async fn list(store: Arc<dyn Store>, project: Option<&str>) -> Result<Vec<SessionRow>, SessionError> {
    let all = Listing {
        project: project.map(str::to_owned),
        ..Listing::default()
    };
    list_page(store, &all).await
}

/// Some of the stored sessions, newest first. Transcripts are read for what is on the page only: a session of which
/// only its transcript tells that there is nothing to show makes the page shorter.
pub async fn list_page(store: Arc<dyn Store>, what: &Listing) -> Result<Vec<SessionRow>, SessionError> {
    let mut found: Vec<_> = all(&*store, what.project.as_deref())
        .await?
        .into_iter()
        .filter(|(project, _)| what.project.is_some() || project != TASKS)
        .map(ListedSession::new)
        .filter(|found| !(what.shown_only && found.is_hidden()))
        .collect();
    found.sort_by(ListedSession::newest_first);
    let page = found
        .into_iter()
        .skip(what.offset)
        .take(what.limit.unwrap_or(usize::MAX));
    let rows: Vec<_> = stream::iter(page)
        .map(|found| found.into_row(store.clone()))
        .buffered(REBUILT_SIDE_BY_SIDE)
        .collect()
        .await;
    let is_shown = |row: &SessionRow| !what.shown_only || row.info.is_some() || row.error.is_some();
    Ok(rows.into_iter().filter(is_shown).collect())
}

/// One session as a list shows it; none where its main transcript is not stored.
pub async fn info(store: Arc<dyn Store>, session: &SessionKey) -> Result<Option<SessionRow>, SessionError> {
    require_listing(&*store)?;
    let (project, id) = (session.project_key(), session.session_id());
    let found = retrying(async || store.find_session(project, id).await)
        .await
        .map_err(SessionError::store("look for the session"))?;
    match found {
        Some(found) => Ok(Some(
            ListedSession::new((project.to_owned(), found))
                .into_row(store.clone())
                .await,
        )),
        None => Ok(None),
    }
}

/// The main key of the session that has this id, or the only one whose id begins so; in one project, or in any.
pub async fn find(store: Arc<dyn Store>, id: &str, project: Option<&str>) -> Result<SessionKey, SessionError> {
    let projects = match project {
        Some(project) => vec![project.to_owned()],
        None => projects(&*store).await?,
    };
    let mut candidates = with_id(&*store, &projects, id).await?;
    if candidates.is_empty() {
        for project in &projects {
            let sessions = sessions(&*store, project, &mut ListedSoFar::default())
                .await?
                .into_iter();
            for session in sessions.filter(|session| session.session_id.starts_with(id)) {
                candidates.push(SessionKey::main(project, session.session_id)?);
            }
        }
    }
    match <[SessionKey; 1]>::try_from(candidates) {
        Ok([key]) => Ok(key),
        Err(none) if none.is_empty() => Err(SessionError::NotFound { id: id.into() }),
        Err(candidates) => Err(SessionError::Ambiguous {
            id: id.into(),
            candidates,
        }),
    }
}

/// The sessions that have exactly this id. One whose main transcript is gone still has its other streams.
async fn with_id(store: &dyn Store, projects: &[String], id: &str) -> Result<Vec<SessionKey>, SessionError> {
    let mut found = Vec::new();
    for project in projects {
        let Ok(key) = SessionKey::main(project, id) else {
            continue;
        };
        let is_there = retrying(async || store.find_session(project, id).await)
            .await
            .map_err(SessionError::store("look for the session"))?
            .is_some();
        if is_there || !subkeys(store, &key).await?.is_empty() {
            found.push(key);
        }
    }
    Ok(found)
}

/// A session that a store lists.
struct ListedSession {
    project: String,
    session: StoredSession,
    /// What its summary says; none where it has none that reaches the end.
    fresh: Option<Fold>,
}

impl ListedSession {
    fn new((project, session): (String, StoredSession)) -> Self {
        let reaches_the_end = |summary: &&Summary| summary.through >= session.last;
        let summary = session.summary.as_ref().filter(reaches_the_end);
        let fresh = summary.and_then(|summary| Fold::from_json(&summary.json).ok());
        Self {
            project,
            session,
            fresh,
        }
    }

    /// Whether it is known already that there is nothing to show.
    fn is_hidden(&self) -> bool {
        self.fresh.as_ref().is_some_and(|fold| fold.info().is_none())
    }

    fn newest_first(&self, other: &Self) -> Ordering {
        let newest_first = other.session.modified.cmp(&self.session.modified);
        let by_project = newest_first.then_with(|| self.project.cmp(&other.project));
        by_project.then_with(|| self.session.session_id.cmp(&other.session.session_id))
    }

    async fn into_row(self, store: Arc<dyn Store>) -> SessionRow {
        let Self {
            project,
            session,
            fresh,
        } = self;
        let folded = match fresh {
            Some(fold) => Ok(fold),
            None => rebuild(store, &project, &session.session_id).await,
        };
        let (info, error) = match folded {
            Ok(fold) => (fold.info(), None),
            Err(error) => (None, Some(error)),
        };
        SessionRow {
            project,
            session: session.session_id,
            modified: session.modified,
            last: session.last,
            info,
            error,
        }
    }
}

async fn rebuild(store: Arc<dyn Store>, project: &str, session: &str) -> Result<Fold, LoadError> {
    let mut fold = Fold::new();
    // `all` leaves out what cannot be a key.
    if let Ok(key) = SessionKey::main(project, session) {
        let mut stored = StoredReader::in_pages(store, key, REBUILT_FROM);
        while let Some(batch) = stored.next().await? {
            PayloadLines::new(batch.payload).for_each(|line| fold.fold(&line));
        }
    }
    Ok(fold)
}

/// Every session with its project, as the store lists them.
pub(super) async fn all(
    store: &dyn Store,
    project: Option<&str>,
) -> Result<Vec<(String, StoredSession)>, SessionError> {
    let projects = match project {
        Some(project) => vec![project.to_owned()],
        None => projects(store).await?,
    };
    let (mut found, mut listed) = (Vec::new(), ListedSoFar::default());
    for project in projects {
        let sessions = sessions(store, &project, &mut listed).await?;
        found.extend(sessions.into_iter().map(|session| (project.clone(), session)));
    }
    Ok(found)
}

async fn projects(store: &dyn Store) -> Result<Vec<String>, SessionError> {
    require_listing(store)?;
    pages(&mut ListedSoFar::default(), async |token| {
        store.list_projects(token, PAGE).await
    })
    .await
    .map_err(SessionError::store("list the projects"))
}

async fn sessions(
    store: &dyn Store,
    project: &str,
    listed: &mut ListedSoFar,
) -> Result<Vec<StoredSession>, SessionError> {
    require_listing(store)?;
    pages(listed, async |token| store.list_sessions(project, token, PAGE).await)
        .await
        .map_err(SessionError::store(format!("list the sessions of {project}")))
}

/// The sessions of a project, as the store lists them.
pub(crate) async fn stored_sessions(store: &dyn Store, project: &str) -> Result<Vec<StoredSession>, SessionError> {
    sessions(store, project, &mut ListedSoFar::default()).await
}

/// The keys of a session's streams beside its main transcript, sorted.
pub(crate) async fn subkeys(store: &dyn Store, main: &SessionKey) -> Result<Vec<SessionKey>, SessionError> {
    require_listing(store)?;
    let list = async |token: Option<&str>| {
        store
            .list_subkeys(main.project_key(), main.session_id(), token, PAGE)
            .await
    };
    let mut subpaths = pages(&mut ListedSoFar::default(), list)
        .await
        .map_err(SessionError::store(format!("list the streams of {main}")))?;
    subpaths.sort();
    subpaths.dedup();
    let keys = subpaths.into_iter().map(|subpath| main.with_subpath(subpath));
    Ok(keys.collect::<Result<_, _>>()?)
}

fn require_listing(store: &dyn Store) -> Result<(), SessionError> {
    let info = store.info();
    if info.capabilities.listing {
        Ok(())
    } else {
        Err(SessionError::Unsupported {
            store: info.name,
            doing: "list sessions",
        })
    }
}

/// What was listed so far, of one listing or of several that are kept together.
#[derive(Debug, Default)]
struct ListedSoFar {
    items: usize,
    bytes: usize,
}

impl ListedSoFar {
    /// Counts an item. Fails where it is, or all are, larger than any can be.
    fn add(&mut self, item: &impl ListedItem) -> Result<(), StoreError> {
        let bytes = item.bytes()?;
        self.items += 1;
        self.bytes = self.bytes.saturating_add(bytes);
        match self.items > MOST_LISTED || self.bytes > MOST_BYTES {
            true => Err(StoreError::Contract(format!(
                "a listing does not end: it is longer than any can be ({} items of {} MiB)",
                self.items,
                self.bytes >> 20
            ))),
            false => Ok(()),
        }
    }
}

/// What a listing lists.
trait ListedItem {
    /// The memory that it takes. Fails where it is larger than it can be.
    fn bytes(&self) -> Result<usize, StoreError>;
}

impl ListedItem for String {
    fn bytes(&self) -> Result<usize, StoreError> {
        Ok(size_of::<Self>() + self.len())
    }
}

impl ListedItem for StoredSession {
    fn bytes(&self) -> Result<usize, StoreError> {
        let summary = self.summary.as_ref().map_or(0, |summary| summary.json.len());
        match summary > LARGEST_SUMMARY {
            true => Err(StoreError::Contract(format!(
                "a listing has a summary of {summary} bytes, and none can have more than {LARGEST_SUMMARY}"
            ))),
            false => Ok(size_of::<Self>() + self.session_id.len() + summary),
        }
    }
}

/// Walks a paged listing to its end, and gives up on one that has none: it would take all of the memory, or all of the
/// time.
async fn pages<T: ListedItem>(
    listed: &mut ListedSoFar,
    mut list: impl AsyncFnMut(Option<&str>) -> Result<Page<T>, StoreError>,
) -> Result<Vec<T>, StoreError> {
    let endless = |how: &str| Err(StoreError::Contract(format!("a listing does not end: {how}")));
    let mut items = Vec::new();
    let mut token: Option<String> = None;
    let mut empty = 0;
    loop {
        let page = retrying(async || list(token.as_deref()).await).await?;
        empty = if page.items.is_empty() { empty + 1 } else { 0 };
        for item in page.items {
            listed.add(&item)?;
            items.push(item);
        }
        match page.next {
            None => return Ok(items),
            same if same == token => return endless("a page names itself as the next one"),
            _ if empty > MOST_EMPTY_PAGES => return endless("page after page is empty"),
            next => token = next,
        }
    }
}

fn as_text<S: Serializer>(error: &Option<LoadError>, to: S) -> Result<S::Ok, S::Error> {
    match error {
        Some(error) => to.collect_str(error),
        None => to.serialize_none(),
    }
}

#[cfg(test)]
mod tests;
