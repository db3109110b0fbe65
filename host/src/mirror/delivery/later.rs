//! Deletes that were not for this destination when they were asked for: it was named later, or its history was deleted
//! elsewhere.

use std::collections::BTreeMap;

use super::super::destination::Entered;
use super::super::event::What;
use super::super::ledger::LedgerEntry;
use super::super::on_disk;
use super::super::summaries::Summaries;
use super::super::survey::Survey;
use super::super::trouble::{Trouble, records};
use super::Delivery;
use super::copy::LocalCopy;

impl Delivery {
    /// Once, before anything is added: lines that were deleted are not brought here, and where they are here already,
    /// by another way, they are deleted.
    pub(super) async fn hear_of_deletes(&mut self, at: &Entered) -> Result<(), Trouble> {
        if self.has_heard {
            return Ok(());
        }
        let later = on_disk(|| self.shared.ledger.later(&self.lane.key)).map_err(records)?;
        let entry = self.read_ledger()?;
        let ends = later
            .writers
            .iter()
            .map(|(writer, share)| (writer.clone(), share.from_line));
        let is_news = |(writer, end): &(String, u64)| entry.share(writer).from_line < *end;
        let news: BTreeMap<_, _> = ends.filter(is_news).collect();
        if !news.is_empty() {
            let survey = self.log_at(at).survey(None, &[], &mut Summaries::start()).await;
            let survey = survey.map_err(|error| at.failed(error))?;
            let is_here = news.iter().any(|(writer, end)| survey.begins_before(writer, *end));
            self.update_ledger(|entry| {
                entry.pass_over(&news);
                if is_here {
                    entry.wanted = entry.wanted.take().or(later.wanted);
                }
            })?;
            if is_here {
                self.lane.want_deleted();
            }
        }
        self.has_heard = true;
        Ok(())
    }

    /// Lines that this machine deleted may come after that: another host copied them from where they were not deleted
    /// yet. Only what arrives behind a log that we know is judged: a backend that was put back was put back for a
    /// reason.
    pub(super) fn meet_late_copies(&mut self, survey: &Survey) -> Result<(), Trouble> {
        let holds = |entry: &LedgerEntry| {
            let mut shares = entry.writers.iter();
            shares.any(|(writer, share)| survey.begins_before(writer, share.from_line))
        };
        if !holds(self.read_ledger()?) {
            return Ok(());
        }
        let later = on_disk(|| self.shared.ledger.later(&self.lane.key)).map_err(records)?;
        if holds(&later) {
            self.update_ledger(|entry| entry.wanted = entry.wanted.take().or(later.wanted))?;
            self.lane.want_deleted();
        }
        Ok(())
    }

    /// What comes before a copy was deleted by another host where it was held. That host did not know of this
    /// destination: what is kept back there is kept back here, too, or half of a deleted session would come.
    pub(super) fn lose_history(&mut self, index: usize, holder: &str, number: u64) -> Result<(), Trouble> {
        let there = on_disk(|| self.shared.ledger.load(holder, &self.lane.key)).map_err(records)?;
        // Else the mirror there has yet to hear of it.
        let is_known = there.tombstones.iter().any(|met| met.number == number);
        let position = self.copies.get(index).and_then(LocalCopy::base_position);
        let (mut ends, mut kept) = (BTreeMap::new(), BTreeMap::new());
        for copy in self.copies.iter().filter(|copy| copy.base_position() == position) {
            let writer = copy.stream.writer();
            let end = match is_known {
                true => there.share(writer).from_line,
                false => copy.stream.end().line,
            };
            ends.insert(writer.to_owned(), end);
            if copy.next.line < end {
                kept.insert(writer.to_owned(), (copy.next.line, end - 1));
            }
        }
        self.update_ledger(|entry| entry.pass_over(&ends))?;
        self.skip_deleted()?;
        self.ground(index);
        self.announce(What::Deleted { number, kept });
        Ok(())
    }
}
