//! What must be the case once everything is healed and drained.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::storage::Storage;
use super::truth::{Truth, lines};
use super::world::World;
use crate::key::SessionKey;
use crate::spool::Stored;
use crate::store::{Batch, Kind, Reader, Store, StoredSession};
use crate::summary::Fold;

/// Later than anything that was sent can land.
const ALL_LANDED: Duration = Duration::from_secs(1000);

impl Truth {
    /// Whether a line was at a destination at any time.
    pub(super) fn was_there(&self, at: usize, writer: &str, key: &SessionKey, line: u64) -> bool {
        let mut logs = self
            .logs
            .iter()
            .filter(|((incarnation, of), _)| incarnation.0 == at && of == key);
        logs.any(|(_, log)| log.seen.get(writer).is_some_and(|lines| lines.contains(&line)))
    }

    /// Whether there is a reason for a line not to be there.
    pub(super) fn is_excused(&self, at: usize, writer: &str, key: &SessionKey, line: u64) -> bool {
        let share = (at, writer.to_owned(), key.clone());
        let is_before = |end: Option<&u64>| end.is_some_and(|end| line < *end);
        self.came_too_late.contains(&(at, writer.to_owned()))
            || is_before(self.deleted.get(&share))
            || is_before(self.perhaps_deleted.get(&share))
            || self.excused.get(&share).is_some_and(|lines| lines.contains(&line))
    }
}

impl World {
    /// Everything works again, and every process is started anew; then all is as it must be.
    pub(super) async fn conclude(&mut self) {
        self.note(format_args!("everything is healed"));
        for storage in &self.storages {
            storage.change(|mood| {
                mood.away = None;
                mood.trouble = 0;
                mood.slowness = 5;
            });
        }
        for machine in 0..self.machines.len() {
            self.machines[machine].disks.ledger.clear_faults();
            // A process that lives gets over it, too.
            if self.process(machine).is_none() || self.dice.percent(70) {
                self.kill(machine, self.dice.percent(50));
                self.start(machine);
            }
            while self.machines[machine].destinations < self.storages.len() {
                self.learn_of_a_destination(machine);
            }
        }
        self.pass(ALL_LANDED).await;
        for _ in 0..2 {
            self.drain().await;
        }
        for storage in &self.storages {
            for key in &self.rules.keys {
                self.check(storage, key).await;
            }
        }
    }

    async fn drain(&self) {
        for (index, machine) in self.machines.iter().enumerate() {
            let Some(process) = &machine.process else { continue };
            let left = process.mirror.flush(None, Some(Duration::from_secs(2000))).await;
            self.note(format_args!("m{index} drained: {left}"));
            self.truth.lock().unwrap().drain(process.caller.process);
            for left in &left.left {
                let at = left.destination[1..].parse().unwrap();
                let share = (at, left.stream.clone(), index);
                let is_without_history = self.is_without_history(index, &left.stream).await;
                let truth = self.truth.lock().unwrap();
                let is_waiting = truth.waiting.contains(&share) && is_without_history;
                let is_known = truth.superseded.contains(&share) || is_waiting;
                assert!(is_known, "it is not delivered: {left:?}");
            }
        }
    }

    /// The first line of a copy that its machine still has; none where the spool was removed.
    fn kept_from(&self, machine: usize, writer: &str, key: &SessionKey) -> Option<u64> {
        let copies = self.process(machine)?.mirror.shared.all_copies();
        let mut streams = copies.iter().map(|copied| &copied.stream);
        let stream = streams.find(|stream| stream.writer() == writer && stream.key() == key)?;
        Some(stream.start().line)
    }

