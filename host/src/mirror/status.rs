use serde::Serialize;

use super::event::DeliveryCounts;
use super::lane::{LaneProgress, State};
use super::shared::Shared;
use crate::key::SessionKey;

/// How a destination is doing.
#[derive(Clone, Debug, Serialize)]
pub struct DestinationStatus {
    /// Its name.
    pub destination: String,
    /// Whether its store is open.
    pub open: bool,
    /// Why it is not.
    pub trouble: Option<String>,
    /// How often in a row calls failed.
    pub failures: u32,
    /// What was counted.
    pub counts: DeliveryCounts,
    /// Its streams, those that have everything included.
    pub streams: Vec<StreamStatus>,
}

/// How one writer's copy of a stream is doing at a destination.
#[derive(Clone, Debug, Serialize)]
pub struct StreamStatus {
    /// Which stream.
    pub stream: SessionKey,
    /// Whose copy.
    pub writer: String,
    /// Entries that are not there yet.
    pub entries: u64,
    /// Bytes that are not there yet.
    pub bytes: u64,
    /// `following`, `retrying`, `parked` or `stopped`.
    pub state: &'static str,
    /// Why, unless it is following.
    pub cause: Option<String>,
}

pub(super) fn status(shared: &Shared) -> Vec<DestinationStatus> {
    let destinations = shared.all_destinations().into_iter();
    let status = destinations.map(|destination| {
        let opened = destination.opened().borrow().clone();
        let lanes = destination.all_lanes();
        let streams = lanes.iter().flat_map(|lane| streams(&lane.key, &lane.progress()));
        DestinationStatus {
            destination: destination.name.clone(),
            open: opened.store.is_some(),
            trouble: opened.trouble,
            failures: destination.failures(),
            counts: destination.announcer.counts(),
            streams: streams.collect(),
        }
    });
    status.collect()
}

fn streams(key: &SessionKey, progress: &LaneProgress) -> Vec<StreamStatus> {
    let streams = progress.copies.iter().map(|(writer, copy)| {
        let (entries, bytes) = copy.behind();
        StreamStatus {
            stream: key.clone(),
            writer: writer.to_owned(),
            entries,
            bytes,
            state: progress.state.name(),
            cause: progress.state.cause().map(ToString::to_string),
        }
    });
    streams.collect()
}

impl State {
    fn name(&self) -> &'static str {
        match self {
            State::Following => "following",
            State::Retrying { .. } => "retrying",
            State::Parked { .. } => "parked",
            State::Stopped { .. } => "stopped",
        }
    }
}
