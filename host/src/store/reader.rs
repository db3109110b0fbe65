//! Reads a stored stream page by page and verifies numbers, digests and its end.

use std::collections::VecDeque;
use std::sync::Arc;

use self::ahead::Ahead;
use super::{Batch, Chain, Kind, Position, Store, StoreError};
use crate::key::SessionKey;

mod ahead;

/// How much payload one call asks for unless told otherwise: enough to keep a backend busy, little enough to stay flat.
const PAGE: u32 = 4 << 20;

/// Reads one stream, batch by batch, and lets nothing through that is not what was written.
///
/// A hole, a batch that was cut short, changed, swapped or brought from another stream, and (for a main transcript,
/// where the store lists sessions) an end that lies before what the session's summary saw: each is a [`LoadError`] that
/// names the range. A subpath that lost its very tail cannot be told without knowing where it ended.
///
/// Memory: one page, 4 MiB ([`Reader::in_pages`]) or the largest single batch; two with [`Reader::ahead`].
#[derive(Debug)]
pub struct Reader {
    store: Arc<dyn Store>,
    key: SessionKey,
    chain: Chain,
    page: VecDeque<Batch>,
    page_bytes: u32,
    end: End,
    is_ahead: bool,
    ahead: Option<Ahead>,
}

/// What is known of the end of the stream.
#[derive(Debug)]
enum End {
    /// Ahead; nobody asked yet how far it must reach.
    Unknown,
    /// Ahead, and at this number at least.
    AtLeast(u64),
    Reached,
}

/// Why a stream could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The store failed, or knows itself that something is damaged.
    #[error("cannot load {key}: {source}")]
    Store {
        /// Which stream.
        key: SessionKey,
        /// What the store said.
        source: StoreError,
    },
    /// Batches are missing.
    #[error(
        "{key}: batches {first} to {last} are missing; bring them back from a backup of the backend or restore from \
         another destination"
    )]
    Missing {
        /// Which stream.
        key: SessionKey,
        /// The first missing batch.
        first: u64,
        /// The last.
        last: u64,
    },
    /// A batch is not the one that was written at this place.
    #[error(
        "{key}: batch {number} is not what was written there: it was changed, cut short, swapped, or belongs to another \
         stream; bring it back from a backup of the backend or restore from another destination"
    )]
    Altered {
        /// Which stream.
        key: SessionKey,
        /// Its number.
        number: u64,
    },
    /// The store gave batches out of order.
    #[error("{key}: the adapter gave batch {found} after batch {after}, which the contract does not allow")]
    OutOfOrder {
        /// Which stream.
        key: SessionKey,
        /// The last batch in order.
        after: u64,
        /// The one that came then.
        found: u64,
    },
    /// The stream was deleted while it was read.
    #[error("{key} was deleted (tombstone {number}) while it was read")]
    Deleted {
        /// Which stream.
        key: SessionKey,
        /// The tombstone's number.
        number: u64,
    },
}

impl LoadError {
    /// Which stream.
    pub fn key(&self) -> &SessionKey {
        match self {
            Self::Store { key, .. }
            | Self::Missing { key, .. }
            | Self::Altered { key, .. }
            | Self::OutOfOrder { key, .. }
            | Self::Deleted { key, .. } => key,
        }
    }

    /// The damaged batches, first and last; none where nothing is known to be damaged.
    pub fn damaged(&self) -> Option<(u64, u64)> {
        match self {
            Self::Missing { first, last, .. }
            | Self::Store {
                source: StoreError::Corrupt { first, last, .. },
                ..
            } => Some((*first, *last)),
            Self::Altered { number, .. } => Some((*number, *number)),
            Self::Store { .. } | Self::OutOfOrder { .. } | Self::Deleted { .. } => None,
        }
    }

    /// Whether reading again may succeed.
    pub fn can_retry(&self) -> bool {
        match self {
            Self::Store { source, .. } => source.can_retry(),
            Self::Deleted { .. } => true,
            Self::Missing { .. } | Self::Altered { .. } | Self::OutOfOrder { .. } => false,
        }
    }
}

impl Reader {
    /// Reads a stream from its beginning, or from its newest tombstone.
    pub fn new(store: Arc<dyn Store>, key: SessionKey) -> Self {
        Self {
            chain: Chain::start(&key),
            store,
            key,
            page: VecDeque::new(),
            page_bytes: PAGE,
            end: End::Unknown,
            is_ahead: false,
            ahead: None,
        }
    }

    /// Reads on behind a batch that was verified before.
    pub fn after(store: Arc<dyn Store>, key: SessionKey, position: Position) -> Self {
        Self {
            chain: Chain::at(&key, position),
            ..Self::new(store, key)
        }
    }

    /// Asks for so many bytes at a time.
    pub fn in_pages(self, bytes: u32) -> Self {
        Self {
            page_bytes: bytes,
            ..self
        }
    }

    /// Has the store fetch each page while the one before is read. For a caller that reads to the end and makes
    /// no other call of the store in between; what is appended while the last page is read is not seen.
    pub fn ahead(self) -> Self {
        Self { is_ahead: true, ..self }
    }

