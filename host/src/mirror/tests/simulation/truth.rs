//! What really happened: every acknowledged line, every batch that landed, everything that was told.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use tokio::sync::broadcast;
use tokio::time::Instant;

use super::log::Log;
use crate::key::SessionKey;
use crate::mirror::{Event, What};
use crate::store::{Batch, Kind, Summary};

/// A backend, and how often it was swapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Incarnation(pub(super) usize, pub(super) usize);

/// Who calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Caller {
    pub(super) machine: usize,
    pub(super) process: usize,
}

/// A writer's copy of a stream.
#[derive(Clone, Debug, Default)]
pub(super) struct Copy {
    /// So many lines come before.
    pub(super) base: u64,
    /// What was acknowledged.
    pub(super) lines: Vec<String>,
    /// What was refused, and may turn up after a crash all the same.
    pub(super) refused: BTreeSet<String>,
}

/// A copy at a destination.
pub(super) type Share = (usize, String, SessionKey);

#[derive(Debug, Default)]
pub(super) struct Truth {
    pub(super) trace: Trace,
    /// Hosts stop where another took over.
    pub(super) last: bool,
    /// By writer: its machine.
    pub(super) writers: BTreeMap<String, usize>,
    pub(super) copies: BTreeMap<(String, SessionKey), Copy>,
    pub(super) logs: BTreeMap<(Incarnation, SessionKey), Log>,
    /// Lines before this one were deleted by their own host.
    pub(super) deleted: BTreeMap<Share, u64>,
    /// How often a machine asked for a delete of a session at a destination, or has to see to it there.
    pub(super) asked: BTreeMap<(usize, SessionKey, usize), u64>,
    /// Lines before this one may have been: the wish could not be written down.
    pub(super) perhaps_deleted: BTreeMap<Share, u64>,
    /// Lines that a tombstone hid, or that their host was told are not delivered because of one.
    pub(super) excused: BTreeMap<Share, BTreeSet<u64>>,
    /// Destinations that are known not to take more of a machine's.
    pub(super) superseded: BTreeSet<(usize, SessionKey, usize)>,
    /// Destinations that were added when a writer's spool had been delivered everywhere, and removed.
    pub(super) came_too_late: BTreeSet<(usize, String)>,
    pub(super) waiting: BTreeSet<(usize, SessionKey, usize)>,
    /// By destination, stream and process.
    told_of_loss: BTreeSet<(usize, SessionKey, usize)>,
    /// By destination: how often it began anew.
    newest: BTreeMap<usize, usize>,
    laid_by: BTreeMap<(usize, SessionKey), Log>,
    /// Backends that were put back: what was deleted may be in them.
    pub(super) put_back: BTreeSet<Incarnation>,
    witnesses: Vec<Witness>,
}

/// What a process was told, and should have been.
#[derive(Debug)]
struct Witness {
    machine: usize,
    events: broadcast::Receiver<Event>,
    /// By destination, stream and writer: batches of other hosts.
    told: BTreeMap<Share, u64>,
    due: BTreeMap<Share, u64>,
}

/// What happened, in order; printed when the simulation fails.
#[derive(Debug, Default)]
pub(super) struct Trace {
    pub(super) lines: Vec<String>,
    pub(super) began: Option<Instant>,
}

impl Trace {
    pub(super) fn note(&mut self, what: fmt::Arguments<'_>) {
        let now = self.began.map_or(0, |began| began.elapsed().as_millis());
        self.lines.push(format!("{now:>9} {what}"));
    }
}

impl Truth {
    pub(super) fn new(last: bool) -> Self {
        let mut truth = Self::default();
        truth.trace.began = Some(Instant::now());
        truth.last = last;
        truth
    }

    /// A new process listens; gives its number.
    pub(super) fn witness(&mut self, machine: usize, events: broadcast::Receiver<Event>) -> usize {
        self.witnesses.push(Witness {
            machine,
            events,
            told: BTreeMap::new(),
            due: BTreeMap::new(),
        });
        self.witnesses.len() - 1
    }

    /// A copy of a backend is made.
    pub(super) fn lay_by(&mut self, of: Incarnation) {
        self.laid_by.retain(|(at, _), _| *at != of.0);
        let logs = self.logs.iter().filter(|((incarnation, _), _)| *incarnation == of);
        let logs: Vec<_> = logs.map(|((_, key), log)| ((of.0, key.clone()), log.clone())).collect();
        self.laid_by.extend(logs);
    }

