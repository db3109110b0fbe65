use std::process;
use std::time::Instant;

use mirrorbox::host::AdapterStatus;
use mirrorbox::mirror::DestinationStatus;
use mirrorbox::watch::Figures;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::lacking;
use crate::error::Exit;

/// The most streams of a destination that are named.
const NAMED: usize = 1000;

/// What a process that follows says of itself.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct LiveStatus {
    /// `watch`.
    pub(crate) source: String,
    pub(crate) version: String,
    pub(crate) pid: u32,
    pub(crate) uptime_seconds: u64,
    /// How the following goes.
    pub(crate) files: Figures,
    pub(crate) destinations: Vec<LiveDestination>,
    /// How each adapter in the adapter directory is doing: `mirrorbox::host::AdapterStatus` as JSON.
    pub(crate) adapters: Vec<Value>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct LiveDestination {
    pub(crate) destination: String,
    pub(crate) open: bool,
    pub(crate) trouble: Option<String>,
    /// What was counted, by event.
    pub(crate) counts: Value,
    /// Streams that are there in whole or in part.
    pub(crate) streams: u64,
    /// Streams that are behind, and by how much.
    pub(crate) streams_behind: u64,
    pub(crate) entries_behind: u64,
    pub(crate) bytes_behind: u64,
    /// The first of them.
    pub(crate) behind: Vec<LiveStream>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct LiveStream {
    pub(crate) stream: String,
    pub(crate) writer: String,
    pub(crate) entries: u64,
    pub(crate) bytes: u64,
    pub(crate) state: String,
    pub(crate) cause: Option<String>,
}

impl LiveStatus {
    pub(super) fn new(
        begun: Instant,
        files: Figures,
        destinations: &[DestinationStatus],
        adapters: &[AdapterStatus],
    ) -> Self {
        Self {
            source: "watch".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: process::id(),
            uptime_seconds: begun.elapsed().as_secs(),
            files,
            destinations: destinations.iter().map(LiveDestination::new).collect(),
            adapters: adapters.iter().map(to_value).collect(),
        }
    }

    /// Whether everything is taken and delivered, and every adapter of the configuration takes part.
    pub(crate) fn exit(&self) -> Exit {
        let is_behind = |destination: &LiveDestination| destination.streams_behind > 0 || !destination.open;
        let is_absent = |adapter: &Value| adapter.get("state").and_then(Value::as_str) == Some("failed");
        let is_lacking = self.destinations.iter().any(is_behind) || self.adapters.iter().any(is_absent);
        match self.files.waits > 0 || is_lacking || lacking::is_lacking(&self.files) {
            true => Exit::Undelivered,
            false => Exit::Done,
        }
    }
}

impl LiveDestination {
    fn new(status: &DestinationStatus) -> Self {
        let behind = status.streams.iter().filter(|stream| stream.entries > 0);
        let named = behind.clone().take(NAMED).map(|stream| LiveStream {
            stream: stream.stream.to_string(),
            writer: stream.writer.clone(),
            entries: stream.entries,
            bytes: stream.bytes,
            state: stream.state.to_owned(),
            cause: stream.cause.clone(),
        });
        Self {
            destination: status.destination.clone(),
            open: status.open,
            trouble: status.trouble.clone(),
            counts: to_value(&status.counts),
            streams: status.streams.len() as u64,
            streams_behind: behind.clone().count() as u64,
            entries_behind: behind.clone().map(|stream| stream.entries).sum(),
            bytes_behind: behind.clone().map(|stream| stream.bytes).sum(),
            behind: named.collect(),
        }
    }
}

/// Figures are numbers and names: they can always be written.
fn to_value(figures: &impl Serialize) -> Value {
    serde_json::to_value(figures).unwrap_or_default()
}
