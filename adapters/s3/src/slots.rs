//! Listing the batches of a transcript, and the search for the last.

use mirrorbox_adapter::Result;

use crate::layout::{self, BEHIND_NUMBERS};
use crate::listed::{Slot, Slots};
use crate::stream::Stream;

/// What a listing holds at most; the first stride of the search for the end.
const PAGE: u64 = 1000;

impl Stream<'_> {
    pub(crate) async fn slots_after(&self, number: u64) -> Result<Slots> {
        let listing = self.bucket.list(&self.folder, &layout::batch(number)).await?;
        let mut slots = Slots {
            more: listing.next.is_some_and(|next| next.as_str() < BEHIND_NUMBERS),
            ..Slots::default()
        };
        for object in listing
            .objects
            .into_iter()
            .filter(|object| layout::is_numeric(&object.name))
        {
            match Slot::from_listed(&object) {
                Some(slot) => slots.all.push(slot),
                None => slots.foreign = Some(object.name),
            }
        }
        Ok(slots)
    }

    /// Every batch after a number, up to another one.
    pub(crate) async fn slots_between(&self, mut after: u64, through: u64) -> Result<Vec<Slot>> {
        let mut all = Vec::new();
        loop {
            let slots = self.slots_after(after).await?;
            slots.check(&self.url())?;
            let last = slots.all.last().map_or(through, |slot| slot.number);
            all.extend(slots.all.into_iter().filter(|slot| slot.number <= through));
            if !slots.more || last >= through {
                return Ok(all);
            }
            after = last;
        }
    }

    /// The last batch. Compaction never touches it, so covers need not be looked at.
    ///
    /// A listing begins behind any number and goes up. Where the end is more than a page away, strides that double find
    /// a number that nothing lies behind, and ever shorter ones close in on the last.
    pub(crate) async fn last_slot(&self) -> Result<Option<Slot>> {
        let seen = self.backend.last_seen(&self.folder);
        let mut first = self.slots_after(seen.saturating_sub(1)).await?;
        if first.all.is_empty() && seen > 1 {
            // Another process emptied the bucket.
            first = self.slots_after(0).await?;
        }
        let Some(mut last) = first.all.last().copied() else {
            return Ok(None);
        };
        let (mut more, mut stride, mut nothing_behind) = (first.more, PAGE, u64::MAX);
        while more {
            let probe = self.slots_after(last.number.saturating_add(stride)).await?;
            match probe.all.last() {
                Some(found) => {
                    (last, more) = (*found, probe.more);
                    stride = stride.saturating_mul(2).min((nothing_behind - last.number) / 2);
                }
                None if stride == 0 => more = false,
                None => {
                    nothing_behind = last.number.saturating_add(stride);
                    stride /= 2;
                }
            }
            // The page behind the last one found reaches that far itself.
            if stride < PAGE && nothing_behind != u64::MAX {
                stride = 0;
            }
        }
        self.backend.saw(&self.folder, last.number);
        Ok(Some(last))
    }
}
