//! What may happen, in any order.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use super::truth::{Copy, Truth};
use super::world::{Process, World};
use crate::disk::Disk;
use crate::disk::simulated::{Fault, Simulated};
use crate::key::SessionKey;
use crate::mirror::Undelivered;
use crate::spool::{Base, Stored};
use crate::store::{Store, StoreError};

impl World {
    /// Something happens.
    pub(super) async fn step(&mut self) {
        let machine = self.dice.below(self.machines.len());
        if self.rules.is_rough && self.dice.percent(30) {
            return self.be_rough(machine).await;
        }
        match self.dice.below(100) {
            0..35 => self.append(machine, 0),
            35..38 => self.append(machine, self.dice.within(1..5) as u64),
            38..55 => self.wait().await,
            55..60 => self.hurry(machine),
            60..65 => self.flush(machine).await,
            65..73 => self.end_process(machine).await,
            73..78 => self.restart(machine),
            78..83 => self.delete(machine),
            83..92 => self.change_weather(),
            92..94 => self.learn_of_a_destination(machine),
            94..96 => self.reopen(machine),
            96..97 => self.resume(machine).await,
            97..98 => self.spoil_records(machine),
            _ => self.swap().await,
        }
    }

    /// What is rarest matters most when it comes often: deletes, streams that begin after one, backends that forget.
    async fn be_rough(&mut self, machine: usize) {
        match self.dice.below(4) {
            0 => self.delete(machine),
            1 => self.swap().await,
            2 => self.append(machine, 0),
            _ => self.pass(self.dice.millis(1000..60_000)).await,
        }
    }

    /// Lines that are like nobody else's, or like everybody's.
    fn entries(&mut self) -> Vec<String> {
        let sizes: [Range<usize>; 5] = [1..4, 1..4, 1..20, 1..20, 20..1500];
        let size = if self.dice.percent(10) {
            sizes[4].clone()
        } else {
            self.dice.one(&sizes[..4]).clone()
        };
        let count = self.dice.within(size);
        let common = self.dice.percent(20);
        let mut entry = || {
            self.lines += 1;
            match (common, self.lines % 7) {
                (true, _) => "{\"same\":true}".to_owned(),
                (false, 0) => format!("{{\"type\":\"summary\",\"summary\":\"{}\"}}", self.lines),
                _ => format!("{{\"n\":{}}}", self.lines),
            }
        };
        (0..count).map(|_| entry()).collect()
    }

    /// With a disk that fails at a step, if it is not 0.
    fn append(&mut self, machine: usize, fault: u64) {
        if self.process(machine).is_none() {
            return;
        }
        let (key, entries) = (self.any_key(), self.entries());
        let disk = self.machines[machine].disks.spool.clone();
        if fault > 0 {
            disk.fault_after(fault - 1, Fault::Fail);
        }
        let Some(process) = self.process(machine) else { return };
        let done = process.spool.append_blocking(&key, &entries);
        disk.clear_faults();
        let truth = &mut *self.truth.lock().unwrap();
        let copy = truth.copies.entry((process.spool.writer().to_owned(), key.clone()));
        let copy = copy.or_default();
        let (count, first) = (entries.len(), copy.base + copy.lines.len() as u64 + 1);
        let note = format_args!("m{machine} appends {count} to {key} from {first}: {}", done.is_ok());
        truth.trace.note(note);
        match done {
            Ok(end) => {
                copy.lines.extend(entries);
                assert_eq!(end.line, copy.base + copy.lines.len() as u64 + 1);
            }
            Err(_) => copy.refused.extend(entries),
        }
    }

    async fn wait(&self) {
        let times = [0..2, 1..30, 1..30, 30..300, 300..7000, 7000..100_000, 100_000..600_000];
        let time = self.dice.millis(self.dice.one(&times).clone());
        self.pass(time).await;
    }

    fn hurry(&self, machine: usize) {
        if let Some(process) = self.process(machine) {
            process.mirror.hurry(&self.any_key());
        }
    }