    /// Where reading stands: the chain behind the last batch that [`Reader::next`] gave.
    pub fn chain(&self) -> &Chain {
        &self.chain
    }

    /// The next batch, verified; none at the end. A tombstone comes first or not at all.
    ///
    /// After an error the reader stays where it was: calling again asks the store again.
    pub async fn next(&mut self) -> Result<Option<Batch>, LoadError> {
        if self.page.is_empty() && !self.fill().await? {
            return Ok(None);
        }
        let Some(batch) = self.page.pop_front() else {
            return Ok(None);
        };
        if let Err(error) = self.verify(&batch) {
            self.page.clear();
            return Err(error);
        }
        self.chain.advance(&batch);
        Ok(Some(batch))
    }

    /// Fetches a page; false at the end.
    async fn fill(&mut self) -> Result<bool, LoadError> {
        let must_reach = match self.end {
            End::Reached => return Ok(false),
            End::AtLeast(number) => number,
            End::Unknown => {
                let number = self.seen_by_summary().await?;
                self.end = End::AtLeast(number);
                number
            }
        };
        let after = self.chain.number();
        let loaded = match self.ahead.take().filter(|ahead| ahead.after == after) {
            Some(ahead) => ahead.into_page().await,
            None => self.store.load(&self.key, after, self.page_bytes).await,
        };
        self.page = loaded.map_err(|source| self.failed(source))?.into();
        if let Some(last) = self.page.back().filter(|_| self.is_ahead) {
            self.ahead = Some(Ahead::of(&self.store, &self.key, last.number, self.page_bytes).await);
        }
        if !self.page.is_empty() {
            return Ok(true);
        }
        if after < must_reach {
            return Err(self.missing(after + 1, must_reach));
        }
        self.end = End::Reached;
        Ok(false)
    }

    /// How far the main transcript reached when its summary was written; 0 where nobody knows.
    async fn seen_by_summary(&self) -> Result<u64, LoadError> {
        if !self.key.is_main() || !self.store.info().capabilities.listing {
            return Ok(0);
        }
        let found = self
            .store
            .find_session(self.key.project_key(), self.key.session_id())
            .await;
        let session = found.map_err(|source| self.failed(source))?;
        Ok(session
            .and_then(|session| session.summary)
            .map_or(0, |summary| summary.through))
    }

    fn verify(&self, batch: &Batch) -> Result<(), LoadError> {
        let (after, found) = (self.chain.number(), batch.number);
        let tombstone = batch.kind == Kind::Tombstone;
        if found <= after {
            return Err(LoadError::OutOfOrder {
                key: self.key.clone(),
                after,
                found,
            });
        }
        // What a tombstone hides need not be there.
        if found != after + 1 && !tombstone {
            return Err(self.missing(after + 1, found - 1));
        }
        if !self.chain.follows(batch) {
            return Err(LoadError::Altered {
                key: self.key.clone(),
                number: found,
            });
        }
        if tombstone && after > 0 {
            return Err(LoadError::Deleted {
                key: self.key.clone(),
                number: found,
            });
        }
        Ok(())
    }

    fn failed(&self, source: StoreError) -> LoadError {
        LoadError::Store {
            key: self.key.clone(),
            source,
        }
    }

