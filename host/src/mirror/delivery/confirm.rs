//! Is the destination's log what we think it is? Asked after every opening, every failure and every conflict.
//!
//! Other writers' batches stay where they are, and ours are numbered behind them. What the log lacks of a resumed
//! session is brought from another destination (`history`).

use std::collections::BTreeMap;

use super::super::content::LogLines;
use super::super::destination::Entered;
use super::super::event::What;
use super::super::history::{self, FillError, Filled, Missing, Target};
use super::super::summaries::Summaries;
use super::super::survey::{Log, Survey};
use super::super::trouble::Trouble;
use super::Delivery;
use super::compare::Arrived;
use super::copy::LocalCopy;
use crate::spool::Stored;
use crate::store::{Batch, Chain, LoadError, Position, StoreError};

/// From where on the log has to be looked at.
enum Known {
    /// We were never there.
    Nothing,
    /// We were there, but cannot tell how far.
    Something,
    /// Up to here it is as we know it.
    UpTo(Chain),
}

impl Known {
    /// Whether whatever is there is there for the first time.
    fn is_of_nothing(&self) -> bool {
        match self {
            Self::Nothing => true,
            Self::Something => false,
            Self::UpTo(chain) => chain.position().is_none(),
        }
    }
}

impl Delivery {
    /// Brings what we know of the log in line with what it says.
    pub(super) async fn confirm(&mut self, at: &Entered) -> Result<(), Trouble> {
        let end = at.call(at.store.end(&self.lane.key)).await?;
        let known = self.known();
        let in_conflict = std::mem::take(&mut self.in_conflict);
        match known {
            Known::UpTo(chain) if chain.position() == end => {
                if in_conflict {
                    let lie = "it says that a number is taken, but its log ends before it".to_owned();
                    return Err(StoreError::Contract(lie).into());
                }
                self.log = Some(chain);
            }
            Known::Nothing if self.begins_behind(end) => {
                self.log = Some(end.map_or_else(|| Chain::start(&self.lane.key), |end| Chain::at(&self.lane.key, end)));
                self.copies.iter_mut().for_each(|copy| copy.is_grounded = true);
            }
            known => self.look(at, known, end).await?,
        }
        self.skip_deleted()?;
        self.copies.iter_mut().for_each(|copy| copy.is_met = true);
        self.sum_up(at).await?;
        self.fill_history(at).await?;
        self.show_all();
        Ok(())
    }

    /// A copy that came since the last look may have batches that we did not see.
    fn known(&self) -> Known {
        let unmet = || self.copies.iter().filter(|copy| !copy.is_met && copy.begun);
        if unmet().any(|copy| copy.position.is_none()) || self.must_look_for_tombstone() {
            return Known::Something;
        }
        let positions = unmet().filter_map(|copy| copy.position);
        let at = positions.map(|position| Chain::at(&self.lane.key, position));
        let farthest_back = at.chain(self.log.clone()).min_by_key(Chain::number);
        farthest_back.map_or(Known::Nothing, Known::UpTo)
    }

    /// A delete that was tried by a process that is no more.
    fn must_look_for_tombstone(&self) -> bool {
        let wanted = self.entry.as_ref().and_then(|entry| entry.wanted.as_ref());
        self.log.is_none() && wanted.is_some_and(|wanted| wanted.tried.is_some())
    }

    /// Whether the log ends just where all our copies begin.
    fn begins_behind(&self, end: Option<Position>) -> bool {
        self.copies.iter().all(|copy| copy.base_position() == end)
    }

    async fn look(&mut self, at: &Entered, known: Known, end: Option<Position>) -> Result<(), Trouble> {
        let position = match &known {
            Known::UpTo(chain) => chain.position(),
            Known::Nothing | Known::Something => None,
        };
        let is_ahead = |position: &Position| end.is_some_and(|end| end.number > position.number);
        if let Some(position) = position.filter(is_ahead) {
            let log = self.log_at(at);
            self.copies.iter_mut().for_each(LocalCopy::take_up);
            let mut arrived = Arrived::for_each(&self.copies);
            let seen = |batch: &Batch| arrived.hear(batch);
            match log.survey_with(Some(position), &[], &mut self.summaries, seen).await {
                Ok(survey) => {
                    arrived.give_to(&mut self.copies);
                    return self.take_in(survey);
                }
                Err(error) if !differs(&error) => return Err(at.failed(error)),
                Err(_) => {}
            }
        }
        let survey = self.survey_all(at).await?;
        self.note_loss(&known, &survey, end);
        if known.is_of_nothing() {
            self.meet_late_copies(&survey)?;
        }
        let is_news = match known {
            // What is compared line by line is met, not told of.
            Known::Nothing => survey.contains.is_empty() && self.copies.iter().all(|copy| copy.section().is_none()),
            Known::Something => false,
            Known::UpTo(_) => true,
        };
        if is_news {
            self.tell_of_foreigners(&survey);
        }
        self.start_over(survey)
    }