    /// Whether a machine's copy begins behind a batch that nobody holds any more.
    async fn is_without_history(&self, machine: usize, key: &SessionKey) -> bool {
        let Some(process) = self.process(machine) else {
            return false;
        };
        let copies = process.mirror.shared.all_copies().into_iter();
        let bases = copies.filter(|copied| copied.stream.key() == key);
        let bases: Vec<_> = bases.filter_map(|copied| copied.stream.base().stored).collect();
        let mut held = BTreeSet::new();
        let mut deleted = BTreeMap::new();
        for storage in &self.storages {
            let batches = storage.inside().load(key, 0, u32::MAX).await.unwrap();
            held.extend(batches.iter().map(|batch| batch.digest.to_string()));
            let tombstone = batches.first().filter(|batch| batch.kind == Kind::Tombstone);
            deleted.insert(storage.name(), tombstone.map_or(0, |batch| batch.number));
        }
        let is_held = |base: &Stored| held.contains(&base.position.digest.to_string());
        let was_deleted = |base: &Stored| deleted[&base.destination] > base.position.number;
        bases.iter().any(|base| !is_held(base) && !was_deleted(base))
    }

    async fn check(&self, storage: &Arc<Storage>, key: &SessionKey) {
        let batches = read(storage, key).await;
        let mut without_history = Vec::new();
        for machine in 0..self.machines.len() {
            without_history.push(self.is_without_history(machine, key).await);
        }
        self.check_lines(storage, key, &batches, &without_history);
        check_summary(storage, key, &batches).await;
    }

    fn check_lines(&self, storage: &Arc<Storage>, key: &SessionKey, batches: &[Batch], without_history: &[bool]) {
        let truth = self.truth.lock().unwrap();
        let mut there = BTreeSet::new();
        for batch in batches {
            for (line, _) in (batch.origin.line..).zip(lines(batch)) {
                there.insert((batch.origin.writer.as_str(), line));
            }
        }
        let seen = truth
            .logs
            .get(&(storage.incarnation(), key.clone()))
            .map(|log| log.seen.clone());
        let seen = seen.unwrap_or_default();
        let seen: BTreeSet<_> = seen
            .iter()
            .flat_map(|(writer, lines)| lines.iter().map(|line| (writer.as_str(), *line)))
            .collect();
        assert!(there == seen, "{key} is not what landed");
        for ((writer, of), copy) in truth.copies.iter().filter(|((_, of), _)| of == key) {
            let machine = truth.machine(writer);
            let share = (storage.index, of.clone(), machine);
            if truth.superseded.contains(&share) || truth.waiting.contains(&share) && without_history[machine] {
                continue;
            }
            let kept_from = self.kept_from(machine, writer, key);
            for line in (copy.base + 1..).take(copy.lines.len()) {
                // What was deleted at one destination and is not kept here cannot be brought to another.
                let is_pruned = kept_from.is_none_or(|kept| line < kept);
                let excused = truth.is_excused(storage.index, writer, key, line)
                    || is_pruned && (0..self.storages.len()).any(|at| truth.is_excused(at, writer, key, line));
                let is_there = there.contains(&(writer.as_str(), line));
                let name = storage.name();
                assert!(
                    is_there || excused,
                    "{name}: line {line} of {writer} in {key} is missing"
                );
                let is_deleted = truth.deleted.get(&(storage.index, writer.clone(), key.clone()));
                let may_be = truth.put_back.contains(&storage.incarnation());
                let is_back = is_there && !may_be && is_deleted.is_some_and(|end| line < *end);
                assert!(
                    !is_back,
                    "{name}: line {line} of {writer} in {key} was deleted, and is there"
                );
            }
        }
    }
}

async fn read(storage: &Storage, key: &SessionKey) -> Vec<Batch> {
    let mut reader = Reader::new(storage.inside(), key.clone());
    let mut batches = Vec::new();
    while let Some(batch) = reader.next().await.unwrap() {
        batches.push(batch);
    }
    batches
}

async fn check_summary(storage: &Storage, key: &SessionKey, batches: &[Batch]) {
    let found = storage.inside().find_session(key.project_key(), key.session_id()).await;
    let Some(StoredSession { summary, last, .. }) = found.unwrap().filter(|_| key.is_main()) else {
        return;
    };
    let summary = summary.expect("a session that is not empty has a summary");
    assert_eq!(summary.through, last, "the summary of {key} is not up to date");
    let mut fold = Fold::new();
    let entries = batches.iter().filter(|batch| batch.kind == Kind::Entries);
    for batch in entries {
        lines(batch).for_each(|line| fold.fold(line));
    }
    assert_eq!(
        summary.json,
        fold.to_json(),
        "the summary of {key} is not what its lines say"
    );
}
