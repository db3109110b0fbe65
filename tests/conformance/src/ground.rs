use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use fastrand::Rng;
use mirrorbox::key::SessionKey;
use mirrorbox::store::{BatchDraft, Chain, Kind, Origin, Store};

use crate::expect::Broken;

/// Where one check happens: two handles on one backend, and a project key that nobody used before.
pub(crate) struct Ground {
    pub(crate) ours: Arc<dyn Store>,
    pub(crate) theirs: Arc<dyn Store>,
    pub(crate) project: String,
    long: bool,
    seed: u64,
    /// What was written to, to be deleted.
    used: Mutex<BTreeSet<SessionKey>>,
}

impl Ground {
    pub(crate) fn new([ours, theirs]: &[Arc<dyn Store>; 2], long: bool, seed: u64, check: &str) -> Self {
        let mut hasher = DefaultHasher::new();
        (seed, check).hash(&mut hasher);
        Self {
            ours: ours.clone(),
            theirs: theirs.clone(),
            // Not from the seed: a second run with it would meet the tombstones of the first.
            project: format!("mirrorbox-check-{:032x}", fastrand::u128(..)),
            long,
            seed: hasher.finish(),
            used: Mutex::default(),
        }
    }

    /// The same numbers again for the same seed.
    pub(crate) fn random(&self) -> Rng {
        Rng::with_seed(self.seed)
    }

    /// How many, in the short form and in the long one.
    pub(crate) fn amount(&self, short: usize, long: usize) -> usize {
        if self.long { long } else { short }
    }

    /// A main transcript of this check's project.
    pub(crate) fn main(&self, session: &str) -> Result<SessionKey, Broken> {
        self.key(&self.project, session, None)
    }

    /// A subpath of a session of this check's project.
    pub(crate) fn sub(&self, session: &str, subpath: &str) -> Result<SessionKey, Broken> {
        self.key(&self.project, session, Some(subpath))
    }

    /// A key of a project whose name must begin with this check's.
    pub(crate) fn key(&self, project: &str, session: &str, subpath: Option<&str>) -> Result<SessionKey, Broken> {
        let main = SessionKey::main(project, session)?;
        let key = subpath.map_or_else(|| Ok(main.clone()), |subpath| main.with_subpath(subpath))?;
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.insert(key.clone());
        Ok(key)
    }

    /// Deletes what was written. What cannot be deleted stays: the check has said its word already.
    pub(crate) async fn clear(&self) {
        if !self.ours.info().capabilities.deletion {
            return;
        }
        let used = std::mem::take(&mut *self.used.lock().unwrap_or_else(PoisonError::into_inner));
        for key in used {
            let Ok(Some(end)) = self.ours.end(&key).await else {
                continue;
            };
            let tombstone = Chain::at(&key, end).number_draft(tombstone());
            if let Err(error) = self.ours.delete(&key, &tombstone).await {
                tracing::debug!(%key, "not cleared: {error}");
            }
        }
    }
}

/// Lines from a writer, or whatever else the payload may be.
pub(crate) fn entries(writer: &str, line: u64, payload: impl Into<Bytes>) -> BatchDraft {
    BatchDraft {
        kind: Kind::Entries,
        origin: Origin {
            writer: writer.into(),
            line,
        },
        payload: payload.into(),
    }
}

/// A batch of that kind without a payload.
pub(crate) fn empty(kind: Kind) -> BatchDraft {
    BatchDraft {
        kind,
        ..entries("check", 1, Bytes::new())
    }
}

pub(crate) fn tombstone() -> BatchDraft {
    empty(Kind::Tombstone)
}
