//! What brings one stream to one destination, turn by turn: decides whether lines are due, delivers a batch, and puts
//! up with what fails.
//!
//! What it knows can be lost at any moment, and a turn be dropped at any await: what was acknowledged is in the spool,
//! what was delivered is in the destination's log, and what neither can tell is in the ledger.

mod compact;
mod compare;
mod confirm;
mod copy;
mod count;
mod delete;
mod due;
mod later;
mod send;

use std::sync::Arc;

use tokio::time::Instant;

use super::adoption::CopiesKnown;
use super::content::LogLines;
use super::destination::MirrorDestination;
use super::event::What;
use super::lane::{Lane, State};
use super::ledger;
use super::on_disk;
use super::roster::NextTurn;
use super::shared::Shared;
use super::summaries::Summaries;
use super::trouble::{Remedy, Trouble, records};
use crate::backoff::{Backoff, PARKED};
use crate::config::Writers;
use crate::store::{Batch, Chain};
use compact::Compaction;
use copy::LocalCopy;

/// So many failures in a row are an event.
const TOLD_AFTER: u32 = 3;

/// One stream on its way to one destination.
#[derive(Debug)]
pub(super) struct Delivery {
    shared: Arc<Shared>,
    destination: Arc<MirrorDestination>,
    lane: Arc<Lane>,
    /// Dead processes' first, our own last.
    copies: Vec<LocalCopy>,
    /// What the ledger says of the stream; none until it was read.
    entry: Option<ledger::LedgerEntry>,
    /// The destination's log; none while nothing is known of it.
    log: Option<Chain>,
    /// What the log begins with, if it was deleted and we looked.
    tombstone: Option<Batch>,
    /// The log's lines, where it was read whole just now and a file is to be compared with it.
    read: Option<LogLines>,
    /// The newest claim of a host that is not this machine: its number and its writer.
    claimed_by: Option<(u64, String)>,
    summaries: Summaries,
    /// The opening at which the destination confirmed what we know of its log; 0: none.
    confirmed: u64,
    /// Deletes from before the destination was named were reckoned with.
    has_heard: bool,
    /// The destination said that our number is taken.
    in_conflict: bool,
    backoff: Backoff,
    /// What fails has been told of.
    told: bool,
    /// Lines wait for earlier ones of others.
    waits: Option<compare::Waits>,
    /// After a failure: until when, and at which opening, it is not tried again.
    resting: Option<(Instant, u64)>,
    compaction: Compaction,
}

impl Delivery {
    pub(super) fn new(shared: Arc<Shared>, destination: Arc<MirrorDestination>, lane: Arc<Lane>) -> Self {
        let copies = lane.progress().copies.all();
        let mut delivery = Self::empty(shared, destination, lane);
        copies.into_iter().for_each(|copied| delivery.add(copied));
        delivery
    }

    fn empty(shared: Arc<Shared>, destination: Arc<MirrorDestination>, lane: Arc<Lane>) -> Self {
        Self {
            shared,
            destination,
            lane,
            copies: Vec::new(),
            entry: None,
            log: None,
            tombstone: None,
            read: None,
            claimed_by: None,
            summaries: Summaries::default(),
            confirmed: 0,
            has_heard: false,
            in_conflict: false,
            backoff: Backoff::default(),
            told: false,
            waits: None,
            resting: None,
            compaction: Compaction::default(),
        }
    }

    /// Whether it is of this very lane, and not of one before it.
    pub(super) fn is_of(&self, lane: &Arc<Lane>) -> bool {
        Arc::ptr_eq(&self.lane, lane)
    }