    /// All of the log.
    async fn survey_all(&mut self, at: &Entered) -> Result<Survey, Trouble> {
        if self.copies.iter().any(LocalCopy::is_pruned) {
            // What pruned them wrote down how far they were.
            self.entry = None;
            self.read_ledger()?;
        }
        let bases = self.copies.iter().filter_map(LocalCopy::base_position);
        let shares = self.entry.iter().flat_map(|entry| entry.writers.values());
        let sought: Vec<_> = bases.chain(shares.filter_map(|share| share.even?.position)).collect();
        let log = self.log_at(at);
        let is_compared = |copy: &LocalCopy| copy.has_lines() && copy.section().is_some();
        let read = self.copies.iter().any(is_compared);
        let mut read = read.then(|| LogLines::from_place(None));
        let seen = |batch: &Batch| read.iter_mut().for_each(|read| read.note(batch));
        let survey = log.survey_with(None, &sought, &mut self.summaries, seen).await;
        let survey = survey.map_err(|error| at.failed(error))?;
        self.read = read.map(|read| read.up_to(survey.chain.clone()));
        Ok(survey)
    }

    /// The log goes on as we know it, and others wrote behind us, or late batches of ours arrived.
    fn take_in(&mut self, survey: Survey) -> Result<(), Trouble> {
        self.tell_of_foreigners(&survey);
        self.note_begun(&survey)?;
        self.meet_late_copies(&survey)?;
        self.note_claims(&survey);
        for copy in &mut self.copies {
            let writer = copy.stream.writer();
            copy.claim = survey.claims.get(writer).copied().or(copy.claim);
            match survey.held.get(writer) {
                Some(held) if *held > copy.next.line => copy.go_to(*held)?,
                _ => {}
            }
        }
        self.log = Some(survey.chain);
        Ok(())
    }

    /// A host that fills a log adds lines to it that their own writers did not. That they are there is on disk before
    /// any cursor tells that the log was seen: the next process would take them for lines that were never delivered.
    fn note_begun(&mut self, survey: &Survey) -> Result<(), Trouble> {
        let is_new = |copy: &&mut LocalCopy| !copy.begun && survey.held.contains_key(copy.stream.writer());
        let mut writers = Vec::new();
        for copy in self.copies.iter_mut().filter(is_new) {
            copy.begun = true;
            writers.push(copy.stream.writer().to_owned());
        }
        if writers.is_empty() {
            return Ok(());
        }
        self.update_ledger(|entry| {
            for writer in &writers {
                entry.share_mut(writer).begun = true;
            }
        })
    }

    /// Where everybody stands is what the log says, all of it.
    fn start_over(&mut self, survey: Survey) -> Result<(), Trouble> {
        self.meet_tombstone(&survey)?;
        self.note_begun(&survey)?;
        self.note_claims(&survey);
        let deleted = survey.tombstone.as_ref().map_or(0, |tombstone| tombstone.number);
        let entry = self.entry.clone();
        for copy in &mut self.copies {
            let writer = copy.stream.writer();
            let held = survey.held.get(writer).copied().unwrap_or_default();
            let share = entry.as_ref().map(|entry| entry.share(writer)).unwrap_or_default();
            // Lines that others stood for by then: the log says of none of them whose they were.
            let even = share.even.filter(|even| even.is_part_of(&survey));
            let from_line = share.from_line.max(even.map_or(0, |even| even.line));
            copy.claim = survey.claims.get(writer).copied();
            copy.is_stopped = false;
            copy.forget_met();
            copy.is_grounded = held.max(from_line) >= copy.stream.start().line
                || copy
                    .base_number_at(&self.destination.name)
                    .is_some_and(|base| base < deleted)
                || copy
                    .base_position()
                    .is_none_or(|base| survey.contains.contains(&base.number));
            copy.go_to(held.max(from_line))?;
        }
        self.tombstone = survey.tombstone;
        self.log = Some(survey.chain);
        Ok(())
    }

    fn note_loss(&self, known: &Known, survey: &Survey, found: Option<Position>) {
        let expected = match known {
            Known::Nothing => return,
            Known::Something if found.is_some() => return,
            Known::Something => None,
            Known::UpTo(chain) => chain.position(),
        };
        let deleted = survey.tombstone.as_ref().map_or(0, |tombstone| tombstone.number);
        let number = expected.map_or(0, |expected| expected.number);
        // What was deleted meanwhile is not lost; and an empty log that we knew as empty just began.
        if deleted > number || (matches!(known, Known::UpTo(_)) && expected.is_none()) {
            return;
        }
        self.announce(What::HistoryLost { expected, found });
    }

    fn tell_of_foreigners(&self, survey: &Survey) {
        let is_ours = |writer: &str| self.copies.iter().any(|copy| copy.stream.writer() == writer);
        let batches: BTreeMap<_, _> = survey
            .batches
            .iter()
            .filter(|(writer, _)| !is_ours(writer))
            .map(|(writer, batches)| (writer.clone(), *batches))
            .collect();
        if !batches.is_empty() {
            self.announce(What::ForeignWriter { batches });
        }
    }

    fn note_claims(&mut self, survey: &Survey) {
        let is_ours = |writer: &str| self.copies.iter().any(|copy| copy.stream.writer() == writer);
        self.claimed_by = match survey.last_claim() {
            Some((number, writer)) => (!is_ours(writer)).then(|| (number, writer.to_owned())),
            None => self.claimed_by.take(),
        };
    }

