//! What stands beside the batches of a transcript: covers, summaries, tombstones.

use std::collections::BTreeSet;

use mirrorbox_adapter::{Kind, Piece, Result};

use crate::layout::{self, Beside, SIDE};
use crate::listed::{Side, View};
use crate::stream::{LOOKS, Stream};

/// Summaries that were replaced are removed this many at once: a request each would be a waste.
const SUMMARIES_KEPT: usize = 8;

impl Stream<'_> {
    /// A part of what stands beside the batches, with the newest tombstone beyond a number.
    pub(crate) async fn side(&self, view: View, beyond: u64) -> Result<Side> {
        let mut looked_at = BTreeSet::new();
        for _ in 0..LOOKS {
            let mut side = self.list_side(view, beyond).await?;
            let marks = side.marks.iter().rev().take_while(|mark| **mark > beyond);
            let mut gone = false;
            for mark in marks
                .filter(|mark| !looked_at.contains(*mark))
                .copied()
                .collect::<Vec<_>>()
            {
                match self.header(mark).await? {
                    Some(header) if header.kind == Kind::Tombstone => {
                        side.tombstone = mark;
                        return Ok(side);
                    }
                    Some(_) => {}
                    // It never stood, or was removed below a newer one, whose mark is there by now.
                    None => gone = true,
                }
                looked_at.insert(mark);
            }
            if !gone {
                return Ok(side);
            }
        }
        Err(self.restless())
    }

    /// The newest tombstone beyond a number; 0 where none stands.
    pub(crate) async fn tombstone_beyond(&self, number: u64) -> Result<u64> {
        Ok(self.side(View::Tombstones, number).await?.tombstone)
    }

    /// As [`Stream::side`], without a look at what the marks stand for.
    pub(crate) async fn list_side(&self, view: View, beyond: u64) -> Result<Side> {
        let folder = self.side_folder();
        let mut side = Side::default();
        let mut next = Some(view.begin(beyond));
        while let Some(after) = next {
            let listing = self.bucket.list_deep(&folder, &after).await?;
            for object in &listing.objects {
                side.take(&folder, object);
            }
            side.is_cut |= listing.next.as_deref().is_some_and(layout::is_cover);
            next = listing.next.map(|end| view.go_on(end, beyond));
        }
        Ok(side)
    }

    /// Removes what stands beside the batches that a tombstone hides, or a piece of it.
    pub(crate) async fn remove_beside(&self, tombstone: u64, piece: &Piece) -> Result<()> {
        let folder = self.side_folder();
        let mut next = Some(String::new());
        while let Some(after) = next {
            let listing = self.bucket.list_deep(&folder, &after).await?;
            let mut side = Side::default();
            for object in &listing.objects {
                side.take(&folder, object);
            }
            self.bucket.remove(&side.hidden_by(tombstone, &self.folder)).await?;
            next = listing.next;
            if next.is_some() && piece.is_over() {
                return Err(Piece::more());
            }
        }
        Ok(())
    }

    fn side_folder(&self) -> String {
        format!("{}{SIDE}", self.folder)
    }

    /// Removes the summaries that a newer one replaced.
    pub(crate) async fn tidy_summaries(&self, side: &Side) -> Result<()> {
        if side.summaries.len() <= SUMMARIES_KEPT {
            return Ok(());
        }
        let replaced = side.summaries.iter().rev().skip(1);
        let replaced: Vec<_> = replaced
            .map(|through| self.beside(&Beside::Summary(*through)))
            .collect();
        self.bucket.tidy(&replaced).await
    }
}
