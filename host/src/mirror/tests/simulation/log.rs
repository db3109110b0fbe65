use std::collections::{BTreeMap, BTreeSet};

use super::truth::Caller;
use crate::store::{Batch, Digest, Kind};

/// Everything that ever landed in one stream of one backend.
#[derive(Clone, Debug, Default)]
pub(super) struct Log {
    /// By number, hidden ones and all.
    numbers: BTreeMap<u64, Digest>,
    /// Behind the newest tombstone.
    batches: Vec<Landed>,
    /// By writer: the lines that can be seen.
    pub(super) seen: BTreeMap<String, BTreeSet<u64>>,
    /// By writer: lines that a tombstone hid, and that nobody may bring back.
    gone: BTreeMap<String, BTreeSet<u64>>,
    /// By machine: how many tombstones.
    pub(super) tombstones_by: BTreeMap<usize, u64>,
    /// By writer: lines that its own host's tombstone hid.
    hidden: BTreeMap<String, BTreeSet<u64>>,
}

#[derive(Clone, Debug)]
struct Landed {
    kind: Kind,
    writer: String,
    caller: Caller,
}

impl Log {
    pub(super) fn is_new(&self, batch: &Batch) -> bool {
        match self.numbers.get(&batch.number) {
            Some(digest) => {
                assert_eq!(*digest, batch.digest, "number {} is used twice", batch.number);
                false
            }
            None => true,
        }
    }

    pub(super) fn take_line(&mut self, writer: &str, line: u64, deleted: u64) {
        let is_in =
            |lines: &BTreeMap<String, BTreeSet<u64>>| lines.get(writer).is_some_and(|lines| lines.contains(&line));
        assert!(!is_in(&self.gone), "line {line} of {writer} was deleted and is back");
        let is_back = is_in(&self.hidden) && line < deleted;
        assert!(!is_back, "line {line} of {writer} was deleted by its host and is back");
        let seen = self.seen.entry(writer.to_owned()).or_default();
        let last = seen.last().copied().unwrap_or_default();
        assert!(line > last, "line {line} of {writer} comes after its line {last}");
        seen.insert(line);
    }

    pub(super) fn push(&mut self, batch: &Batch, caller: Caller) {
        let last = self.numbers.last_key_value().map_or(0, |(number, _)| *number);
        assert!(batch.number > last, "batch {} comes after batch {last}", batch.number);
        self.numbers.insert(batch.number, batch.digest);
        if batch.kind != Kind::Tombstone {
            self.batches.push(Landed {
                kind: batch.kind,
                writer: batch.origin.writer.clone(),
                caller,
            });
        }
    }

    /// A tombstone lands. Gives the lines of other hosts that it hides, by writer.
    pub(super) fn hide_all(
        &mut self,
        machine: usize,
        machines: &BTreeMap<String, usize>,
    ) -> BTreeMap<String, BTreeSet<u64>> {
        // A host that stored nothing here itself may not know that others did: to it, the session begins anew.
        let stored_itself = |writer: &String| {
            let mut batches = self.batches.iter().filter(|landed| landed.writer == *writer);
            batches.any(|landed| landed.caller.machine == machines[writer])
        };
        let known: BTreeSet<_> = self
            .seen
            .keys()
            .filter(|writer| stored_itself(writer))
            .cloned()
            .collect();
        self.batches.clear();
        let seen = std::mem::take(&mut self.seen);
        let (own, others): (BTreeMap<_, _>, _) = seen.into_iter().partition(|(writer, _)| machines[writer] == machine);
        for (writer, lines) in own {
            self.hidden.entry(writer).or_default().extend(lines);
        }
        for (writer, lines) in others.iter().filter(|(writer, _)| known.contains(*writer)) {
            self.gone.entry(writer.clone()).or_default().extend(lines);
        }
        others
    }

    /// How many batches that can be seen a process stored.
    pub(super) fn count_by(&self, process: usize) -> usize {
        let is_of = |landed: &&Landed| landed.caller.process == process;
        self.batches.iter().filter(is_of).count()
    }

    pub(super) fn was_deleted(&self) -> bool {
        self.batches.len() < self.numbers.len()
    }

    /// Whose the newest claim is.
    pub(super) fn claimed_by(&self) -> Option<&String> {
        let mut claims = self.batches.iter().filter(|landed| landed.kind == Kind::Claim);
        claims.next_back().map(|landed| &landed.writer)
    }

    /// The writers of what other machines stored since a process last did, one for each batch.
    pub(super) fn foreign_since(&self, caller: Caller) -> impl Iterator<Item = &String> {
        let is_ours = |landed: &Landed| landed.caller.process == caller.process;
        let since = self
            .batches
            .iter()
            .rposition(is_ours)
            .map_or(self.batches.len(), |last| last + 1);
        let behind = self.batches[since..].iter();
        behind
            .filter(move |landed| landed.caller.machine != caller.machine)
            .map(|landed| &landed.writer)
    }
}
