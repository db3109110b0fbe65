//! A store that breaks one rule of the contract, to prove that the suite notices.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use mirrorbox::key::SessionKey;
use mirrorbox::store::{
    Batch, Kind, MemoryStore, Page, Position, Store, StoreError, StoreInfo, StoredSession, Summary,
};

/// Which rule a store breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Breakage {
    /// Says that a conflict succeeded.
    AcceptsConflicts,
    /// Takes a batch that is stored already for a conflict.
    RefusesRetries,
    /// Looks whether a number is free, and then takes it.
    LooksBeforeItLeaps,
    /// Stores no summary.
    ForgetsSummaries,
    /// Stores no summary with a batch that it has already.
    ForgetsSummariesOfRetries,
    /// Stores the summary first, whatever becomes of the batch.
    StoresSummariesFirst,
    /// Lets any summary replace any other.
    LetsTheLastSummaryWin,
    /// Loses the last byte of long payloads.
    CutsLongPayloads,
    /// Ends every payload with LF.
    EndsLines,
    /// Takes no more than a mebibyte.
    RefusesLargePayloads,
    /// Writes writers in lower case.
    FoldsWriters,
    /// Takes a session `a:b` for the subpath `b` of `a`.
    JoinsKeys,
    /// Writes session ids in lower case.
    FoldsSessions,
    /// Gives every batch, however little was asked for.
    IgnoresLimits,
    /// Gives nothing where the first batch is larger than what was asked for.
    WaitsForRoom,
    /// Fails if a caller asks far beyond the end.
    FailsBeyondTheEnd,
    /// Gives no second page of batches that is longer than a hundred.
    LosesBatchesBehindTheHundredth,
    /// Sees no end where a tombstone is.
    OverlooksTombstones,
    /// Loads what a tombstone hides.
    ShowsWhatIsHidden,
    /// Takes a late batch before a tombstone.
    TakesLateBatches,
    /// Takes a tombstone only right behind the end.
    CountsTombstones,
    /// Takes nothing behind a tombstone.
    NeverRevives,
    /// Lists no second page of subpaths.
    DropsLaterPages,
    /// Lists one subpath too many a page.
    OverfillsPages,
    /// Lists subpaths below a tombstone.
    ListsTombstones,
    /// Lists a project twice.
    DoublesProjects,
    /// Lists one session twice.
    DoublesSessions,
    /// Counts time in seconds.
    CountsSeconds,
    /// Finds any session by the beginning of its id.
    FindsByPrefix,
    /// Brings back the summary from before a delete.
    KeepsSummaries,
    /// Deletes what lies below a subpath too.
    DeletesChildren,
    /// Takes a second delete for a conflict.
    RefusesSecondDeletes,
    /// Deletes although the number is taken.
    DeletesAnyway,
    /// Says that it can compact.
    BoastsOfCompaction,
    /// Lists and says that it cannot.
    HidesListing,
}

/// A store that keeps every rule but one.
#[derive(Debug)]
pub(crate) struct Broken {
    inner: MemoryStore,
    breakage: Breakage,
    seen: Mutex<Seen>,
}

/// What went through, for breakages that bring something back.
#[derive(Debug, Default)]
struct Seen {
    batches: BTreeMap<SessionKey, BTreeMap<u64, Batch>>,
    summaries: BTreeMap<SessionKey, Summary>,
}

impl Broken {
    pub(crate) fn new(breakage: Breakage) -> Self {
        Self {
            inner: MemoryStore::new(),
            breakage,
            seen: Mutex::default(),
        }
    }

    fn breaks(&self, breakage: Breakage) -> bool {
        self.breakage == breakage
    }

