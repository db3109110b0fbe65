//! Where a stream is read from.

use std::sync::Arc;
use std::time::Duration;

use super::copies::{self, LogState, SpoolCopy};
use super::error::SessionStoreError;
use super::{Answer, SessionStore, WhileAway};
use crate::key::SessionKey;
use crate::mirror::DeliveryRecords;
use crate::session::StoredReader;
use crate::store::{Batch, LoadError, Position, Store, StoreError};

/// So long a destination may take for its first word where this machine holds everything itself.
const PATIENCE: Duration = Duration::from_secs(10);

/// A stream as it is to be read.
#[derive(Debug)]
pub(super) struct KnownStream {
    records: DeliveryRecords,
    pub(super) copies: Vec<SpoolCopy>,
    /// None where no destination is read.
    pub(super) log: Option<OpenLog>,
}

/// The log that is read, and what was read of it already.
#[derive(Debug)]
pub(super) struct OpenLog {
    pub(super) destination: String,
    pub(super) reader: StoredReader,
    pub(super) first: Option<Batch>,
    /// A delete is wanted there: nothing of it is shown.
    pub(super) is_hidden: bool,
}

/// What a destination says of a stream.
enum Asked {
    Knows(Box<OpenLog>),
    DoesNot,
    Fails(String),
}

impl SessionStore {
    /// Finds out where a stream is to be read from. An error where nobody can tell what it holds.
    pub(super) async fn know(&self, key: &SessionKey) -> Answer<KnownStream> {
        // In this order: what is delivered meanwhile is in the log by the time that this is read.
        let records = DeliveryRecords::open(&self.core.state)?;
        let copies = copies::of_stream(&self.core, &records, key)?;
        let lack = lack_of(&copies);
        let mut failing = Vec::new();
        let mut log = None;
        for (destination, store) in self.core.mirror.taking(key.project_key()) {
            match ask(&records, key, destination.clone(), store, lack.is_none()).await? {
                Asked::Knows(open) => {
                    log = Some(*open);
                    break;
                }
                Asked::DoesNot => {}
                Asked::Fails(why) => failing.push((destination, why)),
            }
        }
        let is_only_here = self.while_away == WhileAway::AnswerFromHere && copies.is_empty();
        if let Some(missing) = lack.filter(|_| log.is_none() && !failing.is_empty() && !is_only_here) {
            return Err(SessionStoreError::Away {
                what: key.to_string(),
                missing,
                destinations: failing,
            });
        }
        Ok(KnownStream { records, copies, log })
    }
}

impl KnownStream {
    /// The first line of a copy that counts, where the log begins with this tombstone, if it does.
    pub(super) fn first(&self, copy: &SpoolCopy, tombstone: Option<Position>) -> Answer<u64> {
        let Some(log) = &self.log else {
            return Ok(copy.first(None, LogState::Whole));
        };
        let state = match tombstone {
            _ if log.is_hidden => LogState::Deleted { is_known: true },
            Some(tombstone) => LogState::Deleted {
                is_known: self.records.has_met(&log.destination, copy.look.key(), tombstone)?,
            },
            None => LogState::Whole,
        };
        Ok(copy.first(Some(&log.destination), state))
    }
}

/// What is missing of a stream where only the spools are read; none where they hold all of it.
fn lack_of(copies: &[SpoolCopy]) -> Option<String> {
    let Some(oldest) = copies.first() else {
        return Some("no spool of this machine holds anything of it".to_owned());
    };
    let begun_elsewhere = || {
        let is_so = !oldest.is_begun_anew() && oldest.look.base().lines == 0 && oldest.follows_another();
        is_so.then(|| "its first row follows another that is not on this machine".to_owned())
    };
    let mut before = 0;
    let lack = copies.iter().find_map(|copy| {
        let lack = copy.lacks(before);
        before += copy.count();
        lack
    });
    lack.or_else(begun_elsewhere)
}

async fn ask(
    records: &DeliveryRecords,
    key: &SessionKey,
    destination: String,
    store: Result<Arc<dyn Store>, String>,
    is_here: bool,
) -> Answer<Asked> {
    let is_hidden = records.is_wanted_deleted(&destination, key)?;
    let store = match store {
        Ok(store) => store,
        Err(_) if is_hidden => return Ok(Asked::DoesNot),
        Err(why) => return Ok(Asked::Fails(why)),
    };
    let mut reader = StoredReader::new(store, key.clone(), None).ahead();
    let first = match is_hidden {
        true => Ok(None),
        false if is_here => {
            let first = tokio::time::timeout(PATIENCE, reader.next_at_once()).await;
            first.unwrap_or_else(|_elapsed| {
                Err(LoadError::Store {
                    key: key.clone(),
                    source: StoreError::Timeout(PATIENCE),
                })
            })
        }
        false => reader.next().await,
    };
    match first {
        Ok(None) if !is_hidden => Ok(Asked::DoesNot),
        Ok(first) => Ok(Asked::Knows(Box::new(OpenLog {
            destination,
            reader,
            first,
            is_hidden,
        }))),
        // What is damaged there is not away.
        Err(error) if error.damaged().is_some() => Err(error.into()),
        Err(error) => Ok(Asked::Fails(error.to_string())),
    }
}
