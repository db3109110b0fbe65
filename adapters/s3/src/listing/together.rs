//! The sessions of a project from listings of everything in it: hundreds of short sessions come in one request, where
//! each would take two of its own.

use futures_util::stream::{self, StreamExt, TryStreamExt};
use mirrorbox_adapter::{Page, Result, Session, SessionKey};

use super::{part, row, session, summary};
use crate::backend::Backend;
use crate::bucket::{Listed, behind_folder};
use crate::layout::{self, SIDE};
use crate::listed::{Side, Slot};
use crate::stream::Stream;

/// What a listing showed of a session.
#[derive(Debug)]
struct Seen {
    /// Its folder's.
    name: String,
    last: Option<Slot>,
    side: Side,
    /// Nothing of it is behind the end of the listing.
    is_whole: bool,
}

/// The sessions of a project whose main transcript holds more than a tombstone.
pub(super) async fn sessions(
    backend: &Backend,
    project_key: &str,
    token: Option<&str>,
    limit: u32,
) -> Result<Page<Session>> {
    let limit = limit.max(1) as usize;
    let folder = layout::project(backend.prefix(), project_key);
    let mut page = Page::default();
    let mut last = None;
    let mut next = Some(token.map(behind_folder).unwrap_or_default());
    while let Some(after) = next {
        let listing = backend.bucket.list_deep(&folder, &after).await?;
        let mut seen = Seen::all(&folder, listing.objects);
        next = listing.next.map(|end| cut(&mut seen, &end));
        let rows = seen
            .iter()
            .map(async |seen| seen.row(backend, project_key, &folder).await);
        // A caller that wants one session only need not wait for the summaries of others.
        let mut rows = stream::iter(rows).buffered(backend.parallel().min(limit));
        let mut names = seen.iter().map(|seen| &seen.name);
        while let (Some(row), Some(name)) = (rows.try_next().await?, names.next()) {
            let Some(row) = row else {
                continue;
            };
            if page.items.len() == limit {
                page.next = last;
                return Ok(page);
            }
            page.items.push(row);
            last = Some(name.clone());
        }
    }
    Ok(page)
}

/// Where the listing after one that ended with that name begins. Its last session comes whole there, unless it fills a
/// listing by itself: then what is left of it is passed over.
fn cut(seen: &mut Vec<Seen>, end: &str) -> String {
    if let [.., before, _] = seen.as_slice() {
        let next = behind_folder(&before.name);
        seen.pop();
        return next;
    }
    if let [only] = seen.as_mut_slice() {
        only.is_whole = false;
    }
    match end.split_once('/') {
        Some((folder, _)) => behind_folder(folder),
        None => end.to_owned(),
    }
}

impl Seen {
    /// The sessions of a listing, in its order.
    fn all(folder: &str, objects: Vec<Listed>) -> Vec<Self> {
        let mut all: Vec<Self> = Vec::new();
        for object in objects {
            let Some((name, rest)) = object.name.split_once('/') else {
                continue;
            };
            if all.last().is_none_or(|last| last.name != name) {
                all.push(Self {
                    name: name.to_owned(),
                    last: None,
                    side: Side::default(),
                    is_whole: true,
                });
            }
            let name = rest.to_owned();
            if let Some(seen) = all.last_mut() {
                seen.take(folder, Listed { name, ..object });
            }
        }
        all
    }

    /// Takes in an object, named behind the session's folder.
    fn take(&mut self, project: &str, object: Listed) {
        match object.name.strip_prefix(SIDE) {
            Some(name) => {
                let folder = format!("{project}{}/{SIDE}", self.name);
                let name = name.to_owned();
                self.side.take(&folder, &Listed { name, ..object });
            }
            // Numbers are sorted. What has a folder in its name is another transcript's.
            None => self.last = Slot::from_listed(&object).or(self.last),
        }
    }

    async fn row(&self, backend: &Backend, project_key: &str, folder: &str) -> Result<Option<Session>> {
        let Some(session_id) = part(backend, folder, &self.name).await? else {
            return Ok(None);
        };
        let main = SessionKey::main(project_key, session_id);
        // Whether a mark's tombstone stands is to be looked at.
        if !self.is_whole || self.side.is_marked() {
            return session(backend, &main).await;
        }
        let Some(last) = self.last else {
            return Ok(None);
        };
        let Some(through) = self.side.summaries.last() else {
            return Ok(Some(row(&main, last, None)));
        };
        match summary(&Stream::new(backend, &main), *through).await? {
            Some(summary) => Ok(Some(row(&main, last, Some(summary)))),
            // Replaced just now by one that reaches further, or deleted.
            None => session(backend, &main).await,
        }
    }
}