    fn seen<T>(&self, look: impl FnOnce(&mut Seen) -> T) -> T {
        look(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn key(&self, key: &SessionKey) -> SessionKey {
        let (project, session) = (key.project_key(), key.session_id());
        let main = |session: &str| SessionKey::main(project, session).unwrap();
        match (key.subpath(), session.split_once(':')) {
            (None, Some((session, subpath))) if self.breaks(Breakage::JoinsKeys) && !subpath.is_empty() => {
                main(session).with_subpath(subpath).unwrap()
            }
            (None, _) if self.breaks(Breakage::FoldsSessions) => main(&session.to_lowercase()),
            _ => key.clone(),
        }
    }

    fn batch(&self, batch: &Batch) -> Batch {
        let mut batch = batch.clone();
        match self.breakage {
            Breakage::CutsLongPayloads if batch.payload.len() > 1 << 20 => {
                batch.payload.truncate(batch.payload.len() - 1);
            }
            Breakage::EndsLines if batch.kind == Kind::Entries && !batch.payload.ends_with(b"\n") => {
                batch.payload = Bytes::from([&batch.payload[..], b"\n"].concat());
            }
            Breakage::FoldsWriters => batch.origin.writer = batch.origin.writer.to_lowercase(),
            _ => {}
        }
        batch
    }

    async fn first(&self, key: &SessionKey) -> Option<Batch> {
        self.inner.load(key, 0, 1).await.unwrap().into_iter().next()
    }

    async fn holds(&self, key: &SessionKey, batch: &Batch) -> bool {
        let stored = self.inner.load(key, batch.number - 1, 1).await.unwrap();
        stored.first().is_some_and(|stored| stored.digest == batch.digest)
    }

    /// The answer where a breakage gives one instead of storing.
    async fn refuses(&self, key: &SessionKey, batch: &Batch) -> Option<Result<(), StoreError>> {
        let end = self.inner.end(key).await.unwrap().map_or(0, |end| end.number);
        let first = self.first(key).await;
        let tombstone = first
            .filter(|first| first.kind == Kind::Tombstone)
            .map(|first| first.number);
        let is_tombstone = batch.kind == Kind::Tombstone;
        let conflict = match self.breakage {
            Breakage::RefusesRetries => self.holds(key, batch).await,
            Breakage::CountsTombstones => is_tombstone && batch.number > end + 1,
            Breakage::NeverRevives => !is_tombstone && tombstone.is_some_and(|number| number < batch.number),
            Breakage::RefusesLargePayloads if batch.payload.len() > 1 << 20 => {
                return Some(Err(StoreError::Rejected("too large".into())));
            }
            Breakage::TakesLateBatches if tombstone.is_some_and(|number| batch.number < number) => return Some(Ok(())),
            _ => false,
        };
        conflict.then_some(Err(StoreError::Conflict))
    }

    /// Which summary is passed on.
    async fn summary<'a>(&self, key: &SessionKey, batch: &Batch, summary: Option<&'a Summary>) -> Option<&'a Summary> {
        let forgets = match self.breakage {
            Breakage::ForgetsSummaries => true,
            Breakage::ForgetsSummariesOfRetries => self.holds(key, batch).await,
            _ => false,
        };
        summary.filter(|_| !forgets)
    }

    /// A session as it is shown.
    fn session(&self, project_key: &str, mut session: StoredSession) -> StoredSession {
        let key = SessionKey::main(project_key, &*session.session_id).unwrap();
        let seen = self.seen(|seen| seen.summaries.get(&key).cloned());
        match self.breakage {
            Breakage::CountsSeconds => session.modified /= 1_000,
            Breakage::StoresSummariesFirst => {
                let both = seen.into_iter().chain(session.summary);
                session.summary = both.max_by_key(|summary| summary.through);
            }
            Breakage::LetsTheLastSummaryWin => session.summary = seen,
            Breakage::KeepsSummaries => session.summary = session.summary.or(seen),
            _ => {}
        }
        session
    }

    async fn bury_children(&self, key: &SessionKey, prefix: &str, tombstone: &Batch) -> Result<(), StoreError> {
        let all = self
            .inner
            .list_subkeys(key.project_key(), key.session_id(), None, 1_000)
            .await?;
        for subpath in all.items.iter().filter(|subpath| subpath.starts_with(prefix)) {
            let child = SessionKey::main(key.project_key(), key.session_id()).unwrap();
            self.inner
                .delete(&child.with_subpath(subpath.as_str()).unwrap(), tombstone)
                .await?;
        }
        Ok(())
    }
}

#[async_trait]
impl Store for Broken {
    fn info(&self) -> StoreInfo {
        let mut info = self.inner.info();
        info.capabilities.compaction = self.breaks(Breakage::BoastsOfCompaction);
        info.capabilities.listing = !self.breaks(Breakage::HidesListing);
        info
    }

    async fn append(&self, key: &SessionKey, batch: &Batch, summary: Option<&Summary>) -> Result<(), StoreError> {
        let (key, batch) = (self.key(key), self.batch(batch));
        if let Some(answer) = self.refuses(&key, &batch).await {
            return answer;
        }
        let was_free = self.inner.end(&key).await?.is_none_or(|end| end.number < batch.number);
        if self.breaks(Breakage::LooksBeforeItLeaps) {
            tokio::task::yield_now().await;
        }
        let summary = self.summary(&key, &batch, summary).await;
        let appended = self.inner.append(&key, &batch, summary).await;
        let remembers = appended.is_ok() || self.breaks(Breakage::StoresSummariesFirst);
        self.seen(|seen| {
            if let Some(summary) = summary.filter(|_| remembers) {
                seen.summaries.insert(key.clone(), summary.clone());
            }
            if appended.is_ok() {
                seen.batches.entry(key).or_default().insert(batch.number, batch);
            }
        });
        match appended {
            Err(StoreError::Conflict) if self.breaks(Breakage::AcceptsConflicts) => Ok(()),
            Err(StoreError::Conflict) if self.breaks(Breakage::LooksBeforeItLeaps) && was_free => Ok(()),
            appended => appended,
        }
    }

