//! The task that brings one stream to one destination: waits for lines, delivers a batch, and puts up with what fails.
//!
//! What it knows can be lost at any moment, and the task be dropped at any await: what was acknowledged is in the spool,
//! what was delivered is in the destination's log, and what neither can tell is in the ledger.

mod compact;
mod confirm;
mod copy;
mod delete;
mod later;
mod send;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::backoff::Backoff;
use super::destination::{Destination, Opened};
use super::event::What;
use super::lane::{Lane, State};
use super::ledger;
use super::on_disk;
use super::shared::Shared;
use super::summaries::Summaries;
use super::trouble::{Remedy, Trouble, records};
use crate::config::{Flush, Writers};
use crate::spool::Place;
use crate::store::{Batch, Chain};
use compact::Compaction;
use copy::LocalCopy;

/// Lines that do not fill a batch wait this long for more.
const MAX_DELAY: Duration = Duration::from_secs(5);

/// Where trying again at once cannot help.
const PARKED: Duration = Duration::from_secs(300);

/// So many failures in a row are an event.
const TOLD_AFTER: u32 = 3;

/// One stream on its way to one destination.
#[derive(Debug)]
pub(super) struct Delivery {
    shared: Arc<Shared>,
    destination: Arc<Destination>,
    lane: Arc<Lane>,
    /// Dead processes' first, our own last.
    copies: Vec<LocalCopy>,
    /// What the ledger says of the stream; none until it was read.
    entry: Option<ledger::Entry>,
    /// The destination's log; none while nothing is known of it.
    log: Option<Chain>,
    /// What the log begins with, if it was deleted and we looked.
    tombstone: Option<Batch>,
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
    /// Since when lines wait that do not fill a batch.
    waiting_since: Option<Instant>,
    compaction: Compaction,
}

impl Delivery {
    pub(super) fn new(shared: Arc<Shared>, destination: Arc<Destination>, lane: Arc<Lane>) -> Self {
        Self {
            shared,
            destination,
            lane,
            copies: Vec::new(),
            entry: None,
            log: None,
            tombstone: None,
            claimed_by: None,
            summaries: Summaries::default(),
            confirmed: 0,
            has_heard: false,
            in_conflict: false,
            backoff: Backoff::default(),
            told: false,
            waiting_since: None,
            compaction: Compaction::default(),
        }
    }

    /// Never ends: whoever owns the task drops it.
    pub(super) async fn run(mut self) {
        let mut opened = self.destination.opened();
        loop {
            self.wait_for_work(&mut opened).await;
            match self.work().await {
                Ok(()) => self.went_well(),
                Err(trouble) => self.endure(trouble, &mut opened).await,
            }
        }
    }

    /// Returns when there is something to do now.
    async fn wait_for_work(&mut self, opened: &mut watch::Receiver<Opened>) {
        loop {
            self.take_news();
            let generation = opened.borrow_and_update().generation;
            let reopened = self.confirmed != generation && self.is_worth_a_look();
            if reopened || self.is_deleting() {
                return;
            }
            let due = self.due();
            if due.is_some_and(|due| due <= Instant::now()) {
                return;
            }
            let mut growing = self.copies.iter_mut().find_map(|copy| copy.growing.as_mut());
            tokio::select! {
                biased;
                () = self.lane.news() => {}
                _ = opened.changed() => {}
                () = grown(&mut growing) => {}
                () = until(due) => return,
            }
        }
    }

    /// When there is something to do; none while there is nothing.
    fn due(&mut self) -> Option<Instant> {
        let Some(copy) = self.copies.iter().find(|copy| copy.is_behind()) else {
            self.waiting_since = None;
            return self.compaction_due();
        };
        let now = Instant::now();
        let since = *self.waiting_since.get_or_insert(now);
        let at_once = self.destination.options().mirror.flush == Flush::Eager || copy.is_due();
        Some(if at_once { now } else { since + MAX_DELAY })
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
        match self.copies.iter().position(LocalCopy::is_behind) {
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
            self.lane.update(|progress| {
                progress.copies.remove(&writer);
            });
        }
        if news.delete {
            // It is in there.
            self.entry = None;
        }
        if news.hurry {
            for copy in &mut self.copies {
                copy.due = copy.stream.end().line;
            }
        }
        if news.retry {
            self.backoff.succeed();
        }
    }

    /// Whether anything that we know of the log could have changed behind our back.
    fn is_worth_a_look(&self) -> bool {
        self.log.is_some() || self.copies.iter().any(|copy| copy.begun)
    }

    fn is_deleting(&self) -> bool {
        self.lane.progress().borrow().is_deleting()
    }

    fn went_well(&mut self) {
        let tries = self.backoff.succeed();
        if std::mem::take(&mut self.told) {
            self.announce(What::Recovered { tries });
            self.set_state(State::Following);
        } else if tries > 0 {
            self.set_state(State::Following);
        }
    }

    /// Waits until trying again makes sense.
    async fn endure(&mut self, trouble: Trouble, opened: &mut watch::Receiver<Opened>) {
        self.confirmed = 0;
        let pause = self.backoff.fail(&self.shared.chance);
        let pause = match trouble.remedy() {
            Remedy::Retry(asked) => {
                if self.backoff.failures() == TOLD_AFTER {
                    self.tell_failed(&trouble);
                }
                pause.max(asked)
            }
            Remedy::Park => {
                self.tell_parked(&trouble);
                PARKED
            }
        };
        self.rest(pause, opened).await;
    }

    /// Waits, unless somebody asks for another try or the destination is opened anew.
    async fn rest(&mut self, pause: Duration, opened: &mut watch::Receiver<Opened>) {
        let generation = opened.borrow_and_update().generation;
        let over = Instant::now() + pause;
        loop {
            tokio::select! {
                biased;
                () = self.lane.news() => {
                    let failures = self.backoff.failures();
                    self.take_news();
                    if self.backoff.failures() < failures {
                        return;
                    }
                }
                _ = opened.changed() => {
                    if opened.borrow_and_update().generation != generation {
                        return;
                    }
                }
                () = tokio::time::sleep_until(over) => return,
            }
        }
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
        let cause = trouble.clone();
        self.set_state(State::Retrying { cause });
    }

    fn tell_parked(&mut self, trouble: &Trouble) {
        if !std::mem::replace(&mut self.told, true) {
            self.announce(match trouble.clone() {
                Trouble::History { position, cause } => What::WaitingForHistory { position, cause },
                cause => What::Parked { cause },
            });
        }
        let cause = trouble.clone();
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

    fn read_ledger(&mut self) -> Result<&mut ledger::Entry, Trouble> {
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
    fn update_ledger(&mut self, change: impl FnOnce(&mut ledger::Entry)) -> Result<(), Trouble> {
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

async fn grown(end: &mut Option<&mut watch::Receiver<Place>>) {
    match end {
        // The sender lives as long as the copy.
        Some(end) => drop(end.changed().await),
        None => std::future::pending().await,
    }
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}
