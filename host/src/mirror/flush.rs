use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

use super::destination::MirrorDestination;
use super::lane::{Lane, State};
use super::shared::Shared;
use crate::key::SessionKey;
use crate::spool::Place;

/// What a flush left undelivered; empty: everything is in every destination.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[must_use = "what is not delivered waits in the spool: say so"]
pub struct Undelivered {
    /// By destination, stream and writer.
    pub left: Vec<Left>,
    /// What dead processes left in the state directory was not all looked at in time: more may wait than `left` names.
    pub adopting: bool,
}

/// Lines of one writer's copy of a stream that one destination does not have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Left {
    /// Which destination.
    pub destination: String,
    /// Which stream.
    pub stream: SessionKey,
    /// Whose copy; none where it is a delete that is not done.
    pub writer: Option<String>,
    /// How many entries.
    pub entries: u64,
    /// How many bytes.
    pub bytes: u64,
    /// Why, where that is known.
    pub cause: Option<String>,
    /// Whether it may be delivered without anybody doing something about it.
    pub can_retry: bool,
}

impl Undelivered {
    /// Whether everything is delivered.
    pub fn is_empty(&self) -> bool {
        self.left.is_empty() && !self.adopting
    }

    /// How many entries remain, each destination's counted.
    pub fn entries(&self) -> u64 {
        self.left.iter().map(|left| left.entries).sum()
    }
}

impl fmt::Display for Undelivered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return write!(f, "everything is delivered");
        }
        if self.adopting {
            write!(f, "what processes that are gone left was not all looked at")?;
            if self.left.is_empty() {
                return Ok(());
            }
            write!(f, "; ")?;
        }
        let destinations: std::collections::BTreeSet<_> = self.left.iter().map(|left| &left.destination).collect();
        write!(f, "{} entries are not delivered yet at", self.entries())?;
        destinations.iter().try_for_each(|name| write!(f, " {name}"))
    }
}

/// What a flush waits for: one lane, and how far.
#[derive(Debug)]
pub(super) struct Aim {
    destination: Arc<MirrorDestination>,
    lane: Arc<Lane>,
    targets: BTreeMap<String, u64>,
}

pub(super) fn hurry(shared: &Arc<Shared>, session: &SessionKey) {
    for (_, lane) in unsettled(shared, Some(session)) {
        lane.tell(|news| news.hurry = true);
    }
}

pub(super) fn delivered(
    shared: &Arc<Shared>,
    key: &SessionKey,
    writer: &str,
    place: Place,
) -> impl Future<Output = bool> + Send + use<> {
    shared.catch_up();
    let targets = BTreeMap::from([(writer.to_owned(), place.line)]);
    let destinations = shared.all_destinations().into_iter();
    let lanes: Vec<_> = destinations
        .filter_map(|destination| destination.lanes().get(key).cloned())
        .collect();
    lanes.iter().for_each(|lane| lane.tell(|news| news.hurry = true));
    let mut closing = shared.closing.subscribe();
    async move {
        for lane in lanes {
            tokio::select! {
                biased;
                () = lane.until(|progress| progress.has_reached(&targets)) => {}
                // Gone with the mirror, or closing.
                _ = closing.wait_for(|closing| *closing) => return false,
            }
        }
        true
    }
}

pub(super) async fn flush(shared: Arc<Shared>, session: Option<SessionKey>, deadline: Option<Duration>) -> Undelivered {
    // What no clock reaches is no deadline.
    let deadline = deadline.and_then(|deadline| Instant::now().checked_add(deadline));
    let mut undelivered = Undelivered {
        adopting: !adopted(&shared, deadline).await,
        ..Undelivered::default()
    };
    for aim in aims(&shared, session.as_ref()) {
        if !aim.reached(deadline).await {
            undelivered.left.extend(aim.left());
        }
    }
    undelivered
}

/// Waits until all dead processes' streams are open; returns `false` if the deadline is over before.
async fn adopted(shared: &Shared, deadline: Option<Instant>) -> bool {
    let mut is_done = shared.adoption.is_done();
    // The sender is there as long as the mirror is.
    let done = async { drop(is_done.wait_for(|done| *done).await) };
    within(deadline, done).await
}

/// The lanes that may lack something, each with the lines that are there now.
pub(super) fn aims(shared: &Arc<Shared>, session: Option<&SessionKey>) -> Vec<Aim> {
    let aim = |(destination, lane): (Arc<MirrorDestination>, Arc<Lane>)| {
        let targets = lane.progress().ends();
        lane.tell(|news| news.hurry = true);
        Aim {
            destination,
            lane,
            targets,
        }
    };
    unsettled(shared, session).into_iter().map(aim).collect()
}

/// Costs as much as there is to do, whatever the number of streams.
fn unsettled(shared: &Arc<Shared>, session: Option<&SessionKey>) -> Vec<(Arc<MirrorDestination>, Arc<Lane>)> {
    shared.catch_up();
    let destinations = shared.all_destinations().into_iter();
    let lanes = destinations.flat_map(|destination| {
        let lanes = destination.unsettled_lanes(session);
        lanes.into_iter().map(move |lane| (destination.clone(), lane))
    });
    lanes.collect()
}

/// Whether it is done before the deadline.
async fn within(deadline: Option<Instant>, done: impl Future<Output = ()>) -> bool {
    match deadline {
        Some(deadline) => tokio::time::timeout_at(deadline, done).await.is_ok(),
        None => {
            done.await;
            true
        }
    }
}

impl Aim {
    /// Waits until it is reached, or the deadline is over.
    async fn reached(&self, deadline: Option<Instant>) -> bool {
        let reached = self.lane.until(|progress| progress.has_reached(&self.targets));
        within(deadline, reached).await
    }

    fn left(&self) -> Vec<Left> {
        let progress = self.lane.progress().clone();
        let opened = self.destination.opened().borrow().clone();
        let can_retry = match &progress.state {
            State::Following => !opened.is_parked,
            State::Retrying { .. } => true,
            State::Parked { .. } | State::Stopped { .. } => false,
        };
        let cause = progress.state.cause().map(ToString::to_string).or(opened.trouble);
        let left = |writer: Option<String>, entries, bytes| Left {
            destination: self.destination.name.clone(),
            stream: self.lane.key.clone(),
            writer,
            entries,
            bytes,
            cause: cause.clone(),
            can_retry,
        };
        let mut all: Vec<_> = progress
            .copies
            .iter()
            .filter(|(writer, copy)| self.targets.get(*writer).is_some_and(|line| !copy.has_reached(*line)))
            .map(|(writer, copy)| {
                let (entries, bytes) = copy.behind();
                left(Some((*writer).to_owned()), entries, bytes)
            })
            .collect();
        if progress.is_deleting() {
            all.push(left(None, 0, 0));
        }
        all
    }
}
