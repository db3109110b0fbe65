//! Deletes, ours and other hosts': the tombstones that this host stores, and what it does with one that it finds.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::super::destination::Entered;
use super::super::event::What;
use super::super::ledger::Wanted;
use super::super::shared::Reach;
use super::super::survey::Survey;
use super::super::trouble::Trouble;
use super::Delivery;
use super::copy::LocalCopy;
use crate::store::{Batch, BatchDraft, Kind, Origin, Removal, StoreError};

/// How many subpaths a page of a listing has.
const PAGE: u32 = 500;

impl Delivery {
    /// Does the delete that stands in the ledger.
    pub(super) async fn delete(&mut self, at: &Entered) -> Result<(), Trouble> {
        // In this order: a wish that comes from now on is one more.
        let wishes = self.lane.progress().wishes;
        self.entry = None;
        let Some(mut wanted) = self.read_ledger()?.wanted.clone() else {
            self.lane.update(|progress| progress.granted = wishes);
            return Ok(());
        };
        if wanted.session.is_some() {
            return self.want_subpaths_deleted(wanted, at).await;
        }
        let Some(tombstone) = self.tombstone_for(&wanted) else {
            return self.deleted(&wanted, wishes, None);
        };
        // A log that ends before it was emptied since, and numbers anew.
        if wanted.tried.is_none_or(|tried| tried > tombstone.number) {
            let tried = Some(tombstone.number);
            let trying = Wanted {
                tried,
                ..wanted.clone()
            };
            if !self.replace_wish(&wanted, Some(trying.clone()))? {
                return Ok(());
            }
            wanted = trying;
        }
        let stored = match at.store.info().capabilities.deletion {
            true => at.call(Removal::of(&*at.store, &self.lane.key, &tombstone)).await,
            // It hides what it cannot remove.
            false => {
                let appended = at.call(at.store.append(&self.lane.key, &tombstone, None)).await;
                appended.map(|()| Removal::Whole)
            }
        };
        match stored {
            Ok(Removal::Whole) => self.deleted(&wanted, wishes, Some(tombstone)),
            // The wish stays, so the same call is made again when it is this stream's turn.
            Ok(Removal::Piece) => Ok(()),
            Err(StoreError::Conflict) => {
                self.confirmed = 0;
                self.in_conflict = true;
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Puts a wish in the place of another; false where a newer one has come meanwhile, which stays.
    fn replace_wish(&mut self, wanted: &Wanted, by: Option<Wanted>) -> Result<bool, Trouble> {
        let mut is_same = false;
        self.update_ledger(|entry| {
            is_same = entry.wanted.as_ref() == Some(wanted);
            if is_same {
                entry.wanted = by;
            }
        })?;
        Ok(is_same)
    }

    /// Everything else that the destination holds of the session: each is a delete of its own from now on. The wish
    /// says after every page which: one that is done must not be done again, for others may have begun the subpath
    /// anew.
    async fn want_subpaths_deleted(&mut self, mut wanted: Wanted, at: &Entered) -> Result<(), Trouble> {
        let (project, session) = (
            self.lane.key.project_key().to_owned(),
            self.lane.key.session_id().to_owned(),
        );
        let mut token = None;
        loop {
            let page = at.store.list_subkeys(&project, &session, token.as_deref(), PAGE);
            let page = at.call(page).await?;
            let mut listed = wanted.clone();
            let known = listed.session.get_or_insert_default();
            for subpath in page.items.into_iter().filter(|subpath| known.insert(subpath.clone())) {
                let key = self.lane.key.to_main().with_subpath(subpath);
                let key = key.map_err(|error| StoreError::Contract(format!("a subpath that cannot be: {error}")))?;
                self.shared
                    .want_deleted(&self.destination, &key, &wanted.writer, Reach::Others)?;
            }
            token = page.next;
            listed.session.take_if(|_| token.is_none());
            if !self.replace_wish(&wanted, Some(listed.clone()))? || token.is_none() {
                return Ok(());
            }
            wanted = listed;
        }
    }

    /// The tombstone to store: the one that is there, where its removal may have been interrupted; none where there is
    /// nothing to delete.
    fn tombstone_for(&self, wanted: &Wanted) -> Option<Batch> {
        let log = self.log.as_ref()?;
        let last = log.position();
        if let Some(tombstone) = &self.tombstone {
            let hides_all = wanted.tried.is_some_and(|tried| tombstone.number >= tried);
            let is_last = Some(tombstone.position()) == last && !self.may_land_late();
            if hides_all || is_last {
                return Some(tombstone.clone());
            }
        }
        if last.is_none() && !self.may_land_late() && !self.keeps_back() {
            return None;
        }
        Some(log.number_draft(BatchDraft {
            kind: Kind::Tombstone,
            origin: Origin {
                writer: wanted.writer.clone(),
                line: wanted.line,
            },
            payload: Bytes::new(),
        }))
    }

    /// A call of this machine's may still be under way, of a process that is no more, say: the next number must be
    /// taken by the tombstone, or it would bring back what is to be deleted.
    fn may_land_late(&self) -> bool {
        let entry = self.entry.as_ref();
        entry.is_some_and(|entry| entry.writers.values().any(|share| share.begun))
    }

    /// Lines were deleted before any of them came here. The log itself says so from now on: the file that they were
    /// taken from may be found again when nobody remembers it here any more.
    pub(super) fn keeps_back(&self) -> bool {
        let entry = self.entry.as_ref();
        entry.is_some_and(|entry| entry.writers.values().any(|share| share.from_line > 1))
    }

    fn deleted(&mut self, wanted: &Wanted, wishes: u64, tombstone: Option<Batch>) -> Result<(), Trouble> {
        let position = tombstone.as_ref().map(Batch::position);
        let mut hides_all = false;
        if let (Some(tombstone), Some(log)) = (tombstone, &mut self.log) {
            hides_all = tombstone.number == log.number() + 1;
            if hides_all {
                log.advance(&tombstone);
                self.summaries.take(&tombstone);
            }
            self.tombstone = Some(tombstone);
            self.copies.iter_mut().for_each(LocalCopy::forget_met);
        }
        let mut is_done = false;
        self.update_ledger(|entry| {
            // A wish that came meanwhile is another one.
            is_done = entry.wanted.as_ref() == Some(wanted);
            entry.wanted.take_if(|_| is_done);
            position.into_iter().for_each(|position| entry.meet(position));
        })?;
        if hides_all {
            self.go_back_to_what_stays()?;
        }
        self.skip_deleted()?;
        if is_done {
            self.lane.update(|progress| progress.granted = wishes);
        }
        self.compaction.after_delete();
        self.show_all();
        Ok(())
    }

    /// Lines that were appended after the delete was asked for, and stored before it was done, are hidden with the
    /// rest: they are delivered again.
    fn go_back_to_what_stays(&mut self) -> Result<(), Trouble> {
        let Some(entry) = self.entry.clone() else { return Ok(()) };
        for copy in &mut self.copies {
            copy.go_to(entry.share(copy.stream.writer()).from_line)?;
            copy.claim = None;
        }
        self.claimed_by = None;
        Ok(())
    }

    /// Lines that the ledger says are not to be delivered are passed over.
    pub(super) fn skip_deleted(&mut self) -> Result<(), Trouble> {
        let Some(entry) = self.entry.clone() else { return Ok(()) };
        let deleted = self.tombstone.as_ref().map_or(0, |tombstone| tombstone.number);
        for copy in &mut self.copies {
            let from_line = entry.share(copy.stream.writer()).from_line;
            if from_line > copy.next.line {
                copy.go_to(from_line)?;
            }
            let base = copy.base_number_at(&self.destination.name);
            copy.is_grounded |= from_line >= copy.stream.start().line || base.is_some_and(|base| base < deleted);
        }
        Ok(())
    }

    /// Reckons with a tombstone that is newer than what we knew: what we wrote before we knew of it stays here.
    pub(super) fn meet_tombstone(&mut self, survey: &Survey) -> Result<(), Trouble> {
        let Some(tombstone) = &survey.tombstone else {
            return Ok(());
        };
        let entry = self.read_ledger()?.clone();
        if entry.tombstones.contains(&tombstone.position()) {
            return Ok(());
        }
        let origin = &tombstone.origin;
        let wanted = entry
            .wanted
            .as_ref()
            .is_some_and(|wanted| wanted.writer == origin.writer);
        // Of a delete that was tried nobody may know that it landed. If it did, lines that came after it was asked for,
        // and were there by then, are hidden by it, and by this tombstone.
        let is_tried = entry.wanted.as_ref().is_some_and(|wanted| wanted.tried.is_some());
        let is_ours = wanted || self.copies.iter().any(|copy| copy.stream.writer() == origin.writer);
        let mut kept = BTreeMap::new();
        for copy in self
            .copies
            .iter()
            .filter(|copy| !is_ours && was_deleted(copy, tombstone, &self.destination.name))
        {
            let writer = copy.stream.writer();
            let held = survey.held.get(writer).copied().unwrap_or_default();
            let there = if is_tried { held } else { copy.next.line.max(held) };
            let first = there.max(entry.share(writer).from_line);
            let end = copy.stream.end().line;
            kept.insert(writer.to_owned(), (first, end));
        }
        let position = tombstone.position();
        let writers: Vec<_> = self.copies.iter().map(|copy| copy.stream.writer().to_owned()).collect();
        self.update_ledger(|entry| {
            entry.meet(position);
            // A worker that gets here has met it.
            for writer in &writers {
                entry.share_mut(writer);
            }
            for (writer, (_, end)) in &kept {
                let share = entry.share_mut(writer);
                share.from_line = share.from_line.max(*end);
            }
        })?;
        if !is_ours {
            kept.retain(|_, (first, end)| first < end);
            kept.values_mut().for_each(|(_, end)| *end -= 1);
            let number = position.number;
            self.announce(What::Deleted { number, kept });
        }
        Ok(())
    }
}

/// Whether the copy was part of what was deleted. One that began behind the tombstone, or never began there, is the
/// session begun anew.
fn was_deleted(copy: &LocalCopy, tombstone: &Batch, destination: &str) -> bool {
    copy.base_number_at(destination)
        .map_or(copy.begun, |base| base < tombstone.number)
}