    /// Makes sure that the summary is that of the log as it is.
    pub(super) async fn sum_up(&mut self, at: &Entered) -> Result<(), Trouble> {
        let number = self.log.as_ref().map_or(0, Chain::number);
        if !self.lane.key.is_main() || self.summaries.reaches(number) {
            return Ok(());
        }
        self.summaries = Summaries::start();
        if number == 0 {
            return Ok(());
        }
        if at.store.info().capabilities.listing {
            let (project, session) = (self.lane.key.project_key(), self.lane.key.session_id());
            let found = at.call(at.store.find_session(project, session)).await?;
            let stored = found.and_then(|session| session.summary);
            if let Some(stored) = stored.filter(|summary| summary.through == number).as_ref() {
                self.summaries = Summaries::stored(stored).unwrap_or_else(Summaries::start);
            }
        }
        if !self.summaries.reaches(number) {
            let survey = self.survey_all(at).await?;
            if survey.chain.number() != number {
                // It grew meanwhile: the next append conflicts, and we look again.
                self.summaries = Summaries::default();
            }
        }
        Ok(())
    }

    /// Copies what the destination lacks, and this machine does not hold, from another destination.
    async fn fill_history(&mut self, at: &Entered) -> Result<(), Trouble> {
        while self.ungrounded().is_some() {
            let survey = self.survey_all(at).await?;
            if Some(&survey.chain) != self.log.as_ref() {
                return Err(others_write());
            }
            self.start_over(survey.clone())?;
            let Some(index) = self.ungrounded() else { return Ok(()) };
            if let Some((number, by)) = self.superseded(index).filter(|_| self.takes_over()) {
                self.stop(index, number, by);
                continue;
            }
            // Whatever is stored behind another host's claim comes behind our own.
            if self.needs_claim(index) && self.claimed_by.is_some() {
                self.begin(index)?;
                self.claim(index, at).await?;
                continue;
            }
            self.fill_from_any(index, survey, at).await?;
        }
        Ok(())
    }

    fn ungrounded(&self) -> Option<usize> {
        let waits = |copy: &LocalCopy| !copy.is_grounded && !copy.is_stopped;
        self.copies.iter().position(waits)
    }

    /// Fills the log up to where a copy begins, from the first destination that can.
    async fn fill_from_any(&mut self, index: usize, survey: Survey, at: &Entered) -> Result<(), Trouble> {
        let Some(copy) = self.copies.get(index) else {
            return Ok(());
        };
        let Some(Stored { destination, position }) = copy.stream.base().stored else {
            return Ok(());
        };
        let shares = self.entry.iter().flat_map(|entry| &entry.writers);
        let missing = Missing {
            deleted: shares
                .map(|(writer, share)| (writer.clone(), share.from_line))
                .collect(),
            through: position,
            // What others wrote may be what was deleted here; of its own lines it is known that they were not.
            only: self.tombstone.is_some().then(|| copy.stream.writer().to_owned()),
        };
        let mut cause = format!("destination {destination} is not there");
        for (name, store) in self.shared.sources(&destination, &self.destination.name) {
            let from = Log {
                store,
                ..self.log_at(at)
            };
            let target = Target::new(self.log_at(at), survey.clone(), self.summaries.clone());
            match history::fill(&from, target, &missing).await {
                Ok(filled) => return self.filled(index, name, filled),
                Err(FillError::Deleted { number }) if name == destination => {
                    return self.lose_history(index, &name, number);
                }
                Err(FillError::Target(error)) => return Err(at.failed(error)),
                Err(FillError::Changed) => return Err(others_write()),
                Err(FillError::Source(error)) => cause = format!("destination {name}: {error}"),
                Err(FillError::Elsewhere | FillError::Deleted { .. }) => {
                    cause = format!("destination {name} does not hold it");
                }
            }
        }
        Err(Trouble::History { position, cause })
    }

    fn filled(&mut self, index: usize, from: String, filled: Filled) -> Result<(), Trouble> {
        let Filled {
            batches,
            survey,
            summaries,
        } = filled;
        if batches > 0 {
            self.announce(What::Filled { from, batches });
        }
        self.summaries = summaries;
        self.start_over(survey)?;
        self.ground(index);
        Ok(())
    }

    /// What was to come before is here, in whichever order, or was deleted.
    pub(super) fn ground(&mut self, index: usize) {
        let position = self.copies.get(index).and_then(LocalCopy::base_position);
        for copy in &mut self.copies {
            copy.is_grounded |= copy.base_position() == position;
        }
    }

    pub(super) fn log_at(&self, at: &Entered) -> Log {
        Log {
            store: at.store.clone(),
            key: self.lane.key.clone(),
            timeout: self.destination.options().timeout,
        }
    }
}

fn others_write() -> Trouble {
    StoreError::Unavailable("others write to it".into()).into()
}

/// The log is not the one that we knew, or was deleted meanwhile.
fn differs(error: &LoadError) -> bool {
    !matches!(error, LoadError::Store { .. })
}