    /// Does what is due now, a batch at most, and says when there is more to do.
    pub(super) async fn turn(&mut self) -> NextTurn {
        self.take_news();
        if self.shared.adoption.of(&self.lane.key) == CopiesKnown::Pending {
            // What dead processes left comes first.
            return NextTurn::WithNews;
        }
        let generation = self.destination.opened().borrow().generation;
        match self.resting {
            Some((until, since)) if since == generation && until > Instant::now() => return NextTurn::At(until),
            _ => self.resting = None,
        }
        let reopened = self.confirmed != generation && self.is_worth_a_look();
        let next = self.next_turn();
        if !reopened && next != NextTurn::Soon {
            return next;
        }
        match self.work().await {
            Ok(()) => {
                self.went_well();
                // What has nothing left to do gets no turn to find that out: by then it may be forgotten, and would ask
                // its destination again, for as long as there are more such lanes than are remembered.
                self.next_turn()
            }
            Err(trouble) => self.endure(trouble),
        }
    }

    /// When there is something to do, as far as is known now.
    fn next_turn(&mut self) -> NextTurn {
        if self.is_deleting() {
            return NextTurn::Soon;
        }
        match self.due() {
            None => NextTurn::WithNews,
            Some(due) if due > Instant::now() => NextTurn::At(due),
            Some(_) => NextTurn::Soon,
        }
    }

    /// Whether a process that knows no more than the cursor does could go on from here with one question.
    pub(super) fn can_be_forgotten(&self) -> bool {
        let [copy] = &self.copies[..] else { return false };
        let is_quiet = copy.is_grounded && !copy.is_stopped && !copy.has_lines() && copy.begun && copy.may_forget_met();
        let has_short_log = self.log.as_ref().is_some_and(|log| log.number() < compact::BATCHES);
        is_quiet
            && has_short_log
            && self.confirmed > 0
            && self.tombstone.is_none()
            && self.resting.is_none()
            && !self.takes_over()
            && self.lane.progress().is_settled()
    }

    /// Whether it knows and has in hand no more than a new one would.
    pub(super) fn is_blank(&self) -> bool {
        let knows_nothing = self.entry.is_none() && self.log.is_none() && self.read.is_none() && self.confirmed == 0;
        let is_at_ease = self.resting.is_none() && !self.told && self.backoff.failures() == 0;
        knows_nothing && is_at_ease && self.copies.iter().all(LocalCopy::is_untouched)
    }

    /// When there is something to do; none while there is nothing.
    fn due(&mut self) -> Option<Instant> {
        let Some(copy) = self.copies.iter().find(|copy| copy.is_behind()) else {
            self.lane.waits_no_more();
            return self.compaction_due();
        };
        let now = Instant::now();
        let since = self.lane.waits_since(now);
        if !copy.is_grounded {
            return Some(now);
        }
        let flush = self.destination.options().mirror.flush;
        Some(copy.waiting_from(copy.next).due(flush, since, now))
    }

    /// One batch at most: others wait for their turn.
    async fn work(&mut self) -> Result<(), Trouble> {
        let destination = self.destination.clone();
        let at = destination.enter().await;
        self.take_news();
        self.read_ledger()?;
        if self.confirmed != at.generation {
            self.hear_of_deletes(&at).await?;
            self.confirm(&at).await?;
            self.confirmed = at.generation;
        }
        if self.is_deleting() {
            return self.delete(&at).await;
        }
        match self.next_copy() {
            Some(index) => self.deliver(index, &at).await?,
            None => return self.compact(&at).await,
        }
        match self.copies.iter().any(LocalCopy::is_behind) {
            true => Ok(()),
            false => self.compact(&at).await,
        }
    }

    fn take_news(&mut self) {
        let news = self.lane.take_news();
        for copied in news.copies {
            self.add(copied);
        }
        for writer in news.gone {
            self.copies.retain(|copy| copy.stream.writer() != writer);
            self.lane.update(|progress| progress.copies.remove(&writer));
        }
        if news.delete {
            // It is in there.
            self.entry = None;
        }
        if news.hurry {
            for copy in &mut self.copies {
                copy.due_before = copy.stream.end().line;
            }
        }
        if news.retry {
            self.backoff.succeed();
            self.resting = None;
        }
    }

