//! What is stored: pages sorted by folder name; a token is the last folder's name of the page before.

use futures_util::stream::{self, StreamExt, TryStreamExt};
use mirrorbox_adapter::encoding::is_hashed;
use mirrorbox_adapter::{Error, Page, Result, Session, SessionKey, Summary, log};

use crate::backend::Backend;
use crate::bucket::behind_folder;
use crate::layout::{self, BEHIND_NUMBERS, Beside};
use crate::listed::{Side, Slot, View};
use crate::stream::{LOOKS, Stream};

mod together;

/// The host gives a summary with every sixteenth batch at least; most often one is that near to the end. Where those
/// that were replaced cannot be removed, there is one for each.
const SUMMARY_IS_NEAR: u64 = 500;

/// The projects that have sessions.
pub(crate) async fn projects(backend: &Backend, token: Option<&str>, limit: u32) -> Result<Page<String>> {
    page(backend, backend.prefix(), token, limit, async |project_key| {
        let any = sessions(backend, &project_key, None, 1).await?.items.pop();
        Ok(any.map(|_| project_key))
    })
    .await
}

/// The sessions of a project whose main transcript holds more than a tombstone.
pub(crate) async fn sessions(
    backend: &Backend,
    project_key: &str,
    token: Option<&str>,
    limit: u32,
) -> Result<Page<Session>> {
    if !backend.bucket.options().directory {
        return together::sessions(backend, project_key, token, limit).await;
    }
    // Such a bucket would show the whole project at once.
    let folder = layout::project(backend.prefix(), project_key);
    page(backend, &folder, token, limit, async |session_id| {
        session(backend, &SessionKey::main(project_key, session_id)).await
    })
    .await
}

/// The other transcripts of a session that hold more than a tombstone.
pub(crate) async fn subpaths(
    backend: &Backend,
    main: &SessionKey,
    token: Option<&str>,
    limit: u32,
) -> Result<Page<String>> {
    let folder = layout::session(backend.prefix(), main);
    page(backend, &folder, token, limit, async |subpath| {
        let key = main.with_subpath(&subpath);
        let stream = Stream::new(backend, &key);
        let Some(last) = stream.last_slot().await? else {
            return Ok(None);
        };
        let before = last.number.saturating_sub(1);
        let is_deleted = side(&stream, View::Tombstones, before).await?.tombstone > before;
        Ok((!is_deleted).then_some(subpath))
    })
    .await
}

/// One session; none if its main transcript holds nothing but a tombstone.
pub(crate) async fn session(backend: &Backend, main: &SessionKey) -> Result<Option<Session>> {
    let stream = Stream::new(backend, main);
    for _ in 0..LOOKS {
        let Some(last) = stream.last_slot().await? else {
            return Ok(None);
        };
        // After the last batch: if that is a tombstone, it is found.
        let near = last.number.saturating_sub(SUMMARY_IS_NEAR);
        let mut side = side(&stream, View::Summaries(near), 0).await?;
        if last.number <= side.tombstone {
            return Ok(None);
        }
        if side.summaries.is_empty() && near > side.tombstone {
            side.summaries = stream.list_side(View::Summaries(side.tombstone), 0).await?.summaries;
        }
        let through = side
            .summaries
            .last()
            .copied()
            .filter(|through| *through > side.tombstone);
        let summary = match through {
            None => None,
            Some(through) => match summary(&stream, through).await? {
                Some(summary) => Some(summary),
                // Replaced just now by one that reaches further, or deleted.
                None => continue,
            },
        };
        return Ok(Some(row(main, last, summary)));
    }
    Err(stream.restless())
}

fn row(main: &SessionKey, last: Slot, summary: Option<Summary>) -> Session {
    Session {
        session_id: main.session_id.clone(),
        modified: u64::try_from(last.modified).unwrap_or_default(),
        last: last.number,
        summary,
    }
}

/// A load of the transcript reports a damaged tombstone; it must not hide all other sessions.
async fn side(stream: &Stream<'_>, view: View, beyond: u64) -> Result<Side> {
    match stream.side(view, beyond).await {
        Err(Error::Corrupt { reason, .. }) => {
            log::warn("listing", reason);
            stream.list_side(view, beyond).await
        }
        side => side,
    }
}

async fn summary(stream: &Stream<'_>, through: u64) -> Result<Option<Summary>> {
    let key = stream.beside(&Beside::Summary(through));
    let object = stream.bucket.get(&key, None).await?;
    let json = object.map(|(_, bytes)| String::from_utf8(bytes)).transpose();
    let json = json.unwrap_or_else(|_| {
        let url = stream.bucket.url(&key);
        log::warn("summary", format_args!("{url} is not text and was ignored"));
        Some(String::new())
    });
    Ok(json.map(|json| Summary { through, json }))
}

/// Cuts one page out of the parts of a key that a folder holds; `item` says what stands for a part, if anything does.
async fn page<T>(
    backend: &Backend,
    folder: &str,
    token: Option<&str>,
    limit: u32,
    item: impl AsyncFn(String) -> Result<Option<T>>,
) -> Result<Page<T>> {
    let limit = limit.max(1) as usize;
    let mut page = Page::default();
    let mut last = None;
    let mut next = Some(token.map(behind_folder).unwrap_or_default());
    while let Some(after) = next {
        let listing = backend.bucket.list(folder, &after).await?;
        next = listing.next.map(behind_numbers);
        let named = listing
            .folders
            .iter()
            .map(async |name| match part(backend, folder, name).await? {
                Some(part) => Ok((name, item(part).await?)),
                None => Ok((name, None)),
            });
        let mut named = stream::iter(named).buffered(backend.parallel());
        while let Some((name, item)) = named.try_next().await? {
            let Some(item) = item else {
                continue;
            };
            if page.items.len() == limit {
                page.next = last;
                return Ok(page);
            }
            page.items.push(item);
            last = Some(name.clone());
        }
    }
    Ok(page)
}

/// No folder has a name among the numbers.
fn behind_numbers(name: String) -> String {
    if layout::is_numeric(&name) {
        BEHIND_NUMBERS.to_owned()
    } else {
        name
    }
}

/// The part of a key that a folder stands for; none if it is not one of ours.
async fn part(backend: &Backend, parent: &str, folder: &str) -> Result<Option<String>> {
    let name = layout::without_escape(folder);
    if !is_hashed(name) {
        return Ok(layout::part_of(name));
    }
    let note = layout::note(&format!("{parent}{folder}/"));
    let Some((_, bytes)) = backend.bucket.get(&note, None).await? else {
        return Ok(None);
    };
    let part = String::from_utf8(bytes)
        .ok()
        .filter(|part| layout::part_name(part) == name);
    if part.is_none() {
        let url = backend.bucket.url(&note);
        log::warn("listing", format_args!("{url} does not hold the folder's full name"));
    }
    Ok(part)
}