    /// A machine learns of a destination: what it deleted of the spools that it kept is deleted there, too.
    pub(super) fn tell_of_deletes(&mut self, at: usize, machine: usize, kept: &[String]) {
        let is_kept = |writer: &String| self.writers[writer] == machine && kept.contains(writer);
        // Of all else it may be: what is copied from others lacks what was deleted there.
        let (here, perhaps): (Vec<_>, Vec<_>) = self
            .deleted
            .clone()
            .into_iter()
            .partition(|((_, of, _), _)| is_kept(of));
        let perhaps: Vec<_> = perhaps.into_iter().chain(self.perhaps_deleted.clone()).collect();
        for (deleted, all) in [(&mut self.deleted, here), (&mut self.perhaps_deleted, perhaps)] {
            for ((_, writer, key), end) in all {
                let line = deleted.entry((at, writer, key)).or_default();
                *line = end.max(*line);
            }
        }
        let sessions = self.asked.keys().filter(|(_, _, by)| *by == machine);
        let sessions: BTreeSet<_> = sessions.map(|(_, session, _)| session.clone()).collect();
        for session in sessions {
            *self.asked.entry((at, session, machine)).or_default() += 1;
        }
    }

    /// A backend begins anew, with nothing or with its copy.
    pub(super) fn swap(&mut self, at: usize, number: usize, is_copy: bool) {
        let incarnation = Incarnation(at, number);
        self.told_of_loss.retain(|(of, ..)| *of != at);
        self.newest.insert(at, number);
        if is_copy {
            self.put_back.insert(incarnation);
            let logs = self.laid_by.iter().filter(|((of, _), _)| *of == at);
            let logs: Vec<_> = logs
                .map(|((_, key), log)| ((incarnation, key.clone()), log.clone()))
                .collect();
            self.logs.extend(logs);
        }
    }

    pub(super) fn machine(&self, writer: &str) -> usize {
        self.writers[writer]
    }

    /// A batch is in a log, perhaps not for the first time.
    pub(super) fn landed(
        &mut self,
        at: Incarnation,
        key: &SessionKey,
        batch: &Batch,
        summary: Option<&Summary>,
        caller: Caller,
    ) {
        if let Some(summary) = summary {
            assert_eq!(summary.through, batch.number, "a summary goes with its batch");
        }
        let mut log = self.logs.remove(&(at, key.clone())).unwrap_or_default();
        if log.is_new(batch) {
            let Caller { machine, process } = caller;
            let Batch { number, origin, .. } = batch;
            let (kind, writer, line) = (batch.kind.name(), self.short(&origin.writer), origin.line);
            let end = line + lines(batch).count() as u64;
            self.trace.note(format_args!(
                "d{}.{} {key} {number}: {kind} of {writer}, {line}..{end}, by m{machine} p{process}",
                at.0, at.1
            ));
            self.drain(process);
            self.take(at, key, batch, caller, &mut log);
        }
        self.logs.insert((at, key.clone()), log);
    }

    fn take(&mut self, at: Incarnation, key: &SessionKey, batch: &Batch, caller: Caller, log: &mut Log) {
        let writer = &batch.origin.writer;
        let share = |writer: &str| (at.0, writer.to_owned(), key.clone());
        match batch.kind {
            Kind::Entries => {
                let copy = &self.copies[&(writer.clone(), key.clone())];
                let deleted = self.deleted.get(&share(writer)).copied().unwrap_or_default();
                for (line, text) in (batch.origin.line..).zip(lines(batch)) {
                    let expected = &copy.lines[(line - copy.base - 1) as usize];
                    assert_eq!(text, expected.as_bytes(), "line {line} is not what was appended");
                    log.take_line(writer, line, deleted);
                }
                if self.last && self.machine(writer) == caller.machine {
                    let claimed = log.claimed_by().map(|writer| self.machine(writer));
                    // What another destination holds may be copied from there.
                    let is_filling = claimed.is_none() && self.is_elsewhere(at.0, key, batch);
                    let is_last = claimed == Some(caller.machine);
                    assert!(is_last || is_filling, "it lands behind another host's claim");
                }
            }
            Kind::Claim => {}
            Kind::Tombstone => {
                self.check_asked(at, key, self.machine(writer), log);
                for (other, hidden) in log.hide_all(self.machine(writer), &self.writers) {
                    self.excused.entry(share(&other)).or_default().extend(hidden);
                }
            }
        }
        self.check_lost_told(at, key, caller, log);
        if self.machine(writer) == caller.machine && batch.kind != Kind::Tombstone {
            self.check_told(at, key, caller, log);
        }
        log.push(batch, caller);
    }

    /// A host that begins anew in a backend that was emptied was told that what it had brought there is lost.
    fn check_lost_told(&self, at: Incarnation, key: &SessionKey, caller: Caller, log: &Log) {
        // A call that lands late, where there is another one already: what was told of this one is forgotten here.
        let is_newest = self.newest.get(&at.0).is_none_or(|newest| *newest == at.1);
        let is_anew = is_newest && !self.put_back.contains(&at);
        let Some(before) = at.1.checked_sub(1).filter(|_| is_anew) else {
            return;
        };
        let before = self.logs.get(&(Incarnation(at.0, before), key.clone()));
        // Of a first batch it may never have heard that it landed.
        let knew = before.is_some_and(|before| before.count_by(caller.process) > 1);
        if knew && log.count_by(caller.process) == 0 && !log.was_deleted() {
            let told = self.told_of_loss.contains(&(at.0, key.clone(), caller.process));
            assert!(told, "p{} was not told that d{} lost {key}", caller.process, at.0);
        }
    }

