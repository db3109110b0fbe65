use std::time::Duration;

use super::events;
use crate::command::watch::lacking::lacking;
use crate::command::watch::live::{LiveDestination, LiveStatus};
use crate::error::CliError;
use crate::output::{Output, Table, bytes, count, left, right, safe_line};
use mirrorbox::agent::DeadRun;
use mirrorbox::watch::Waiting;
use serde_json::Value;

/// What the process that follows says.
pub(super) fn print(output: &mut Output, live: &LiveStatus, runs: &[DeadRun]) -> Result<(), CliError> {
    output.line(destinations(&live.destinations))?;
    if let Some(streams) = streams(&live.destinations) {
        output.line(format_args!("\n{streams}"))?;
    }
    let runs = runs.iter().map(super::run);
    let deletes = live.destinations.iter().flat_map(|destination| {
        let deletes = destination.deletes.iter();
        deletes.map(|key| super::delete(&destination.destination, key))
    });
    for line in adapters(&live.adapters)
        .into_iter()
        .chain(deletes)
        .chain(live.problems.iter().cloned())
        .chain(waiting(live))
        .chain(lacking(&live.files))
        .chain(runs)
    {
        output.line(safe_line(&line))?;
    }
    let uptime = humantime::format_duration(Duration::from_secs(live.uptime_seconds));
    let followed = count(live.files.transcripts, "transcript", "transcripts");
    let taken = count(live.files.entries, "entry", "entries");
    output.line(format_args!(
        "\n`mirrorbox watch` {} has run as process {} for {uptime}: {followed} followed, {} waiting, {taken} taken",
        safe_line(&live.version),
        live.pid,
        live.files.waits,
    ))
}

fn destinations(destinations: &[LiveDestination]) -> Table {
    let mut table = Table::new(&[
        "DESTINATION",
        "STATE",
        "STREAMS",
        "BEHIND",
        "ENTRIES",
        "BYTES",
        "EVENTS",
        "TROUBLE",
    ]);
    for destination in destinations {
        table.row([
            left(&destination.destination),
            left(if destination.open { "open" } else { "closed" }),
            right(destination.streams),
            right(destination.streams_behind),
            right(destination.entries_behind),
            right(bytes(destination.bytes_behind)),
            left(events(&destination.events)),
            left(safe_line(destination.trouble.as_deref().unwrap_or_default())),
        ]);
    }
    table
}

/// The streams that are behind.
fn streams(destinations: &[LiveDestination]) -> Option<Table> {
    let mut table = Table::new(&["DESTINATION", "STREAM", "STATE", "ENTRIES", "BYTES", "CAUSE"]);
    let mut is_empty = true;
    for destination in destinations {
        for stream in &destination.behind {
            is_empty = false;
            table.row([
                left(&destination.destination),
                left(safe_line(&stream.stream)),
                left(&stream.state),
                right(stream.entries),
                right(bytes(stream.bytes)),
                left(safe_line(stream.cause.as_deref().unwrap_or_default())),
            ]);
        }
    }
    (!is_empty).then_some(table)
}

/// Adapters with which something is wrong.
fn adapters(adapters: &[Value]) -> Vec<String> {
    let lines = adapters.iter().filter_map(|status| {
        let text = |name: &str| status.get(name).and_then(Value::as_str);
        Some(adapter(text("name")?, text("state")?, text("cause")?))
    });
    lines.collect()
}

/// One of them, for people.
pub(super) fn adapter(name: &str, state: &str, cause: &str) -> String {
    format!("adapter {name} ({state}): {cause}")
}

/// Transcripts whose lines are not taken for now.
fn waiting(live: &LiveStatus) -> Vec<String> {
    let waiting = live.files.waiting.iter();
    waiting
        .map(|Waiting { stream, cause }| format!("{stream} waits: {cause}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_living_process_says_is_shown() {
        let live: LiveStatus = serde_json::from_value(json!({
            "source": "watch", "version": "0.1.0", "pid": 7, "uptime_seconds": 65,
            "files": {
                "ready": true, "looks": 3, "transcripts": 2, "entries": 9, "waits": 1,
                "waiting": [{"stream": {"project": "p", "session": "s"}, "wait": "failed", "cause": "full"}],
            },
            "destinations": [{
                "destination": "fs", "open": true, "trouble": null, "counts": {}, "events": {"failed": 2}, "streams": 2, "streams_behind": 1,
                "entries_behind": 3, "bytes_behind": 30,
                "behind": [{"stream": "p/s", "writer": "w", "entries": 3, "bytes": 30, "state": "retrying",
                            "cause": "away"}],
            }],
            "adapters": [{"name": "fs", "state": "open"}, {"name": "x", "state": "failed", "cause": "it is text"}],
        }))
        .unwrap();
        assert_eq!(
            destinations(&live.destinations).to_string(),
            "DESTINATION  STATE  STREAMS  BEHIND  ENTRIES  BYTES  EVENTS    TROUBLE\n\
             fs           open         2       1        3   30 B  failed 2"
        );
        assert_eq!(
            streams(&live.destinations).unwrap().to_string(),
            "DESTINATION  STREAM  STATE     ENTRIES  BYTES  CAUSE\n\
             fs           p/s     retrying        3   30 B  away"
        );
        assert_eq!(adapters(&live.adapters), ["adapter x (failed): it is text"]);
        assert_eq!(waiting(&live), ["p/s waits: full; it is tried again"]);
        assert_eq!(live.exit(), crate::error::Exit::Undelivered);
    }
}