    async fn flush(&self, machine: usize) {
        let Some(process) = self.process(machine) else { return };
        let before: Vec<_> = self.acknowledged(machine);
        let key = self.any_key();
        let session = self.dice.percent(50).then_some(&key);
        let deadline = self.dice.millis(1..20_000);
        let left = process.mirror.flush(session, Some(deadline)).await;
        self.note(format_args!("m{machine} flushed {}: {left}", key.to_main()));
        let mut truth = self.truth.lock().unwrap();
        truth.drain(process.caller.process);
        let main = session.map(SessionKey::to_main);
        for (writer, key, lines) in before {
            if main.as_ref().is_none_or(|main| *main == key.to_main()) {
                for at in 0..self.machines[machine].destinations {
                    check_flushed(&truth, &left, at, (&writer, &key, lines));
                }
            }
        }
    }

    /// By writer and stream: the line behind the last that was acknowledged on a machine.
    fn acknowledged(&self, machine: usize) -> Vec<(String, SessionKey, u64)> {
        let truth = self.truth.lock().unwrap();
        let copies = truth.copies.iter();
        copies
            .filter(|((writer, _), _)| truth.machine(writer) == machine)
            .map(|((writer, key), copy)| (writer.clone(), key.clone(), copy.base + copy.lines.len() as u64 + 1))
            .collect()
    }

    async fn end_process(&mut self, machine: usize) {
        match self.dice.below(5) {
            0 => self.close(machine).await,
            1 | 2 => self.kill(machine, true),
            _ => self.kill(machine, false),
        }
        if self.dice.percent(70) {
            self.restart(machine);
        }
    }

    /// With the cursors as they are, with older ones, or with none.
    fn restart(&mut self, machine: usize) {
        if self.process(machine).is_some() {
            self.machines[machine].old_cursors = Some(self.machines[machine].disks.cursors.copy());
            return;
        }
        let state = &mut self.machines[machine];
        match self.dice.below(6) {
            0 => state.disks.cursors = Simulated::new(),
            1 => {
                if let Some(old) = state.old_cursors.take() {
                    state.disks.cursors = old.kill();
                }
            }
            _ => {}
        }
        self.start(machine);
    }

    pub(super) fn delete(&mut self, machine: usize) {
        let Some(process) = self.process(machine) else { return };
        let key = self.any_key().to_main();
        let done = process.mirror.delete(&key, process.spool.writer());
        self.note(format_args!("m{machine} deletes {key}: {}", done.is_ok()));
        let all = self.acknowledged(machine);
        let truth = &mut *self.truth.lock().unwrap();
        for at in 0..self.machines[machine].destinations {
            *truth.asked.entry((at, key.clone(), machine)).or_default() += 1;
        }
        let deleted = match done {
            Ok(()) => &mut truth.deleted,
            Err(_) => &mut truth.perhaps_deleted,
        };
        for (writer, stream, end) in all.into_iter().filter(|(_, stream, _)| stream.to_main() == key) {
            for at in 0..self.machines[machine].destinations {
                let line = deleted.entry((at, writer.clone(), stream.clone())).or_default();
                *line = end.max(*line);
            }
        }
    }

    fn change_weather(&self) {
        let storage = self.dice.one(&self.storages);
        let text = || "as it happens".to_owned();
        let away = match self.dice.below(12) {
            0 | 1 => Some(StoreError::Unavailable(text())),
            2 => Some(StoreError::Denied(text())),
            3 => Some(StoreError::Rejected(text())),
            4 => Some(StoreError::Misconfigured(text())),
            _ => None,
        };
        let trouble = *self.dice.one(&[0, 0, 5, 20, 60]);
        let slowness = *self.dice.one(&[0, 2, 10, 10, 100, 5000]);
        let name = storage.name();
        self.note(format_args!(
            "{name} is away: {away:?}, fails {trouble} %, takes {slowness} ms"
        ));
        storage.change(|mood| {
            mood.away = away;
            mood.trouble = trouble;
            mood.slowness = slowness;
        });
        for process in self.machines.iter().filter_map(|machine| machine.process.as_ref()) {
            if self.dice.percent(20) {
                process.mirror.retry();
            }
        }
    }

    pub(super) fn learn_of_a_destination(&mut self, machine: usize) {
        let index = self.machines[machine].destinations;
        if index == self.storages.len() {
            return;
        }
        self.machines[machine].destinations += 1;
        self.note(format_args!("m{machine} learns of d{index}"));
        let kept = self.machines[machine].disks.spool.list(Path::new("")).unwrap();
        let mut truth = self.truth.lock().unwrap();
        let writers = truth.writers.iter();
        let gone = writers.filter(|(writer, of)| **of == machine && !kept.contains(writer));
        let gone: Vec<_> = gone.map(|(writer, _)| (index, writer.clone())).collect();
        truth.came_too_late.extend(gone);
        truth.tell_of_deletes(index, machine, &kept);
        drop(truth);
        if let Some(Process { mirror, caller, .. }) = self.process(machine) {
            self.add_destination(mirror, index, *caller);
        }
    }

