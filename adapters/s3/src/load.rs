//! Reading a page of batches: from covers (compacted objects) where there are any, else from their own objects, several
//! at once.

use futures_util::future::{join, try_join};
use futures_util::stream::{self, StreamExt};
use mirrorbox_adapter::{Batch, Error, Result};

use crate::listed::View;
use crate::shelf::Shelf;
use crate::stream::{LOOKS, Stream};

/// A gap that is still there when looked at again is no race.
const LOOKS_AT_A_GAP: usize = 3;

/// Why a page ended early.
#[derive(Debug)]
enum Stop {
    /// What was listed was gone when it was read: a delete or a compaction is at work.
    Gone,
    /// Nothing holds these numbers, although a later one is held.
    Gap {
        first: u64,
        last: u64,
    },
    Failed(Error),
}

/// The page's batches, as far as they go.
#[derive(Debug, Default)]
struct Pile {
    batches: Vec<Batch>,
    bytes: u64,
}

impl Stream<'_> {
    /// A page of batches after that number: no more than one listing shows, so that a page of tiny ones ends, too.
    pub(crate) async fn load(&self, after: u64, max_bytes: u32) -> Result<Vec<Batch>> {
        if let Some(batches) = self.load_listed(after, max_bytes).await {
            return Ok(batches);
        }
        let mut gaps = 0;
        for _ in 0..LOOKS {
            let mut pile = Pile::default();
            let stop = self.pile_up(&mut pile, after, max_bytes.into()).await?;
            // What was read is good; the next page tells what is not.
            if !pile.batches.is_empty() {
                return Ok(pile.batches);
            }
            match stop {
                None => return Ok(pile.batches),
                Some(Stop::Failed(error)) => return Err(error),
                Some(Stop::Gap { first, last }) if gaps + 1 == LOOKS_AT_A_GAP => return Err(self.missing(first, last)),
                Some(Stop::Gap { .. }) => gaps += 1,
                Some(Stop::Gone) => {}
            }
        }
        Err(self.restless())
    }

    /// The page behind one that was loaded just now, if what was listed for that one shows it, and no tombstone came
    /// meanwhile.
    async fn load_listed(&self, after: u64, max_bytes: u32) -> Option<Vec<Batch>> {
        let shelf = self.backend.take_shelf(&self.folder)?;
        let next = after.checked_add(1).filter(|next| shelf.is_good_for(*next))?;
        let mut pile = Pile::default();
        // Where nothing comes of it, it is listed anew.
        let read = self.read_on(&mut pile, shelf, next, max_bytes.into());
        let (tombstone, read) = join(self.tombstone_beyond(after), read).await;
        let is_good = read.is_ok() && tombstone.is_ok_and(|tombstone| tombstone == 0) && !pile.batches.is_empty();
        if !is_good {
            drop(self.backend.take_shelf(&self.folder));
        }
        is_good.then_some(pile.batches)
    }

    async fn pile_up(&self, pile: &mut Pile, after: u64, max_bytes: u64) -> Result<Option<Stop>> {
        let Some(wanted) = after.checked_add(1) else {
            return Ok(None);
        };
        let (mut side, mut slots) = try_join(self.side(View::From(wanted), after), self.slots_after(after)).await?;
        let tombstone = side.tombstone;
        if tombstone > wanted {
            slots = self.slots_after(tombstone - 1).await?;
            if side.is_cut {
                side = self.list_side(View::From(tombstone), tombstone).await?;
            }
        }
        slots.check(&self.url())?;
        let shelf = Shelf::new(side, slots);
        let mut next = wanted.max(tombstone);
        if after == 0 && tombstone == 0 {
            // From the oldest kept. The reader knows whether that should be 1.
            next = shelf.at_or_behind(next).unwrap_or(next);
        }
        self.read_on(pile, shelf, next, max_bytes).await
    }

    /// Reads until there is enough, and leaves the listing to the next page.
    async fn read_on(&self, pile: &mut Pile, shelf: Shelf, mut next: u64, max_bytes: u64) -> Result<Option<Stop>> {
        while pile.batches.is_empty() || pile.bytes < max_bytes {
            let room = max_bytes.saturating_sub(pile.bytes);
            let stop = if shelf.side.cover_of(next).is_some() {
                self.read_cover(pile, &shelf, next, room).await
            } else if shelf.slots.contains_key(&next) {
                self.read_slots(pile, shelf.run(next, room)).await
            } else {
                let later = shelf.at_or_behind(next);
                return Ok(later.map(|later| Stop::Gap {
                    first: next,
                    last: later - 1,
                }));
            };
            if stop.is_some() {
                return Ok(stop);
            }
            match pile.batches.last().and_then(|batch| batch.number.checked_add(1)) {
                Some(number) => next = number,
                None => return Ok(None),
            }
        }
        if shelf.holds(next) {
            self.backend.keep_shelf(&self.folder, shelf);
        }
        Ok(None)
    }

    async fn read_cover(&self, pile: &mut Pile, shelf: &Shelf, next: u64, room: u64) -> Option<Stop> {
        let cover = shelf.side.cover_of(next)?;
        let read = async {
            match cover.open(self.bucket, self.key).await? {
                Some(open) => open.read(next, room).await,
                None => Ok(None),
            }
        };
        match read.await {
            Ok(Some(batches)) => {
                batches.into_iter().for_each(|batch| pile.push(batch));
                None
            }
            Ok(None) => Some(Stop::Gone),
            Err(error) => Some(Stop::Failed(error)),
        }
    }

    async fn read_slots(&self, pile: &mut Pile, numbers: Vec<u64>) -> Option<Stop> {
        let reads = numbers.into_iter().map(|number| self.read(number));
        let mut reads = stream::iter(reads).buffered(self.backend.parallel());
        while let Some(read) = reads.next().await {
            match read {
                Ok(Some(batch)) => pile.push(batch),
                Ok(None) => return Some(Stop::Gone),
                Err(error) => return Some(Stop::Failed(error)),
            }
        }
        None
    }

    fn missing(&self, first: u64, last: u64) -> Error {
        let url = self.url();
        Error::corrupt(
            first,
            last,
            format!("missing in {url}, although later batches are there"),
        )
    }
}

impl Pile {
    fn push(&mut self, batch: Batch) {
        self.bytes += batch.payload.len() as u64;
        self.batches.push(batch);
    }
}
