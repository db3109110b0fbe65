//! What is stored: pages sorted by folder name; a token is the last name of the page before.

use std::io::ErrorKind;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use mirrorbox_adapter::encoding::{decode_file_name, encode_file_name, is_hashed};
use mirrorbox_adapter::{Error, Page, Result, Session, SessionKey, log};

use crate::ahead::{Ahead, Names};
use crate::disk;
use crate::layout::{self, Layout};
use crate::stream::Stream;

/// The projects that have sessions.
pub(crate) fn projects(layout: &Layout, ahead: &Ahead, token: Option<&str>, limit: u32) -> Result<Page<String>> {
    page(ahead.names(layout.root(), token)?, ahead, limit, |project_key| {
        // Not what is kept for the projects' next page.
        let any = sessions(layout, &Ahead::default(), &project_key, None, 1)?.items.pop();
        Ok(any.map(|_| project_key))
    })
}

/// The sessions of a project whose main transcript holds more than a tombstone.
pub(crate) fn sessions(
    layout: &Layout,
    ahead: &Ahead,
    project_key: &str,
    token: Option<&str>,
    limit: u32,
) -> Result<Page<Session>> {
    let names = ahead.names(&layout.project(project_key), token)?;
    page(names, ahead, limit, |session_id| {
        session(layout, &SessionKey::main(project_key, session_id))
    })
}

/// The other transcripts of a session that hold more than a tombstone.
pub(crate) fn subpaths(
    layout: &Layout,
    ahead: &Ahead,
    main: &SessionKey,
    token: Option<&str>,
    limit: u32,
) -> Result<Page<String>> {
    let names = ahead.names(&layout.subpaths(main), token)?;
    page(names, ahead, limit, |subpath| {
        let key = main.with_subpath(subpath);
        let stream = Stream::new(layout, &key);
        let last = stream.numbers()?.last().copied();
        let shown = last > Some(newest_tombstone(&stream)?);
        Ok(key.subpath.filter(|_| shown))
    })
}

/// One session; none if its main transcript holds nothing but a tombstone.
pub(crate) fn session(layout: &Layout, main: &SessionKey) -> Result<Option<Session>> {
    let stream = Stream::new(layout, main);
    let summary = stream.summary()?;
    let Some(last) = last(&stream, summary.as_ref().map_or(0, |summary| summary.through))? else {
        return Ok(None);
    };
    // Last of all: a tombstone that was taken for the last batch is found.
    let tombstone = newest_tombstone(&stream)?;
    let session = Session {
        session_id: main.session_id.clone(),
        modified: last.modified,
        last: last.number,
        summary: summary.filter(|summary| summary.through > tombstone),
    };
    Ok((last.number > tombstone).then_some(session))
}

/// `load` reports a damaged tombstone; here it must not hide all other sessions.
fn newest_tombstone(stream: &Stream<'_>) -> Result<u64> {
    match stream.newest_tombstone() {
        Err(Error::Corrupt { reason, .. }) => {
            log::warn("listing", reason);
            Ok(0)
        }
        number => number,
    }
}

struct Last {
    number: u64,
    modified: u64,
}

/// The last batch. Most often the summary reaches it, and no folder need be listed.
fn last(stream: &Stream<'_>, reached: u64) -> Result<Option<Last>> {
    if reached > 0
        && let Some(last) = batch(stream, reached)?
        && batch(stream, reached.saturating_add(1))?.is_none()
    {
        return Ok(Some(last));
    }
    match stream.numbers()?.last() {
        Some(number) => batch(stream, *number),
        None => Ok(None),
    }
}

fn batch(stream: &Stream<'_>, number: u64) -> Result<Option<Last>> {
    let path = stream.slot(number);
    match disk::modified(&path) {
        Ok(modified) => Ok(Some(Last {
            number,
            modified: unix_ms(modified),
        })),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(disk::failed("look at", &path, error)),
    }
}

fn unix_ms(time: SystemTime) -> u64 {
    let since_epoch = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX)
}

/// Cuts one page out of the parts of a key that a folder holds; `item` says what stands for a part, if anything does.
fn page<T>(
    mut names: Names,
    ahead: &Ahead,
    limit: u32,
    mut item: impl FnMut(String) -> Result<Option<T>>,
) -> Result<Page<T>> {
    let limit = limit.max(1) as usize;
    let mut page = Page::default();
    let mut last: Option<String> = None;
    while let Some(name) = names.next()? {
        let Some(part) = part(names.dir(), &name)? else {
            continue;
        };
        let Some(item) = item(part)? else {
            continue;
        };
        if page.items.len() == limit
            && let Some(token) = last
        {
            names.put_back(name);
            ahead.keep(&token, names);
            page.next = Some(token);
            break;
        }
        page.items.push(item);
        last = Some(name);
    }
    Ok(page)
}

/// The part of a key that a folder stands for; none if it is not one of ours.
fn part(dir: &Path, name: &str) -> Result<Option<String>> {
    if !is_hashed(name) {
        return Ok(decode_file_name(name));
    }
    let path = layout::full_name(&dir.join(name));
    match disk::read(&path) {
        Ok(part) if encode_file_name(&part) == name => Ok(Some(part)),
        Err(error) if error.kind() != ErrorKind::NotFound && error.kind() != ErrorKind::InvalidData => {
            Err(disk::failed("read", &path, error))
        }
        _ => {
            log::warn(
                "listing",
                format_args!("{} does not hold the folder's full name", path.display()),
            );
            Ok(None)
        }
    }
}
