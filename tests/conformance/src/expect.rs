//! What a rule asks for, and the words for what came instead.

use std::fmt;

use mirrorbox::key::{KeyError, SessionKey};
use mirrorbox::store::{Batch, Page, Store, StoreError};

/// How much payload is asked for where that makes no difference.
const PAGE: u32 = 4 << 20;

/// What a store did against the rule.
#[derive(Debug)]
pub(crate) struct Broken(String);

/// Whether the rule is kept.
pub(crate) type Verdict = Result<(), Broken>;

impl Broken {
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<KeyError> for Broken {
    fn from(error: KeyError) -> Self {
        Self(format!("the check itself made what is no key: {error}"))
    }
}

/// The value of a call that must succeed.
pub(crate) fn works<T>(result: Result<T, StoreError>, what: impl fmt::Display) -> Result<T, Broken> {
    result.map_err(|error| Broken(format!("{what} failed: {error}")))
}

pub(crate) fn conflicts<T>(result: Result<T, StoreError>, what: impl fmt::Display) -> Verdict {
    match result {
        Err(StoreError::Conflict) => Ok(()),
        Ok(_) => Err(Broken(format!("{what} succeeded and must be a conflict"))),
        Err(error) => Err(Broken(format!(
            "{what} must be a conflict and failed otherwise: {error}"
        ))),
    }
}

/// That something holds, else what does not.
pub(crate) fn that(holds: bool, otherwise: impl FnOnce() -> String) -> Verdict {
    if holds { Ok(()) } else { Err(Broken(otherwise())) }
}

pub(crate) fn equal<T: PartialEq + fmt::Debug>(what: impl fmt::Display, found: T, wanted: T) -> Verdict {
    that(found == wanted, || {
        format!("{what}: found {found:?}, and it must be {wanted:?}")
    })
}

/// Every batch of a stream after number `after`, page by page.
pub(crate) async fn all_after(store: &dyn Store, key: &SessionKey, after: u64) -> Result<Vec<Batch>, Broken> {
    let mut all = Vec::new();
    let mut after = after;
    loop {
        let page = works(store.load(key, after, PAGE).await, format_args!("load after {after}"))?;
        let Some(last) = page.last() else { return Ok(all) };
        // Else this would never end.
        that(last.number > after, || {
            format!("load after {after} gave batch {}", last.number)
        })?;
        after = last.number;
        all.extend(page);
    }
}

/// That two lists of batches are the same; else the first difference. Payloads are never shown.
pub(crate) fn same(what: impl fmt::Display, found: &[Batch], wanted: &[Batch]) -> Verdict {
    for (found, wanted) in found.iter().zip(wanted) {
        that(found.number == wanted.number, || {
            format!(
                "{what}: batch {} came where batch {} belongs",
                found.number, wanted.number
            )
        })?;
        let number = wanted.number;
        equal(
            format_args!("{what}: the kind of batch {number}"),
            found.kind,
            wanted.kind,
        )?;
        equal(
            format_args!("{what}: the origin of batch {number}"),
            &found.origin,
            &wanted.origin,
        )?;
        equal(
            format_args!("{what}: the digest of batch {number}"),
            found.digest,
            wanted.digest,
        )?;
        that(found.payload == wanted.payload, || {
            let (found, wanted) = (found.payload.len(), wanted.payload.len());
            format!("{what}: the payload of batch {number} has {found} bytes and differs from the {wanted} appended")
        })?;
    }
    that(found.len() == wanted.len(), || {
        format!("{what}: {} batches came, and there are {}", found.len(), wanted.len())
    })
}

/// That a listing holds these and no others, each once; in any order.
pub(crate) fn same_names(what: impl fmt::Display, mut found: Vec<String>, mut wanted: Vec<String>) -> Verdict {
    found.sort_unstable();
    wanted.sort_unstable();
    let missing = wanted.iter().find(|name| !found.contains(name));
    let foreign = found.iter().find(|name| !wanted.contains(name));
    that(missing.is_none(), || format!("{what}: {missing:?} is not listed"))?;
    that(foreign.is_none(), || {
        format!("{what}: {foreign:?} is listed and must not be")
    })?;
    let twice = found.iter().zip(found.iter().skip(1)).find(|(one, next)| one == next);
    that(twice.is_none(), || format!("{what}: {twice:?} is listed twice"))
}

/// Every item of a listing, page by page.
pub(crate) async fn all_pages<T>(
    what: &str,
    limit: u32,
    mut page: impl AsyncFnMut(Option<String>) -> Result<Page<T>, StoreError>,
) -> Result<Vec<T>, Broken> {
    let mut items = Vec::new();
    let mut token = None;
    loop {
        let next = works(page(token.clone()).await, format_args!("{what} with token {token:?}"))?;
        that(next.items.len() <= limit as usize, || {
            format!(
                "{what}: a page of {} items, although {limit} were asked for",
                next.items.len()
            )
        })?;
        items.extend(next.items);
        // A listing of its own has an end; a token that comes again would lead round in circles.
        that(next.next.is_none() || next.next != token, || {
            format!("{what}: the page of token {token:?} says that it is its own next one")
        })?;
        token = next.next;
        if token.is_none() {
            return Ok(items);
        }
    }
}
