//! A stream that a check appends to, and what the adapter must hold of it.

use bytes::Bytes;
use mirrorbox::key::SessionKey;
use mirrorbox::store::{Batch, BatchDraft, Chain, Kind, Position, Store, Summary};

use crate::expect::{self, Broken, Verdict, works};
use crate::ground::{Ground, empty, entries, tombstone};

/// A stream, and what it must hold.
pub(crate) struct Log<'a> {
    ground: &'a Ground,
    pub(crate) key: SessionKey,
    chain: Chain,
    /// What `load` must give from its beginning.
    pub(crate) batches: Vec<Batch>,
}

impl<'a> Log<'a> {
    pub(crate) fn new(ground: &'a Ground, key: SessionKey) -> Self {
        Self {
            ground,
            chain: Chain::start(&key),
            key,
            batches: Vec::new(),
        }
    }

    /// A stream with batches 1 to `len`, each a line.
    pub(crate) async fn with(ground: &'a Ground, key: SessionKey, len: u64) -> Result<Self, Broken> {
        let mut log = Self::new(ground, key);
        for number in 1..=len {
            log.append(format!("{{\"line\":{number}}}\n")).await?;
        }
        Ok(log)
    }

    /// The next batch, which is not stored yet.
    pub(crate) fn next(&self, payload: impl Into<Bytes>) -> Batch {
        let line = self.chain.number() + 1;
        self.chain.number_draft(entries("check", line, payload))
    }

    pub(crate) fn next_claim(&self) -> Batch {
        self.chain.number_draft(empty(Kind::Claim))
    }

    pub(crate) fn next_tombstone(&self) -> Batch {
        self.chain.number_draft(tombstone())
    }

    /// A batch that claims number `number` with lines of its own: another writer's, that did not see ours.
    pub(crate) fn rival(&self, number: u64) -> Batch {
        self.numbered(number, entries("rival", 1, "{\"rival\":true}\n"))
    }

    /// A tombstone at number `number`, by another writer.
    pub(crate) fn rival_tombstone(&self, number: u64) -> Batch {
        let mut draft = tombstone();
        draft.origin.writer = "rival".into();
        self.numbered(number, draft)
    }

    /// Its digest differs from any other's, and need not chain: an adapter that stores it is at fault already.
    fn numbered(&self, number: u64, draft: BatchDraft) -> Batch {
        let before = Position {
            number: number.saturating_sub(1),
            digest: self.next("rival").digest,
        };
        Chain::at(&self.key, before).number_draft(draft)
    }

    pub(crate) async fn append(&mut self, payload: impl Into<Bytes>) -> Verdict {
        let batch = self.next(payload);
        self.store(batch, None).await
    }

    /// Appends with a summary that reaches to the batch.
    pub(crate) async fn append_with_summary(&mut self, json: &str) -> Verdict {
        let batch = self.next("{}\n");
        let summary = summary(batch.number, json);
        self.store(batch, Some(&summary)).await
    }

    pub(crate) async fn store(&mut self, batch: Batch, summary: Option<&Summary>) -> Verdict {
        let appended = self.ground.ours.append(&self.key, &batch, summary).await;
        works(appended, format_args!("append of batch {}", batch.number))?;
        self.note(batch);
        Ok(())
    }

    /// Deletes the stream; what is left is the tombstone.
    pub(crate) async fn delete(&mut self) -> Result<Batch, Broken> {
        let tombstone = self.next_tombstone();
        let deleted = self.ground.ours.delete(&self.key, &tombstone).await;
        works(deleted, format_args!("delete with tombstone {}", tombstone.number))?;
        self.batches.clear();
        self.note(tombstone.clone());
        Ok(tombstone)
    }

    /// Takes a batch for stored.
    pub(crate) fn note(&mut self, batch: Batch) {
        self.chain.advance(&batch);
        self.batches.push(batch);
    }

    /// That both handles load what the stream must hold, and nothing else, and see its end there.
    pub(crate) async fn holds(&self, what: &str) -> Verdict {
        for store in [&self.ground.ours, &self.ground.theirs] {
            self.is_held_by(&**store, what).await?;
        }
        Ok(())
    }

    /// That a store loads just what the stream must hold, and sees its end there.
    pub(crate) async fn is_held_by(&self, store: &dyn Store, what: &str) -> Verdict {
        let found = expect::all_after(store, &self.key, 0).await?;
        expect::same(what, &found, &self.batches)?;
        self.ends(store, what).await
    }

    async fn ends(&self, store: &dyn Store, what: &str) -> Verdict {
        let end = works(store.end(&self.key).await, "end")?;
        let wanted = self.batches.last().map(Batch::position);
        expect::equal(format_args!("{what}: the end"), end, wanted)
    }
}

pub(crate) fn summary(through: u64, json: &str) -> Summary {
    Summary {
        through,
        json: json.into(),
    }
}