    /// Whether anything that we know of the log could have changed behind our back.
    fn is_worth_a_look(&self) -> bool {
        self.log.is_some() || self.copies.iter().any(|copy| copy.begun)
    }

    fn is_deleting(&self) -> bool {
        self.lane.progress().is_deleting()
    }

    fn went_well(&mut self) {
        let tries = self.backoff.succeed();
        self.waits = None;
        if std::mem::take(&mut self.told) {
            self.announce(What::Recovered { tries });
            self.set_state(State::Following);
        } else if tries > 0 {
            self.set_state(State::Following);
        }
    }

    /// Says when trying again makes sense: then, or once the caller asks for it or the destination is opened anew.
    fn endure(&mut self, trouble: Trouble) -> NextTurn {
        self.confirmed = 0;
        let pause = self.backoff.fail_jittered(self.shared.chance.fraction());
        let pause = match trouble.remedy() {
            Remedy::Retry(asked) => {
                if self.backoff.failures() == TOLD_AFTER {
                    self.tell_failed(&trouble);
                }
                pause.max(asked)
            }
            Remedy::Wait => {
                if self.backoff.failures() == TOLD_AFTER {
                    let cause = Box::new(trouble.clone());
                    self.set_state(State::Retrying { cause });
                }
                pause.min(compare::LOOK)
            }
            Remedy::Park => {
                self.tell_parked(&trouble);
                PARKED
            }
        };
        let until = Instant::now() + pause;
        self.resting = Some((until, self.destination.opened().borrow().generation));
        NextTurn::At(until)
    }

    fn tell_failed(&mut self, trouble: &Trouble) {
        self.told = true;
        let tries = self.backoff.failures();
        if let Some(copy) = self.copies.iter().find(|copy| copy.is_behind() && copy.has_lines()) {
            let (next, end) = (copy.next.line, copy.stream.end().line);
            self.announce(What::Failed {
                writer: copy.stream.writer().to_owned(),
                lines: (next, end - 1),
                tries,
                cause: trouble.clone(),
            });
        }
        let cause = Box::new(trouble.clone());
        self.set_state(State::Retrying { cause });
    }

    fn tell_parked(&mut self, trouble: &Trouble) {
        if !std::mem::replace(&mut self.told, true) {
            self.announce(match trouble.clone() {
                Trouble::History { position, cause } => What::WaitingForHistory { position, cause },
                cause => What::Parked { cause },
            });
        }
        let cause = Box::new(trouble.clone());
        self.set_state(State::Parked { cause });
    }

    /// For everybody to see, in this process and in others.
    fn set_state(&mut self, state: State) {
        self.lane.update(|progress| progress.state = state);
        for index in 0..self.copies.len() {
            self.save_cursor(index);
        }
    }

    fn announce(&self, what: What) {
        self.destination.announcer.announce(Some(&self.lane.key), what);
    }

    fn read_ledger(&mut self) -> Result<&mut ledger::LedgerEntry, Trouble> {
        let entry = match self.entry.take() {
            Some(entry) => entry,
            None => {
                let load = || self.shared.ledger.load(&self.destination.name, &self.lane.key);
                let entry = on_disk(load).map_err(records)?;
                for copy in &mut self.copies {
                    copy.know(entry.share(copy.stream.writer()));
                }
                entry
            }
        };
        Ok(self.entry.insert(entry))
    }

    /// Changes what the ledger says; on disk when this returns.
    fn update_ledger(&mut self, change: impl FnOnce(&mut ledger::LedgerEntry)) -> Result<(), Trouble> {
        let update = || {
            self.shared
                .ledger
                .update(&self.destination.name, &self.lane.key, change)
        };
        self.entry = Some(on_disk(update).map_err(records)?);
        Ok(())
    }

    fn takes_over(&self) -> bool {
        self.destination.options().mirror.writers == Writers::Last
    }
}
