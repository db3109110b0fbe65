//! Deletes a session at one destination: a tombstone ends each of its streams, the main transcript's last.

use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;
use uuid::Uuid;

use super::catalog::subkeys;
use super::retry::{Retry, retrying};
use super::{Failure, SessionError, StreamError};
use crate::key::SessionKey;
use crate::store::{Batch, BatchDraft, Chain, Kind, Origin, Position, Removal, Store, StoreError};

/// How often another writer may be faster at one stream.
const TRIES: u32 = 10;

/// More than a day of pieces as long as the adapters' own: who answers so often that there is more removes nothing.
const PIECES: u32 = 10_000;

/// What a delete did.
#[derive(Debug, Serialize)]
pub struct DeleteReport {
    /// The session's project key.
    pub project: String,
    /// Its id.
    pub session: String,
    /// Streams that were deleted.
    pub deleted: u64,
    /// Streams that had been deleted before.
    pub already: u64,
    /// The streams that could not be deleted. The main transcript stays while there is one.
    pub failures: Vec<Failure>,
}

/// Deletes a session: every stream ends in a tombstone, the main transcript last, so that a delete that was interrupted
/// can be found and repeated.
pub async fn delete(store: Arc<dyn Store>, session: &SessionKey) -> Result<DeleteReport, SessionError> {
    let main = session.to_main();
    require_deletion(&*store)?;
    let subkeys = subkeys(&*store, &main).await?;
    let mut report = DeleteReport {
        project: main.project_key().to_owned(),
        session: main.session_id().to_owned(),
        deleted: 0,
        already: 0,
        failures: Vec::new(),
    };
    let is_known = end(&*store, &main)
        .await
        .map_err(SessionError::store("look for the session"))?;
    if is_known.is_none() && subkeys.is_empty() {
        return Err(SessionError::NotFound {
            id: main.session_id().to_owned(),
        });
    }
    for key in subkeys {
        report.add(&key, delete_stream(&*store, &key).await);
    }
    if report.failures.is_empty() {
        report.add(&main, delete_stream(&*store, &main).await);
    }
    Ok(report)
}

impl DeleteReport {
    fn add(&mut self, key: &SessionKey, deleted: Result<Deleted, StreamError>) {
        match deleted {
            Ok(Deleted::Now) => self.deleted += 1,
            Ok(Deleted::Before) => self.already += 1,
            Ok(Deleted::Never) => {}
            Err(error) => self.failures.push(Failure::new(key, error)),
        }
    }
}

enum Deleted {
    Now,
    Before,
    /// There was nothing.
    Never,
}

fn require_deletion(store: &dyn Store) -> Result<(), SessionError> {
    let info = store.info();
    if info.capabilities.deletion {
        Ok(())
    } else {
        Err(SessionError::Unsupported {
            store: info.name,
            doing: "delete",
        })
    }
}

async fn delete_stream(store: &dyn Store, key: &SessionKey) -> Result<Deleted, StreamError> {
    let writer = Uuid::new_v4().simple().to_string();
    let mut retry = Retry::with_tries(TRIES);
    loop {
        let Some(position) = end(store, key).await.map_err(StreamError::store("find the end"))? else {
            return Ok(Deleted::Never);
        };
        let before = tombstone_at(store, key, position).await?;
        let is_deleted = before.is_some();
        // Once more for one that is there: its removal may have been interrupted.
        let tombstone = before.unwrap_or_else(|| tombstone_behind(key, position, &writer));
        match remove(store, key, &tombstone).await {
            Ok(()) if is_deleted => return Ok(Deleted::Before),
            Ok(()) => return Ok(Deleted::Now),
            Err(StoreError::Conflict) if retry.pause(std::time::Duration::ZERO).await => {}
            Err(StoreError::Conflict) => return Err(StreamError::Contended { tries: TRIES }),
            Err(error) => return Err(StreamError::store("delete")(error)),
        }
    }
}

/// Makes the same call until nothing is left of what the tombstone hides.
async fn remove(store: &dyn Store, key: &SessionKey, tombstone: &Batch) -> Result<(), StoreError> {
    for piece in 0..PIECES {
        match retrying(async || Removal::of(store, key, tombstone).await).await? {
            Removal::Whole => return Ok(()),
            Removal::Piece if piece == 0 => tracing::info!(%key, "hidden from now on; what is stored of it is removed"),
            Removal::Piece => {}
        }
    }
    let reason = format!("after {PIECES} calls a delete of {key} is not done");
    Err(StoreError::Contract(reason))
}

pub(super) async fn end(store: &dyn Store, key: &SessionKey) -> Result<Option<Position>, StoreError> {
    retrying(async || store.end(key).await).await
}

/// The last batch, if it is a tombstone.
pub(super) async fn tombstone_at(
    store: &dyn Store,
    key: &SessionKey,
    last: Position,
) -> Result<Option<Batch>, StreamError> {
    let load = async || store.load(key, last.number.saturating_sub(1), 1).await;
    match retrying(load).await {
        Ok(batches) => Ok(batches
            .into_iter()
            .find(|batch| batch.kind == Kind::Tombstone && batch.position() == last)),
        // Damage is no reason to keep it.
        Err(StoreError::Corrupt { .. }) => Ok(None),
        Err(error) => Err(StreamError::store("read the end")(error)),
    }
}

fn tombstone_behind(key: &SessionKey, last: Position, writer: &str) -> Batch {
    Chain::at(key, last).number_draft(BatchDraft {
        kind: Kind::Tombstone,
        origin: Origin {
            writer: writer.to_owned(),
            line: 1,
        },
        payload: Bytes::new(),
    })
}

#[cfg(test)]
mod tests;
