use std::collections::{BTreeMap, BTreeSet};
use std::process;
use std::time::Instant;

use mirrorbox::host::Host;
use mirrorbox::key::SessionKey;
use mirrorbox::mirror::{DestinationLook, DestinationStatus, StateLook, WriterLook};
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
    /// Whose lines the process delivers: the command that asks counts what others have in the state directory.
    #[serde(default)]
    pub(crate) writers: BTreeSet<String>,
    /// What of other processes' spools cannot be read, or is damaged, for people.
    #[serde(default)]
    pub(crate) problems: Vec<String>,
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
    /// What the process counted.
    pub(crate) counts: Value,
    /// What the processes whose spools are there had to tell of it, counted.
    #[serde(default)]
    pub(crate) events: BTreeMap<String, u64>,
    /// Streams that are still to be deleted there.
    #[serde(default)]
    pub(crate) deletes: Vec<SessionKey>,
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
    pub(super) fn new(begun: Instant, files: Figures, host: &Host) -> Self {
        let (destinations, adapters) = (host.status(), host.adapters());
        Self {
            source: "watch".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: process::id(),
            uptime_seconds: begun.elapsed().as_secs(),
            // Before the rest: of a spool that is adopted meanwhile, more is said, and nothing is left out.
            writers: host.writers(),
            problems: Vec::new(),
            files,
            destinations: destinations.iter().map(LiveDestination::new).collect(),
            adapters: adapters.iter().map(to_value).collect(),
        }
    }

    /// Whether everything is taken and delivered, and every adapter of the configuration takes part.
    pub(crate) fn exit(&self) -> Exit {
        let is_behind = |destination: &LiveDestination| {
            destination.streams_behind > 0 || !destination.open || !destination.deletes.is_empty()
        };
        let is_absent = |adapter: &Value| adapter.get("state").and_then(Value::as_str) == Some("failed");
        let is_lacking = self.destinations.iter().any(is_behind) || self.adapters.iter().any(is_absent);
        let is_lacking = is_lacking || !self.problems.is_empty();
        match self.files.waits > 0 || is_lacking || lacking::is_lacking(&self.files) {
            true => Exit::Undelivered,
            false => Exit::Done,
        }
    }
}

impl LiveStatus {
    /// Adds what other processes have in the state directory, as it lies on disk.
    pub(crate) fn add(&mut self, others: StateLook) {
        for others in others.destinations {
            let name = others.destination.clone();
            let known = self.destinations.iter_mut().position(|known| known.destination == name);
            let at = known.unwrap_or_else(|| {
                self.destinations.push(LiveDestination::unknown(name));
                self.destinations.len() - 1
            });
            let problems = self.destinations.get_mut(at).map(|destination| destination.add(others));
            self.problems.extend(problems.into_iter().flatten());
        }
        for WriterLook { writer, problems, .. } in others.writers {
            let problems = problems.iter().map(|problem| format!("writer {writer}: {problem}"));
            self.problems.extend(problems);
        }
    }
}

impl LiveDestination {
    /// One that the process does not serve: it came into the configuration just now, or is to be removed from it.
    fn unknown(destination: String) -> Self {
        Self {
            destination,
            open: false,
            trouble: Some("the process that follows does not know it".to_owned()),
            counts: Value::Null,
            events: BTreeMap::new(),
            deletes: Vec::new(),
            streams: 0,
            streams_behind: 0,
            entries_behind: 0,
            bytes_behind: 0,
            behind: Vec::new(),
        }
    }

    /// Gives what cannot be read.
    fn add(&mut self, others: DestinationLook) -> Vec<String> {
        self.events = others.events;
        self.deletes = others.deletes;
        self.streams += others.streams.len() as u64;
        self.streams_behind += others.streams.len() as u64;
        self.entries_behind += others.entries;
        self.bytes_behind += others.bytes;
        let room = NAMED.saturating_sub(self.behind.len());
        self.behind
            .extend(others.streams.into_iter().take(room).map(|stream| LiveStream {
                stream: stream.stream.to_string(),
                writer: stream.writer,
                entries: stream.entries,
                bytes: stream.bytes,
                state: if stream.alive { "another's" } else { "left" }.to_owned(),
                cause: stream.trouble,
            }));
        let name = &self.destination;
        let problems = others.problems.iter().map(|problem| format!("`{name}`: {problem}"));
        problems.collect()
    }

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
            events: BTreeMap::new(),
            deletes: Vec::new(),
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