    async fn load(&self, key: &SessionKey, after: u64, max_bytes: u32) -> Result<Vec<Batch>, StoreError> {
        let key = self.key(key);
        let max_bytes = if self.breaks(Breakage::IgnoresLimits) {
            u32::MAX
        } else {
            max_bytes
        };
        let mut page = self.inner.load(&key, after, max_bytes).await?;
        let end = self.inner.end(&key).await?.map_or(0, |end| end.number);
        match self.breakage {
            Breakage::ShowsWhatIsHidden => {
                let all = self.seen(|seen| seen.batches.get(&key).cloned().unwrap_or_default());
                page = all.into_values().filter(|batch| batch.number > after).collect();
            }
            Breakage::WaitsForRoom if page.first().is_some_and(|b| b.payload.len() > max_bytes as usize) => {
                page.clear()
            }
            Breakage::FailsBeyondTheEnd if after > end => return Err(StoreError::Other("no such batch".into())),
            Breakage::LosesBatchesBehindTheHundredth => page.retain(|batch| batch.number <= 100),
            _ => {}
        }
        Ok(page)
    }

    async fn end(&self, key: &SessionKey) -> Result<Option<Position>, StoreError> {
        let key = self.key(key);
        let end = self.inner.end(&key).await?;
        let alone = self.first(&key).await.filter(|first| first.kind == Kind::Tombstone);
        Ok(end
            .filter(|end| !self.breaks(Breakage::OverlooksTombstones) || alone.is_none_or(|a| a.number != end.number)))
    }

    async fn list_subkeys(
        &self,
        project_key: &str,
        session_id: &str,
        token: Option<&str>,
        limit: u32,
    ) -> Result<Page<String>, StoreError> {
        let more = u32::from(self.breaks(Breakage::OverfillsPages) && limit > 1 && limit < 100);
        let mut page = self
            .inner
            .list_subkeys(project_key, session_id, token, limit.saturating_add(more))
            .await?;
        match self.breakage {
            Breakage::DropsLaterPages => page.next = None,
            Breakage::ListsTombstones => self.seen(|seen| {
                let keys = seen.batches.keys();
                let keys = keys.filter(|key| key.project_key() == project_key && key.session_id() == session_id);
                page.items = keys.filter_map(|key| key.subpath().map(str::to_owned)).collect();
                page.next = None;
            }),
            _ => {}
        }
        Ok(page)
    }

    async fn list_projects(&self, token: Option<&str>, limit: u32) -> Result<Page<String>, StoreError> {
        let mut page = self.inner.list_projects(token, limit).await?;
        if self.breaks(Breakage::DoublesProjects) && limit > 100 {
            page.items.extend(page.items.clone());
        }
        Ok(page)
    }

    async fn list_sessions(
        &self,
        project_key: &str,
        token: Option<&str>,
        limit: u32,
    ) -> Result<Page<StoredSession>, StoreError> {
        let mut page = self.inner.list_sessions(project_key, token, limit).await?;
        if self.breaks(Breakage::DoublesSessions) && page.items.len() > 20 && (page.items.len() as u32) < limit {
            page.items.extend(page.items.first().cloned());
        }
        let items = page.items.into_iter().map(|session| self.session(project_key, session));
        page.items = items.collect();
        Ok(page)
    }

    async fn find_session(&self, project_key: &str, session_id: &str) -> Result<Option<StoredSession>, StoreError> {
        let mut found = self.inner.find_session(project_key, session_id).await?;
        if self.breaks(Breakage::FindsByPrefix) && found.is_none() {
            let all = self.inner.list_sessions(project_key, None, 1_000).await?.items;
            found = all
                .into_iter()
                .find(|session| session.session_id.starts_with(session_id));
        }
        Ok(found.map(|session| self.session(project_key, session)))
    }

    async fn delete(&self, key: &SessionKey, tombstone: &Batch) -> Result<(), StoreError> {
        let key = self.key(key);
        let taken = self
            .inner
            .end(&key)
            .await?
            .is_some_and(|end| end.number >= tombstone.number);
        if self.breaks(Breakage::RefusesSecondDeletes) && taken {
            return Err(StoreError::Conflict);
        }
        if self.breaks(Breakage::DeletesAnyway) && taken && !self.holds(&key, tombstone).await {
            let mut far = tombstone.clone();
            far.number += 1_000;
            self.inner.delete(&key, &far).await?;
            return Err(StoreError::Conflict);
        }
        if let Some(answer) = self.refuses(&key, tombstone).await {
            return answer;
        }
        if let Some(subpath) = key.subpath().filter(|_| self.breaks(Breakage::DeletesChildren)) {
            self.bury_children(&key, &format!("{subpath}/"), tombstone).await?;
        }
        self.inner.delete(&key, tombstone).await?;
        self.seen(|seen| {
            seen.batches
                .entry(key)
                .or_default()
                .insert(tombstone.number, tombstone.clone());
        });
        Ok(())
    }

    async fn compact(&self, key: &SessionKey, through: u64) -> Result<(), StoreError> {
        self.inner.compact(key, through).await
    }
}
