//! One transcript: its batches, its tombstones.

use bytes::Bytes;
use futures_util::future::try_join_all;
use mirrorbox_adapter::{Batch, Error, Kind, Piece, Position, Result, SessionKey, Summary};

use crate::backend::Backend;
use crate::batch_object::Header;
use crate::bucket::Bucket;
use crate::layout::{self, Beside};
use crate::listed::{Side, View};

/// How often something is looked at again because it changed meanwhile.
pub(crate) const LOOKS: usize = 20;

/// The folder of one transcript.
#[derive(Debug)]
pub(crate) struct Stream<'a> {
    pub(crate) backend: &'a Backend,
    pub(crate) bucket: &'a Bucket,
    pub(crate) key: &'a SessionKey,
    /// Ends in `/`.
    pub(crate) folder: String,
}

/// What an attempt to create a batch came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CreateOutcome {
    Created,
    /// It holds this very batch.
    Ours,
    /// It holds another batch.
    Taken,
}

impl<'a> Stream<'a> {
    pub(crate) fn new(backend: &'a Backend, key: &'a SessionKey) -> Self {
        Self {
            backend,
            bucket: &backend.bucket,
            key,
            folder: layout::stream(backend.prefix(), key),
        }
    }
}

impl Stream<'_> {
    /// Stores a batch and its summary.
    pub(crate) async fn append(&self, batch: Batch, summary: Option<Summary>) -> Result<()> {
        self.write_notes().await?;
        let position = batch.position();
        if batch.kind == Kind::Tombstone {
            let mark = self.beside(&Beside::Tombstone(position.number));
            self.bucket.put(&mark, Bytes::new()).await?;
        }
        let outcome = self.create(batch).await?;
        let through = summary.as_ref().map(|summary| summary.through);
        if let Some(summary) = summary
            && outcome != CreateOutcome::Taken
        {
            let object = self.beside(&Beside::Summary(summary.through));
            self.bucket.put(&object, summary.json).await?;
        }
        let side = self.side(View::From(position.number), position.number).await?;
        if self.stands(outcome, &position, &side).await? {
            self.backend.saw(&self.folder, position.number);
            return self.tidy_summaries(&side).await;
        }
        self.take_back(outcome, &position, through).await?;
        Err(Error::Conflict)
    }

    /// Looks, after a batch took its slot, whether that counts: the slot may have been free only because a delete or a
    /// compaction had emptied it.
    async fn stands(&self, outcome: CreateOutcome, position: &Position, side: &Side) -> Result<bool> {
        if side.tombstone > position.number {
            return Ok(false);
        }
        let Some(cover) = side.cover_of(position.number) else {
            return Ok(outcome != CreateOutcome::Taken);
        };
        match cover.open(self.bucket, self.key).await? {
            Some(cover) => Ok(cover.has(position.number, &position.digest)),
            None => Err(self.restless()),
        }
    }

    /// Removes what a batch that does not count left behind: its object, and the summary that was stored with it, which
    /// a listing would believe.
    async fn take_back(&self, outcome: CreateOutcome, position: &Position, summary: Option<u64>) -> Result<()> {
        let mut left = Vec::new();
        if outcome == CreateOutcome::Created {
            left.push(self.slot(position.number));
        }
        if let Some(through) = summary.filter(|_| outcome != CreateOutcome::Taken) {
            left.push(self.beside(&Beside::Summary(through)));
        }
        self.bucket.tidy(&left).await
    }

    async fn create(&self, batch: Batch) -> Result<CreateOutcome> {
        let (number, digest) = (batch.number, batch.digest.clone());
        let metadata = Header::of(&batch).to_metadata()?;
        let (slot, payload) = (self.slot(number), Bytes::from(batch.payload));
        for _ in 0..LOOKS {
            if self.bucket.create(&slot, metadata.clone(), payload.clone()).await? {
                return Ok(CreateOutcome::Created);
            }
            match self.header(number).await? {
                Some(header) if header.digest == digest => return Ok(CreateOutcome::Ours),
                Some(_) => return Ok(CreateOutcome::Taken),
                // Removed just now.
                None => {}
            }
        }
        Err(self.restless())
    }

    /// What stands in a slot.
    pub(crate) async fn header(&self, number: u64) -> Result<Option<Header>> {
        let slot = self.slot(number);
        let object = self.bucket.head(&slot).await?;
        let header = object.map(|object| Header::from_object(&self.bucket.url(&slot), number, &object));
        header.transpose()
    }

    /// A batch with its payload; `None` if it is missing.
    pub(crate) async fn read(&self, number: u64) -> Result<Option<Batch>> {
        let slot = self.slot(number);
        let Some((object, payload)) = self.bucket.get(&slot, None).await? else {
            return Ok(None);
        };
        let header = Header::from_object(&self.bucket.url(&slot), number, &object)?;
        Ok(Some(header.into_batch(payload)))
    }

    /// The last batch.
    pub(crate) async fn end(&self) -> Result<Option<Position>> {
        for _ in 0..LOOKS {
            let Some(last) = self.last_slot().await? else {
                return Ok(None);
            };
            if let Some(header) = self.header(last.number).await? {
                return Ok(Some(Position {
                    number: header.number,
                    digest: header.digest,
                }));
            }
        }
        Err(self.restless())
    }

    /// Removes everything that a tombstone which stands hides, or as much as fits into a piece.
    pub(crate) async fn remove_before(&self, tombstone: u64, piece: &Piece) -> Result<()> {
        self.remove_beside(tombstone, piece).await?;
        let mut after = 0;
        loop {
            let slots = self.slots_after(after).await?;
            let hidden: Vec<_> = slots
                .all
                .iter()
                .map(|slot| slot.number)
                .filter(|number| *number < tombstone)
                .collect();
            let keys: Vec<_> = hidden.iter().map(|number| self.slot(*number)).collect();
            self.bucket.remove(&keys).await?;
            match slots.all.last() {
                Some(last) if slots.more && last.number < tombstone => after = last.number,
                _ => return Ok(()),
            }
            if piece.is_over() {
                return Err(Piece::more());
            }
        }
    }

    /// Notes what hashed folders stand for.
    async fn write_notes(&self) -> Result<()> {
        let notes = layout::hashed(self.backend.prefix(), self.key);
        let notes = notes.into_iter().map(|hashed| async move {
            let note = layout::note(&hashed.folder);
            self.bucket.put(&note, hashed.part.to_owned()).await
        });
        try_join_all(notes).await.map(drop)
    }

    pub(crate) fn slot(&self, number: u64) -> String {
        format!("{}{}", self.folder, layout::batch(number))
    }

    pub(crate) fn beside(&self, beside: &Beside) -> String {
        format!("{}{}", self.folder, beside.name())
    }

    pub(crate) fn url(&self) -> String {
        self.bucket.url(&self.folder)
    }

    pub(crate) fn restless(&self) -> Error {
        Error::Unavailable(format!("{} changes faster than it can be read", self.url()))
    }
}
