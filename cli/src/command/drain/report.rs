//! What `mirrorbox drain` delivered and what still waits, as a table or as JSON.

use mirrorbox::agent::DeadRun;
use mirrorbox::mirror::{DeliveryCounts, DestinationLook, DestinationStatus, StateLook, StreamWaiting, Undelivered};
use serde::Serialize;

use crate::command::status::run;
use crate::error::{CliError, Exit};
use crate::output::{Output, Table, bytes, left, right, safe_line};

/// What a drain came to.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    destinations: Vec<Row>,
    /// Spools that cannot be read, for people.
    problems: Vec<String>,
    /// Runs whose rows could not all be brought to this disk.
    runs: Vec<DeadRun>,
}

#[derive(Debug, Serialize)]
struct Row {
    destination: String,
    delivered: Delivered,
    /// What dead processes left and is still here.
    remains: Waiting,
    /// What living processes have yet to deliver.
    theirs: Waiting,
    /// Deletes that are not done.
    deletes: usize,
    /// Why something remains, each reason once.
    causes: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Delivered {
    batches: u64,
    entries: u64,
    bytes: u64,
}

/// Lines that wait.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
struct Waiting {
    entries: u64,
    bytes: u64,
    /// Whose.
    writers: Vec<String>,
}

impl Report {
    /// From what the host said, and from what lies on disk after it.
    pub(super) fn new(status: &[DestinationStatus], left: &Undelivered, look: &StateLook, runs: Vec<DeadRun>) -> Self {
        let row = |destination: &DestinationLook| {
            let counts = status
                .iter()
                .find(|status| status.destination == destination.destination)
                .map(|status| &status.counts);
            Row::new(destination, counts, left)
        };
        Self {
            destinations: look.destinations.iter().map(row).collect(),
            problems: look.writers.iter().flat_map(|writer| writer.problems.clone()).collect(),
            runs,
        }
    }

    pub(super) fn exit(&self) -> Exit {
        let is_done = |row: &Row| row.remains.entries + row.theirs.entries == 0 && row.deletes == 0;
        match self.problems.is_empty() && self.runs.is_empty() && self.destinations.iter().all(is_done) {
            true => Exit::Done,
            false => Exit::Undelivered,
        }
    }

    pub(super) fn print(&self, output: &mut Output) -> Result<(), CliError> {
        if output.is_json() {
            return output.json(self);
        }
        output.line(self.table())?;
        for row in &self.destinations {
            for cause in &row.causes {
                output.line(safe_line(&format!("`{}`: {cause}", row.destination)))?;
            }
            if !row.theirs.writers.is_empty() {
                let writers = row.theirs.writers.join(", ");
                output.line(format_args!(
                    "`{}`: left to living processes: {writers}",
                    row.destination
                ))?;
            }
        }
        let runs = self.runs.iter().map(run);
        let mut problems = self.problems.iter().cloned().chain(runs);
        problems.try_for_each(|problem| output.line(safe_line(&problem)))
    }

    fn table(&self) -> Table {
        let mut table = Table::new(&["DESTINATION", "DELIVERED", "BYTES", "REMAIN", "OF LIVING", "DELETES"]);
        for row in &self.destinations {
            table.row([
                left(&row.destination),
                right(row.delivered.entries),
                right(bytes(row.delivered.bytes)),
                right(row.remains.entries),
                right(row.theirs.entries),
                right(row.deletes),
            ]);
        }
        table
    }
}

impl Row {
    fn new(look: &DestinationLook, counts: Option<&DeliveryCounts>, undelivered: &Undelivered) -> Self {
        let (theirs, ours): (Vec<_>, Vec<_>) = look.streams.iter().partition(|stream| stream.alive);
        let of_host = undelivered
            .left
            .iter()
            .filter(|left| left.destination == look.destination)
            .filter_map(|left| left.cause.clone());
        let of_records = ours.iter().filter_map(|stream| stream.trouble.clone());
        let mut causes: Vec<_> = of_host.chain(of_records).chain(look.problems.clone()).collect();
        causes.sort();
        causes.dedup();
        Self {
            destination: look.destination.clone(),
            delivered: Delivered {
                batches: counts.map_or(0, |counts| counts.batches),
                entries: counts.map_or(0, |counts| counts.entries),
                bytes: counts.map_or(0, |counts| counts.bytes),
            },
            remains: Waiting::of(&ours),
            theirs: Waiting::of(&theirs),
            deletes: look.deletes.len(),
            causes,
        }
    }
}

impl Waiting {
    fn of(streams: &[&StreamWaiting]) -> Self {
        let mut writers: Vec<_> = streams.iter().map(|stream| stream.writer.clone()).collect();
        writers.sort();
        writers.dedup();
        Self {
            entries: streams.iter().map(|stream| stream.entries).sum(),
            bytes: streams.iter().map(|stream| stream.bytes).sum(),
            writers,
        }
    }
}

#[cfg(test)]
mod tests {
    use mirrorbox::key::SessionKey;
    use mirrorbox::mirror::Left;

    use super::*;

    fn waiting(writer: &str, alive: bool) -> StreamWaiting {
        StreamWaiting {
            stream: SessionKey::main("p", "s").unwrap(),
            writer: writer.into(),
            alive,
            entries: 2,
            bytes: 20,
            oldest: None,
            trouble: Some("denied".into()),
        }
    }

    fn look(streams: Vec<StreamWaiting>) -> StateLook {
        StateLook {
            writers: Vec::new(),
            destinations: vec![DestinationLook {
                destination: "fs".into(),
                entries: 0,
                bytes: 0,
                oldest: None,
                deletes: Vec::new(),
                events: Default::default(),
                streams,
                problems: Vec::new(),
            }],
        }
    }

    #[test]
    fn what_remains_is_told_from_what_is_others() {
        let left = Undelivered {
            left: vec![Left {
                destination: "fs".into(),
                stream: SessionKey::main("p", "s").unwrap(),
                writer: Some("dead".into()),
                entries: 2,
                bytes: 20,
                cause: Some("denied".into()),
                can_retry: false,
            }],
            adopting: false,
        };
        let report = Report::new(
            &[],
            &left,
            &look(vec![waiting("dead", false), waiting("living", true)]),
            Vec::new(),
        );
        let [row] = &report.destinations[..] else {
            panic!("{report:?}")
        };
        assert_eq!(
            (row.remains.entries, &row.remains.writers[..]),
            (2, &["dead".to_owned()][..])
        );
        assert_eq!(
            (row.theirs.entries, &row.theirs.writers[..]),
            (2, &["living".to_owned()][..])
        );
        assert_eq!(row.causes, ["denied"]);
        assert_eq!(report.exit(), Exit::Undelivered);
        let done = |runs| Report::new(&[], &Undelivered::default(), &look(Vec::new()), runs);
        assert_eq!(done(Vec::new()).exit(), Exit::Done);
        let dead = DeadRun {
            dir: "/state/agents/x".into(),
            projects: "/projects".into(),
            cause: "its file cannot be read".into(),
        };
        assert_eq!(done(vec![dead]).exit(), Exit::Undelivered);
    }
}
