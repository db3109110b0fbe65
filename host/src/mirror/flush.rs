use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

use super::destination::Destination;
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
        self.left.is_empty()
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
        let destinations: std::collections::BTreeSet<_> = self.left.iter().map(|left| &left.destination).collect();
        write!(f, "{} entries are not delivered yet at", self.entries())?;
        destinations.iter().try_for_each(|name| write!(f, " {name}"))
    }
}

/// What a flush waits for: one lane, and how far.
struct Aim {
    destination: Arc<Destination>,
    lane: Arc<Lane>,
    targets: BTreeMap<String, u64>,
}

pub(super) fn hurry(shared: &Arc<Shared>, session: Option<&SessionKey>) {
    for (_, lane) in lanes(shared, session) {
        lane.tell(|news| news.hurry = true);
    }
}

pub(super) fn delivered(
    shared: &Arc<Shared>,
    key: &SessionKey,
    writer: &str,
    place: Place,
) -> impl Future<Output = bool> + Send + use<> {
    let targets = BTreeMap::from([(writer.to_owned(), place.line)]);
    let lanes: Vec<_> = lanes(shared, Some(key))
        .into_iter()
        .map(|(_, lane)| lane)
        .filter(|lane| lane.key == *key)
        .collect();
    lanes.iter().for_each(|lane| lane.tell(|news| news.hurry = true));
    let mut closing = shared.closing.subscribe();
    async move {
        for lane in lanes {
            let mut progress = lane.progress();
            let reached = progress.wait_for(|progress| progress.has_reached(&targets));
            tokio::select! {
                biased;
                reached = reached => drop(reached),
                () = async { drop(closing.wait_for(|closing| *closing).await) } => return false,
            }
        }
        true
    }
}

pub(super) async fn flush(shared: Arc<Shared>, session: Option<SessionKey>, deadline: Option<Duration>) -> Undelivered {
    let deadline = deadline.map(|deadline| Instant::now() + deadline);
    let mut aims = Vec::new();
    for (destination, lane) in lanes(&shared, session.as_ref()) {
        let targets = lane.progress().borrow().ends();
        lane.tell(|news| news.hurry = true);
        aims.push(Aim {
            destination,
            lane,
            targets,
        });
    }
    let mut undelivered = Undelivered::default();
    for aim in aims {
        if !aim.reached(deadline).await {
            undelivered.left.extend(aim.left());
        }
    }
    undelivered
}

fn lanes(shared: &Arc<Shared>, session: Option<&SessionKey>) -> Vec<(Arc<Destination>, Arc<Lane>)> {
    shared.catch_up();
    let main = session.map(SessionKey::to_main);
    let is_meant = |key: &SessionKey| main.as_ref().is_none_or(|main| key.to_main() == *main);
    let destinations = shared.all_destinations().into_iter();
    let lanes = destinations.flat_map(|destination| {
        let lanes: Vec<_> = destination.lanes().values().cloned().collect();
        lanes.into_iter().map(move |lane| (destination.clone(), lane))
    });
    lanes.filter(|(_, lane)| is_meant(&lane.key)).collect()
}

impl Aim {
    /// Waits until it is reached, or the deadline is over.
    async fn reached(&self, deadline: Option<Instant>) -> bool {
        let mut progress = self.lane.progress();
        let reached = async { drop(progress.wait_for(|progress| progress.has_reached(&self.targets)).await) };
        match deadline {
            Some(deadline) => tokio::time::timeout_at(deadline, reached).await.is_ok(),
            None => {
                reached.await;
                true
            }
        }
    }

    fn left(&self) -> Vec<Left> {
        let progress = self.lane.progress().borrow().clone();
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
                left(Some(writer.clone()), entries, bytes)
            })
            .collect();
        if progress.is_deleting() {
            all.push(left(None, 0, 0));
        }
        all
    }
}