    /// A tombstone hides other hosts' lines, too: a machine stores one for each delete that it was asked for, and no
    /// more.
    fn check_asked(&self, at: Incarnation, key: &SessionKey, machine: usize, log: &mut Log) {
        let asked = self
            .asked
            .get(&(at.0, key.to_main(), machine))
            .copied()
            .unwrap_or_default();
        let stored = log.tombstones_by.entry(machine).or_default();
        *stored += 1;
        assert!(
            *stored <= asked,
            "m{machine} was asked for {asked} deletes: this is tombstone {stored}"
        );
    }

    fn is_elsewhere(&self, at: usize, key: &SessionKey, batch: &Batch) -> bool {
        let origin = &batch.origin;
        let mut others = (0..3).filter(|other| *other != at);
        others.any(|other| self.was_there(other, &origin.writer, key, origin.line))
    }

    /// A host that writes behind others was told of them.
    fn check_told(&mut self, at: Incarnation, key: &SessionKey, caller: Caller, log: &Log) {
        let foreign = log.foreign_since(caller);
        let foreign: Vec<_> = foreign
            .filter(|writer| self.writers[*writer] != caller.machine)
            .collect();
        let witness = &mut self.witnesses[caller.process];
        for writer in foreign {
            let share = (at.0, writer.clone(), key.clone());
            let due = witness.due.entry(share.clone()).or_default();
            *due += 1;
            let told = witness.told.get(&share).copied().unwrap_or_default();
            assert!(
                told >= *due,
                "p{} was told of {told} of {due} batches of {writer}",
                caller.process
            );
        }
    }

    /// Takes in what a process was told so far.
    pub(super) fn drain(&mut self, process: usize) {
        let machine = self.witnesses[process].machine;
        loop {
            let event = match self.witnesses[process].events.try_recv() {
                Ok(event) => event,
                Err(broadcast::error::TryRecvError::Lagged(missed)) => panic!("{missed} events were missed"),
                Err(_) => return,
            };
            let Event { destination, key, what } = event;
            let on = key.as_ref().map_or(String::new(), ToString::to_string);
            let name = what.name();
            self.trace
                .note(format_args!("  p{process} is told: {destination} {on} {name}"));
            let at: usize = destination[1..].parse().unwrap();
            if let Some(key) = key {
                self.hear(process, machine, at, key, what);
            }
        }
    }

    fn hear(&mut self, process: usize, machine: usize, at: usize, key: SessionKey, what: What) {
        match what {
            What::ForeignWriter { batches } => {
                let told = &mut self.witnesses[process].told;
                for (writer, count) in batches {
                    *told.entry((at, writer, key.clone())).or_default() += count;
                }
            }
            What::Deleted { kept, .. } => {
                for (writer, (first, last)) in kept {
                    assert_eq!(self.machine(&writer), machine, "kept lines are the host's own");
                    let excused = self.excused.entry((at, writer, key.clone())).or_default();
                    excused.extend(first..=last);
                }
                self.excuse_lost(machine, at, &key);
            }
            What::Superseded { .. } => {
                assert!(self.last, "nobody is superseded where everybody is merged");
                self.superseded.insert((at, key, machine));
            }
            What::HistoryLost { .. } => {
                self.told_of_loss.insert((at, key, process));
            }
            What::WaitingForHistory { .. } => {
                self.waiting.insert((at, key, machine));
            }
            _ => {}
        }
    }

    /// What a destination held and lost before it was deleted there was deleted with the rest.
    fn excuse_lost(&mut self, machine: usize, at: usize, key: &SessionKey) {
        let logs = self.logs.iter().filter(|((of, stream), _)| of.0 == at && stream == key);
        let seen: Vec<_> = logs.flat_map(|(_, log)| log.seen.clone()).collect();
        for (writer, lines) in seen.into_iter().filter(|(writer, _)| self.writers[writer] == machine) {
            self.excused.entry((at, writer, key.clone())).or_default().extend(lines);
        }
    }

    /// A name for people.
    pub(super) fn short(&self, writer: &str) -> String {
        writer[..4].to_owned()
    }
}

/// The lines of a batch, without their LF.
pub(super) fn lines(batch: &Batch) -> impl Iterator<Item = &[u8]> {
    let lines = batch.payload.split_inclusive(|byte| *byte == b'\n');
    lines.map(|line| line.strip_suffix(b"\n").expect("every line has its LF"))
}
