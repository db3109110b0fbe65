//! What `wasmtime` generates from `wit/adapter.wit`, and the way between it and the host's own types. It converts and
//! decides nothing.

use bytes::Bytes;
use std::time::Duration;

use crate::key::SessionKey;
use crate::store::{self, Batch, Kind, Origin, Page, Position, StoreError, StoreInfo, StoredSession};

mod generated {
    #![allow(missing_docs)]
    wasmtime::component::bindgen!({
        path: "wit",
        world: "mirrorbox:adapter/adapter",
        exports: { default: async },
        ownership: Borrowing { duplicate_if_necessary: true },
    });
}

pub(in crate::adapter) use generated::exports::mirrorbox::adapter::session_store as wit;
pub(in crate::adapter) use generated::{Adapter as Exports, AdapterPre as ExportsPre};

/// A key that lives as long as a call.
pub(in crate::adapter) fn key(key: &SessionKey) -> wit::SessionKey<'_> {
    wit::SessionKey {
        project_key: key.project_key(),
        session_id: key.session_id(),
        subpath: key.subpath(),
    }
}

/// A batch that lives as long as a call; `digest` is the text of its digest.
pub(in crate::adapter) fn batch<'a>(batch: &'a Batch, digest: &'a str) -> wit::BatchParam<'a> {
    wit::BatchParam {
        number: batch.number,
        kind: match batch.kind {
            Kind::Entries => wit::Kind::Entries,
            Kind::Claim => wit::Kind::Claim,
            Kind::Tombstone => wit::Kind::Tombstone,
        },
        writer: &batch.origin.writer,
        line: batch.origin.line,
        digest,
        payload: &batch.payload,
    }
}

/// A summary that lives as long as a call.
pub(in crate::adapter) fn summary(summary: &store::Summary) -> wit::SummaryParam<'_> {
    wit::SummaryParam {
        through: summary.through,
        json: &summary.json,
    }
}

/// A batch as an adapter gave it. One whose digest is no digest cannot be what was written.
pub(in crate::adapter) fn to_batch(batch: wit::BatchResult) -> Result<Batch, StoreError> {
    Ok(Batch {
        digest: digest(batch.number, &batch.digest)?,
        number: batch.number,
        kind: match batch.kind {
            wit::Kind::Entries => Kind::Entries,
            wit::Kind::Claim => Kind::Claim,
            wit::Kind::Tombstone => Kind::Tombstone,
        },
        origin: Origin {
            writer: batch.writer,
            line: batch.line,
        },
        payload: Bytes::from(batch.payload),
    })
}

/// A position as an adapter gave it.
pub(in crate::adapter) fn to_position(position: wit::Position) -> Result<Position, StoreError> {
    Ok(Position {
        digest: digest(position.number, &position.digest)?,
        number: position.number,
    })
}

fn digest(number: u64, text: &str) -> Result<store::Digest, StoreError> {
    text.parse().map_err(|error| StoreError::Corrupt {
        first: number,
        last: number,
        reason: format!("{error}"),
    })
}

/// What an adapter says of itself; its texts go through `translate`.
pub(in crate::adapter) fn to_info(info: wit::Info, translate: impl Fn(String) -> String) -> StoreInfo {
    StoreInfo {
        name: translate(info.name),
        version: translate(info.version),
        capabilities: store::Capabilities {
            listing: info.capabilities.contains(wit::Capabilities::LISTING),
            deletion: info.capabilities.contains(wit::Capabilities::DELETION),
            compaction: info.capabilities.contains(wit::Capabilities::COMPACTION),
        },
    }
}

/// A session as an adapter lists it.
pub(in crate::adapter) fn to_session(session: wit::Session) -> StoredSession {
    StoredSession {
        session_id: session.session_id,
        modified: session.modified,
        last: session.last,
        summary: session.summary.map(|summary| store::Summary {
            through: summary.through,
            json: summary.json,
        }),
    }
}

/// A page of subpaths.
pub(in crate::adapter) fn to_subkeys(page: wit::SubkeyPage) -> Page<String> {
    Page {
        items: page.subpaths,
        next: page.next,
    }
}

/// A page of project keys.
pub(in crate::adapter) fn to_projects(page: wit::ProjectPage) -> Page<String> {
    Page {
        items: page.project_keys,
        next: page.next,
    }
}

/// A page of sessions.
pub(in crate::adapter) fn to_sessions(page: wit::SessionPage) -> Page<StoredSession> {
    Page {
        items: page.sessions.into_iter().map(to_session).collect(),
        next: page.next,
    }
}

/// An error as an adapter said it; its text goes through `translate`.
pub(in crate::adapter) fn to_error(error: wit::Error, translate: impl Fn(String) -> String) -> StoreError {
    match error {
        wit::Error::Unavailable(text) => StoreError::Unavailable(translate(text)),
        wit::Error::Throttled(millis) => StoreError::Throttled(Duration::from_millis(millis.into())),
        wit::Error::Denied(text) => StoreError::Denied(translate(text)),
        wit::Error::Misconfigured(text) => StoreError::Misconfigured(translate(text)),
        wit::Error::Conflict => StoreError::Conflict,
        wit::Error::Rejected(text) => StoreError::Rejected(translate(text)),
        wit::Error::Corrupt(damage) => StoreError::Corrupt {
            first: damage.first,
            last: damage.last,
            reason: translate(damage.reason),
        },
        wit::Error::Unsupported => StoreError::Unsupported,
        wit::Error::Other(text) => StoreError::Other(translate(text)),
    }
}