    fn missing(&self, first: u64, last: u64) -> LoadError {
        LoadError::Missing {
            key: self.key.clone(),
            first,
            last,
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::store::{BatchDraft, MemoryStore, Origin, Summary};

    fn key() -> SessionKey {
        SessionKey::main("project", "session").unwrap()
    }

    fn draft(line: u64) -> BatchDraft {
        BatchDraft {
            kind: Kind::Entries,
            origin: Origin {
                writer: "writer".into(),
                line,
            },
            payload: Bytes::from(format!("{{\"line\":{line}}}\n")),
        }
    }

    async fn filled(count: u64) -> (Arc<MemoryStore>, Chain) {
        let store = Arc::new(MemoryStore::new());
        let mut chain = Chain::start(&key());
        for line in 1..=count {
            let batch = chain.next(draft(line));
            store.append(&key(), &batch, None).await.unwrap();
        }
        (store, chain)
    }

    async fn read(store: &Arc<MemoryStore>) -> Result<Vec<u64>, LoadError> {
        let mut reader = Reader::new(store.clone(), key());
        let mut numbers = Vec::new();
        while let Some(batch) = reader.next().await? {
            numbers.push(batch.number);
        }
        Ok(numbers)
    }

    #[tokio::test]
    async fn reads_what_was_written_in_order() {
        let (store, _) = filled(5).await;
        assert_eq!(read(&store).await.unwrap(), [1, 2, 3, 4, 5]);
    }

    #[tokio::test]
    async fn a_missing_range_is_named() {
        let (store, _) = filled(6).await;
        store.tamper(&key(), |batches| drop(batches.drain(2..4)));
        let error = read(&store).await.unwrap_err();
        assert_eq!(error.damaged(), Some((3, 4)), "{error}");
    }

    #[tokio::test]
    async fn a_missing_beginning_is_named() {
        let (store, _) = filled(6).await;
        store.tamper(&key(), |batches| drop(batches.drain(..2)));
        assert_eq!(read(&store).await.unwrap_err().damaged(), Some((1, 2)));
    }

    #[tokio::test]
    async fn a_changed_payload_is_named() {
        let (store, _) = filled(3).await;
        store.tamper(&key(), |batches| batches[1].payload = Bytes::from_static(b"{}\n"));
        assert_eq!(read(&store).await.unwrap_err().damaged(), Some((2, 2)));
    }

    #[tokio::test]
    async fn two_swapped_batches_are_named() {
        let (store, _) = filled(3).await;
        store.tamper(&key(), |batches| {
            let (first, second) = (batches[0].payload.clone(), batches[1].payload.clone());
            batches[0].payload = second;
            batches[1].payload = first;
        });
        assert_eq!(read(&store).await.unwrap_err().damaged(), Some((1, 1)));
    }

    #[tokio::test]
    async fn a_stream_from_another_key_is_refused() {
        let (store, _) = filled(3).await;
        let other = SessionKey::main("project", "other").unwrap();
        let mut chain = Chain::start(&other);
        let foreign = chain.next(draft(1));
        store.append(&other, &foreign, None).await.unwrap();
        store.tamper(&key(), |batches| batches[0] = foreign);
        assert_eq!(read(&store).await.unwrap_err().damaged(), Some((1, 1)));
    }

    #[tokio::test]
    async fn an_end_before_the_summary_is_a_hole() {
        let (store, mut chain) = filled(3).await;
        let batch = chain.next(draft(4));
        let summary = Summary {
            through: 4,
            json: "{}".into(),
        };
        store.append(&key(), &batch, Some(&summary)).await.unwrap();
        store.tamper(&key(), |batches| batches.truncate(2));
        assert_eq!(read(&store).await.unwrap_err().damaged(), Some((3, 4)));
    }

    #[tokio::test]
    async fn after_a_delete_reading_starts_at_the_tombstone() {
        let (store, mut chain) = filled(3).await;
        let tombstone = chain.next(BatchDraft {
            kind: Kind::Tombstone,
            payload: Bytes::new(),
            ..draft(4)
        });
        store.delete(&key(), &tombstone).await.unwrap();
        let later = chain.next(draft(5));
        store.append(&key(), &later, None).await.unwrap();
        assert_eq!(read(&store).await.unwrap(), [4, 5]);
    }

    #[tokio::test]
    async fn a_delete_while_reading_is_told() {
        let (store, mut chain) = filled(3).await;
        let mut reader = Reader::new(store.clone(), key());
        reader.next().await.unwrap();
        reader.page.clear();
        let tombstone = chain.next(BatchDraft {
            kind: Kind::Tombstone,
            payload: Bytes::new(),
            ..draft(4)
        });
        store.delete(&key(), &tombstone).await.unwrap();
        let error = reader.next().await.unwrap_err();
        assert_eq!(error, LoadError::Deleted { key: key(), number: 4 });
    }

    #[tokio::test]
    async fn each_page_is_fetched_while_the_one_before_is_read() {
        let (store, mut chain) = filled(3).await;
        let mut reader = Reader::new(store.clone(), key()).in_pages(1).ahead();
        for number in 1..=2 {
            assert_eq!(reader.next().await.unwrap().unwrap().number, number);
        }
        // It has the third already, and not what came behind it.
        store.tamper(&key(), |batches| batches[2].payload = Bytes::from_static(b"{}\n"));
        assert_eq!(reader.next().await.unwrap().unwrap().number, 3);
        store.append(&key(), &chain.next(draft(4)), None).await.unwrap();
        assert_eq!(reader.next().await.unwrap(), None);
    }

    #[tokio::test]
    async fn an_error_of_a_page_fetched_ahead_comes_in_its_turn_and_is_not_kept() {
        let (store, _) = filled(6).await;
        let mut reader = Reader::new(store.clone(), key()).in_pages(1).ahead();
        let removed = Arc::new(std::sync::Mutex::new(Vec::new()));
        store.tamper(&key(), |batches| {
            *removed.lock().unwrap() = batches.drain(1..3).collect()
        });
        assert_eq!(reader.next().await.unwrap().unwrap().number, 1);
        assert_eq!(reader.next().await.unwrap_err().damaged(), Some((2, 3)));
        store.tamper(&key(), |batches| {
            drop(batches.splice(1..1, removed.lock().unwrap().drain(..)))
        });
        let mut numbers = Vec::new();
        while let Some(batch) = reader.next().await.unwrap() {
            numbers.push(batch.number);
        }
        assert_eq!(numbers, [2, 3, 4, 5, 6]);
    }

    #[tokio::test]
    async fn reading_on_behind_a_position_gives_the_rest() {
        let (store, _) = filled(4).await;
        let mut first = Reader::new(store.clone(), key());
        first.next().await.unwrap();
        let position = first.chain().position().unwrap();
        let mut rest = Reader::after(store, key(), position);
        assert_eq!(rest.next().await.unwrap().unwrap().number, 2);
    }
}
