mod live;

use std::collections::BTreeMap;
use std::io;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::Args;
use mirrorbox::agent::{self, DeadRun};
use mirrorbox::config::{Config, DestinationConfig, Manifest};
use mirrorbox::host::Named;
use mirrorbox::key::SessionKey;
use mirrorbox::mirror::{self, DestinationLook, StateLook, StreamWaiting, WriterLook};

use serde::Serialize;

use super::Context;
use super::absent::{self, Unusable};
use super::watch::live::LiveStatus;
use super::watch::socket;
use crate::error::{CliError, Exit};
use crate::output::{Output, Table, bytes, count, left, right, safe_line};

/// Show what waits for each destination: as `mirrorbox watch` says if one runs, else from disk alone
///
/// From disk it tells what waits there, whether or not other processes run.
#[derive(Debug, Args)]
pub(crate) struct Status {}

/// How things stand, for programs.
#[derive(Serialize)]
struct StatusDocument<'a, T> {
    #[serde(flatten)]
    inner: T,
    /// Runs whose processes are gone, and whose rows may not all be on this disk.
    runs: &'a [DeadRun],
}

#[derive(Serialize)]
struct OnDisk<'a> {
    source: &'a str,
    #[serde(flatten)]
    look: &'a StateLook,
    /// Adapters that no host would open.
    adapters: &'a [Unusable],
}

impl Status {
    pub(super) fn run(self, context: &mut Context) -> Result<Exit, CliError> {
        let config = context.lenient_config()?;
        let runs = agent::dead_runs(&config.state)?;
        let exit = match socket::ask(&config.state) {
            Some(live) => self.live(context, &config, live, &runs)?,
            None => self.disk(context, &config, &runs)?,
        };
        Ok(match exit {
            Exit::Done if !runs.is_empty() => Exit::Undelivered,
            exit => exit,
        })
    }

    /// As the process that follows says, and what others have on this disk.
    fn live(
        &self,
        context: &mut Context,
        config: &Config,
        mut live: LiveStatus,
        runs: &[DeadRun],
    ) -> Result<Exit, CliError> {
        let destinations = with_those_named_before(config)?;
        live.add(mirror::look_at_others(&config.state, &destinations, &live.writers)?);
        let document = StatusDocument { inner: &live, runs };
        match context.output.is_json() {
            true => context.output.json(&document)?,
            false => live::print(&mut context.output, &live, runs)?,
        }
        Ok(live.exit())
    }

    fn disk(&self, context: &mut Context, config: &Config, runs: &[DeadRun]) -> Result<Exit, CliError> {
        let adapters = absent::in_directory(config);
        let look = mirror::look(&config.state, &with_those_named_before(config)?)?;
        if context.output.is_json() {
            let inner = OnDisk {
                source: "disk",
                look: &look,
                adapters: &adapters,
            };
            context.output.json(&StatusDocument { inner, runs })?;
        } else {
            let adapters = adapters
                .iter()
                .map(|adapter| live::adapter(&adapter.name, "failed", &adapter.cause));
            let remarks: Vec<_> = remarks(&look)
                .into_iter()
                .chain(adapters)
                .chain(runs.iter().map(run))
                .collect();
            print(&mut context.output, &look, &remarks)?;
        }
        Ok(match look.is_delivered() && adapters.is_empty() {
            true => Exit::Done,
            false => Exit::Undelivered,
        })
    }
}

/// With those that were destinations before and do not stand in the configuration any more: what waits for them is
/// kept.
fn with_those_named_before(config: &Config) -> Result<Vec<DestinationConfig>, CliError> {
    let mut destinations = config.destinations.clone();
    let cannot_read =
        |error: io::Error| CliError::failed(format!("cannot read which destinations there were: {error}"));
    for name in Named::of(&config.state).each().map_err(cannot_read)? {
        if !destinations.iter().any(|destination| destination.name == name) {
            destinations.push(DestinationConfig {
                component: config.adapter_dir().join(format!("{name}.wasm")),
                name,
                manifest: Manifest::default(),
            });
        }
    }
    Ok(destinations)
}

/// What a run left whose process is gone, for people.
pub(super) fn run(run: &DeadRun) -> String {
    let DeadRun { dir, projects, cause } = run;
    format!(
        "run {}, of an agent that wrote to {}: {cause}",
        dir.display(),
        projects.display()
    )
}

fn print(output: &mut Output, look: &StateLook, remarks: &[String]) -> Result<(), CliError> {
    let now = SystemTime::now();
    output.line(destinations(&look.destinations, now))?;
    if let Some(streams) = streams(&look.destinations, now) {
        output.line(format_args!("\n{streams}"))?;
    }
    for line in remarks {
        output.line(safe_line(line))?;
    }
    output.line(format_args!("\n{}", spools(&look.writers)))
}

fn destinations(destinations: &[DestinationLook], now: SystemTime) -> Table {
    let mut table = Table::new(&[
        "DESTINATION",
        "STREAMS",
        "ENTRIES",
        "BYTES",
        "OLDEST",
        "DELETES",
        "EVENTS",
    ]);
    for destination in destinations {
        table.row([
            left(&destination.destination),
            right(destination.streams.len()),
            right(destination.entries),
            right(bytes(destination.bytes)),
            right(age(destination.oldest, destination.entries, now)),
            right(destination.deletes.len()),
            left(events(&destination.events)),
        ]);
    }
    table
}