    fn reopen(&self, machine: usize) {
        let index = self.dice.below(self.machines[machine].destinations);
        let storage = &self.storages[index];
        if let Some(Process { mirror, caller, .. }) = self.process(machine) {
            self.note(format_args!("m{machine} opens d{index} anew"));
            if self.dice.percent(30) {
                mirror.not_opened(&storage.name(), "a new adapter".to_owned(), true);
            }
            mirror.opened(&storage.name(), std::sync::Arc::new(storage.connect(*caller)));
        }
    }

    /// A session goes on that a destination holds.
    async fn resume(&mut self, machine: usize) {
        let (key, at) = (self.any_key(), self.dice.below(self.machines[machine].destinations));
        let inside = self.storages[at].inside();
        let Some(process) = self.process(machine) else { return };
        let Some(position) = inside.end(&key).await.unwrap() else {
            return;
        };
        if process.spool.stream(&key).is_some() {
            return;
        }
        let batches = inside.load(&key, 0, u32::MAX).await.unwrap();
        let lines = batches
            .iter()
            .map(|batch| super::truth::lines(batch).count() as u64)
            .sum();
        let destination = self.storages[at].name();
        let stored = Some(Stored { destination, position });
        if process.spool.begin_blocking(&key, Base { lines, stored }).is_err() {
            return;
        }
        self.note(format_args!(
            "m{machine} resumes {key} behind {lines} lines, d{at} {}",
            position.number
        ));
        let id = (process.spool.writer().to_owned(), key);
        let copy = Copy {
            base: lines,
            lines: Vec::new(),
            refused: BTreeSet::new(),
        };
        self.truth.lock().unwrap().copies.insert(id, copy);
    }

    fn spoil_records(&self, machine: usize) {
        if self.process(machine).is_some() {
            self.note(format_args!("m{machine}'s records will fail"));
            let disk = &self.machines[machine].disks.ledger;
            disk.fault_after(self.dice.below(6) as u64, Fault::Fail);
        }
    }

    /// A backend loses what it holds, or is put back to what it held once, and everybody opens it anew.
    async fn swap(&mut self) {
        if !self.rules.swaps {
            return;
        }
        let storage = self.dice.one(&self.storages).clone();
        let incarnation = storage.incarnation();
        if self.dice.percent(50) {
            let copy = storage.copy(&self.rules.keys).await;
            self.note(format_args!("a copy of {incarnation:?} is laid by"));
            self.truth.lock().unwrap().lay_by(incarnation);
            storage.change(|mood| mood.laid_by = Some(copy));
            return;
        }
        let mut older = None;
        storage.change(|mood| older = mood.laid_by.take());
        self.note(format_args!(
            "{} loses what it holds, or is put back: {}",
            storage.name(),
            older.is_some()
        ));
        self.truth
            .lock()
            .unwrap()
            .swap(storage.index, incarnation.1 + 1, older.is_some());
        storage.swap(older.unwrap_or_default());
        self.pass(Duration::from_millis(self.dice.below(100) as u64)).await;
        for machine in self
            .machines
            .iter()
            .filter(|machine| machine.destinations > storage.index)
        {
            if let Some(Process { mirror, caller, .. }) = &machine.process {
                mirror.opened(&storage.name(), std::sync::Arc::new(storage.connect(*caller)));
            }
        }
    }
}

/// What a flush does not name was there.
fn check_flushed(truth: &Truth, left: &Undelivered, at: usize, copy: (&str, &SessionKey, u64)) {
    let (writer, key, end) = copy;
    let name = format!("d{at}");
    let is_named = |left: &&crate::mirror::Left| left.destination == name && left.stream == *key;
    if left.left.iter().any(|left| is_named(&left)) {
        return;
    }
    let base = truth.copies[&(writer.to_owned(), key.clone())].base;
    let missing = (base + 1..end)
        .find(|line| !truth.was_there(at, writer, key, *line) && !truth.is_excused(at, writer, key, *line));
    assert_eq!(missing, None, "a flush says that {name} has all of {key}, {writer}");
}
