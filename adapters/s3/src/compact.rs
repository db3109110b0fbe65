//! Compaction: covers are written in place of many small objects, and a later call removes what has long been covered.

use std::ops::RangeInclusive;
use std::time::Duration;

use futures_util::stream::{self, StreamExt, TryStreamExt};
use mirrorbox_adapter::{Piece, Result};

use crate::batch_object::Header;
use crate::cover;
use crate::layout::Beside;
use crate::listed::{Side, Slot, View};
use crate::shelf::KEPT_FOR;
use crate::stream::Stream;

/// What a cover holds at most: as much as fits twice into a guest's memory with room to spare.
const COVER_BYTES: u64 = 16 << 20;
const COVER_BATCHES: usize = 1000;
/// What was covered stays that long, for readers that listed it before.
const KEPT: Duration = Duration::from_secs(10 * 60);
const _: () = assert!(KEPT_FOR.as_secs() < KEPT.as_secs());
/// An index entry is about that long.
const INDEX_ENTRY: usize = 300;

impl Stream<'_> {
    /// Covers what can be covered up to that number, after removing what was covered long enough ago.
    pub(crate) async fn compact(&self, through: u64) -> Result<()> {
        // Else each batch would be there twice for good.
        if !self.bucket.may_remove().await? {
            return Ok(());
        }
        let tombstone = self.tombstone_beyond(0).await?;
        if tombstone > 0 {
            // A delete may have died before it was through, or an append after it had been.
            match self.remove_before(tombstone, &Piece::begin()).await {
                // The next call goes on. A caller that deletes makes one at once.
                Err(error) if error == Piece::more() => return Ok(()),
                removed => removed?,
            }
        }
        let Some(last) = self.last_slot().await? else {
            return Ok(());
        };
        // The last batch stays: it is where `end` looks. So does a tombstone, which must stay where its mark says.
        let through = through.min(last.number.saturating_sub(1));
        let slots = self.slots_between(tombstone, through).await?;
        let Some(first) = slots.first() else {
            return Ok(());
        };
        // Covers whose batches were all removed are not looked at again.
        let side = self.list_side(View::Covers(first.number), tombstone).await?;
        self.remove_covered(&side, &slots).await?;
        let loose: Vec<_> = slots
            .into_iter()
            .filter(|slot| side.cover_of(slot.number).is_none())
            .collect();
        if loose.len() <= self.bucket.options().compact_after {
            return Ok(());
        }
        for group in groups(&loose) {
            if !self.cover(group).await? {
                break;
            }
        }
        Ok(())
    }

    /// Removes the batches whose cover is old enough by the server's clock.
    async fn remove_covered(&self, side: &Side, slots: &[Slot]) -> Result<()> {
        let kept = i64::try_from(KEPT.as_millis()).unwrap_or(i64::MAX);
        let written_before = self.bucket.now().saturating_sub(kept);
        for cover in side.covers.iter().filter(|cover| cover.modified < written_before) {
            let covered = slots.iter().filter(|slot| cover.holds(slot.number));
            let covered: Vec<_> = covered.map(|slot| self.slot(slot.number)).collect();
            // It was written whole; it must be readable still before it is the only one.
            if !covered.is_empty() && cover.open(self.bucket, self.key).await?.is_some() {
                self.bucket.remove(&covered).await?;
            }
        }
        Ok(())
    }

    /// Writes a cover of these batches. False if something removed them meanwhile: then another call goes on.
    async fn cover(&self, group: &[Slot]) -> Result<bool> {
        let Some((numbers, headers, payloads)) = self.gather(group).await? else {
            return Ok(false);
        };
        let (metadata, body) = cover::write(self.key, &headers, payloads)?;
        drop(headers);
        let key = self.beside(&Beside::Cover(numbers.clone()));
        // If there is one already, another host compacts, too, and wrote the same.
        self.bucket.create(&key, metadata, body.into()).await?;
        // A delete that ran meanwhile did not see it.
        if self.tombstone_beyond(*numbers.start()).await? > 0 {
            self.bucket.remove(&[key]).await?;
            return Ok(false);
        }
        Ok(true)
    }

    async fn gather(&self, group: &[Slot]) -> Result<Option<(RangeInclusive<u64>, Vec<Header>, Vec<u8>)>> {
        let (Some(first), Some(last)) = (group.first(), group.last()) else {
            return Ok(None);
        };
        let bytes: u64 = group.iter().map(|slot| slot.size).sum();
        let bytes = usize::try_from(bytes).unwrap_or_default();
        // With room for the index, which moves in at the front.
        let mut payloads = Vec::with_capacity(bytes + group.len() * INDEX_ENTRY);
        let mut headers = Vec::with_capacity(group.len());
        let reads = group.iter().map(|slot| self.read(slot.number));
        let mut reads = stream::iter(reads).buffered(self.backend.parallel());
        while let Some(batch) = reads.try_next().await? {
            let Some(batch) = batch else {
                return Ok(None);
            };
            headers.push(Header::of(&batch));
            payloads.extend_from_slice(&batch.payload);
        }
        Ok(Some((first.number..=last.number, headers, payloads)))
    }
}

/// Cuts into groups that follow one another without a gap, each worth a cover.
fn groups(slots: &[Slot]) -> impl Iterator<Item = &[Slot]> {
    let mut bytes = 0;
    let mut count = 0;
    let groups = slots.chunk_by(move |one, next| {
        count += 1;
        bytes += one.size;
        let together = one.number.checked_add(1) == Some(next.number)
            && count < COVER_BATCHES
            && bytes.saturating_add(next.size) <= COVER_BYTES;
        if !together {
            (bytes, count) = (0, 0);
        }
        together
    });
    groups.filter(|group| group.len() > 1)
}