/// The streams that are behind.
fn streams(destinations: &[DestinationLook], now: SystemTime) -> Option<Table> {
    let mut table = Table::new(&[
        "DESTINATION",
        "STREAM",
        "WRITER",
        "ENTRIES",
        "BYTES",
        "OLDEST",
        "TROUBLE",
    ]);
    let mut is_empty = true;
    for destination in destinations {
        for stream in &destination.streams {
            is_empty = false;
            table.row([
                left(&destination.destination),
                left(stream.stream.to_string()),
                left(writer(stream)),
                right(stream.entries),
                right(bytes(stream.bytes)),
                right(age(stream.oldest, stream.entries, now)),
                left(stream.trouble.as_deref().unwrap_or_default()),
            ]);
        }
    }
    (!is_empty).then_some(table)
}

/// Enough of a writer's identity to tell it from others.
fn writer(stream: &StreamWaiting) -> String {
    let short: String = stream.writer.chars().take(8).collect();
    match stream.alive {
        true => format!("{short} (alive)"),
        false => short,
    }
}

fn age(oldest: Option<u64>, waiting: u64, now: SystemTime) -> String {
    match oldest {
        Some(oldest) => {
            let written = UNIX_EPOCH + Duration::from_millis(oldest);
            let age = now.duration_since(written).unwrap_or_default();
            humantime::format_duration(Duration::from_secs(age.as_secs())).to_string()
        }
        None if waiting > 0 => "unknown".into(),
        None => String::new(),
    }
}

fn events(events: &BTreeMap<String, u64>) -> String {
    let events = events.iter().map(|(event, count)| format!("{event} {count}"));
    events.collect::<Vec<_>>().join(", ")
}

/// A delete that is not done.
fn delete(destination: &str, key: &SessionKey) -> String {
    format!("`{destination}`: {key} is still to be deleted")
}

/// What does not fit the tables.
fn remarks(look: &StateLook) -> Vec<String> {
    let mut remarks = Vec::new();
    for destination in &look.destinations {
        let name = &destination.destination;
        remarks.extend(destination.deletes.iter().map(|key| delete(name, key)));
        remarks.extend(
            destination
                .problems
                .iter()
                .map(|problem| format!("`{name}`: {problem}")),
        );
    }
    for writer in &look.writers {
        remarks.extend(
            writer
                .problems
                .iter()
                .map(|problem| format!("writer {}: {problem}", writer.writer)),
        );
    }
    remarks
}

fn spools(writers: &[WriterLook]) -> String {
    let alive = writers.iter().filter(|writer| writer.alive).count() as u64;
    let dead = writers.len() as u64 - alive;
    format!(
        "{} of living processes, {dead} of dead ones{}",
        count(alive, "spool", "spools"),
        if dead > 0 {
            " (`mirrorbox drain` delivers what those left)"
        } else {
            ""
        }
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiting(alive: bool) -> StreamWaiting {
        StreamWaiting {
            stream: SessionKey::main("p", "s").unwrap(),
            writer: "0123456789abcdef0123456789abcdef".into(),
            alive,
            entries: 3,
            bytes: 30,
            oldest: Some(5_000),
            trouble: Some("away".into()),
        }
    }

    fn destination(streams: Vec<StreamWaiting>) -> DestinationLook {
        DestinationLook {
            destination: "fs".into(),
            entries: streams.iter().map(|stream| stream.entries).sum(),
            bytes: streams.iter().map(|stream| stream.bytes).sum(),
            oldest: streams.iter().filter_map(|stream| stream.oldest).min(),
            deletes: Vec::new(),
            events: [("failed".to_owned(), 2)].into(),
            streams,
            problems: Vec::new(),
        }
    }

    #[test]
    fn what_waits_is_told_by_destination_and_by_stream() {
        let now = UNIX_EPOCH + Duration::from_secs(65);
        let all = [destination(vec![waiting(true)])];
        assert_eq!(
            destinations(&all, now).to_string(),
            "DESTINATION  STREAMS  ENTRIES  BYTES  OLDEST  DELETES  EVENTS\n\
             fs                 1        3   30 B      1m        0  failed 2"
        );
        assert_eq!(
            streams(&all, now).unwrap().to_string(),
            "DESTINATION  STREAM  WRITER            ENTRIES  BYTES  OLDEST  TROUBLE\n\
             fs           p/s     01234567 (alive)        3   30 B      1m  away"
        );
        assert!(streams(&[destination(Vec::new())], now).is_none());
    }

    #[test]
    fn an_age_that_nobody_knows_is_not_made_up() {
        assert_eq!(age(None, 3, UNIX_EPOCH), "unknown");
        assert_eq!(age(None, 0, UNIX_EPOCH), "");
        assert_eq!(age(Some(5_000), 3, UNIX_EPOCH), "0s");
    }
}
