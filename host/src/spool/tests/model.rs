use std::collections::BTreeMap;

use super::*;
use crate::disk::simulated::{Fault, Random};

const SEEDS: u64 = 600;
const STEPS: usize = 60;

/// What must be there of one writer's stream.
#[derive(Debug, Default)]
struct Expected {
    lines: Vec<String>,
    pruned: usize,
    /// Calls that failed since the last that did not: after a crash, a first part of one may be there.
    unsure: Vec<Vec<String>>,
}

/// Spools over many lives, beside a model.
struct World {
    random: Random,
    disk: Simulated,
    spool: Option<Spool>,
    adopted: Vec<Adopted>,
    half_removed: Option<String>,
    expected: BTreeMap<(String, SessionKey), Expected>,
    next: usize,
}

impl World {
    fn new(seed: u64) -> Self {
        let disk = Simulated::new();
        Self {
            random: Random(seed),
            spool: Some(open(&disk)),
            disk,
            adopted: Vec::new(),
            half_removed: None,
            expected: BTreeMap::new(),
            next: 0,
        }
    }

    fn step(&mut self) {
        match self.random.below(12) {
            0..=5 => self.append(),
            6 => self.prune(),
            7 => self.check_all(),
            8 => self.restart(),
            9 => self.remove(),
            _ => self.fault(),
        }
        if self.disk.is_dead() {
            self.restart();
        }
    }

    fn fault(&mut self) {
        let fault = if self.random.below(3) == 0 {
            Fault::Die
        } else {
            Fault::Fail
        };
        let after = self.random.below(12) as u64;
        self.disk.fault_after(after, fault);
    }

    /// A few calls for one stream, all polled before the first is awaited, so that they may share a sync.
    fn append(&mut self) {
        let Some(spool) = &self.spool else { return };
        let key = key(&self.random.below(3).to_string());
        let mut calls = Vec::new();
        for _ in 0..1 + self.random.below(3) {
            let count = 1 + self.random.below(4);
            let call = entries(self.next, count);
            self.next += count;
            calls.push(call);
        }
        let appends = calls.iter().map(|call| spool.append(&key, call));
        let results = block_on(futures_util::future::join_all(appends));
        let expected = self.expected.entry((spool.writer().to_owned(), key)).or_default();
        let mut together: Vec<Vec<String>> = Vec::new();
        for (call, result) in calls.into_iter().zip(results) {
            match result {
                Ok(end) => {
                    expected.lines.extend(call);
                    assert_eq!(end.line as usize, expected.lines.len() + 1);
                    expected.unsure.clear();
                    together.clear();
                }
                // Those that failed may have been written together, from any of them on.
                Err(_) => {
                    together.push(Vec::new());
                    together.iter_mut().for_each(|run| run.extend_from_slice(&call));
                }
            }
        }
        expected.unsure.extend(together);
    }

    fn prune(&mut self) {
        let streams = self.streams();
        if streams.is_empty() {
            return;
        }
        let stream = &streams[self.random.below(streams.len())];
        let expected = self.expected.get_mut(&id(stream)).unwrap();
        let pruned = self.random.below(expected.lines.len() + 1);
        // Where it failed, it may be done all the same.
        expected.pruned = expected.pruned.max(pruned);
        let lines = pruned as u64;
        let _ = stream.prune(Base { lines, stored: None });
    }

    fn remove(&mut self) {
        if self.adopted.is_empty() || self.random.below(3) > 0 {
            return;
        }
        let at = self.random.below(self.adopted.len());
        let adopted = self.adopted.remove(at);
        let writer = adopted.writer().to_owned();
        match adopted.remove() {
            Ok(()) => self.expected.retain(|(of, _), _| *of != writer),
            Err(_) => {
                self.half_removed = Some(writer);
                self.restart();
            }
        }
    }

    /// What could not be removed for good is there or not: all of it, either way.
    fn settle_removed(&mut self) {
        let Some(writer) = self.half_removed.take() else { return };
        if !self.streams().iter().any(|stream| stream.writer() == writer) {
            self.expected.retain(|(of, _), _| *of != writer);
        }
    }

    /// The process dies, or the system does; the next one adopts, at times with a fault in between.
    fn restart(&mut self) {
        let power = self.random.below(2) == 0;
        if self.random.below(4) == 0
            && let Some(spool) = self.spool.take()
        {
            spool.close_blocking();
        }
        self.spool = None;
        self.adopted.clear();
        self.disk = if power {
            self.disk.crash(&mut self.random)
        } else {
            self.disk.kill()
        };
        let spool = open(&self.disk);
        let adoption = spool.adopt().unwrap();
        assert!(adoption.refused.is_empty(), "{:?}", adoption.refused);
        for adopted in &adoption.spools {
            let expected = |alarm: &Alarm| matches!(alarm.trouble, FileTrouble::Cut { .. });
            assert!(adopted.alarms().iter().all(expected), "{:?}", adopted.alarms());
        }
        self.adopted = adoption.spools;
        self.spool = Some(spool);
        self.expected
            .retain(|_, expected| !expected.lines.is_empty() || !expected.unsure.is_empty());
        self.settle_removed();
        self.settle_unsure();
        self.check_all();
    }

    /// What turned up of calls that failed is there to stay.
    fn settle_unsure(&mut self) {
        let streams = self.streams();
        for (id, expected) in &mut self.expected {
            let stream = streams.iter().find(|stream| self::id(stream) == *id);
            let end = stream.map_or(0, |stream| stream.end().line as usize - 1);
            let more = end
                .checked_sub(expected.lines.len())
                .expect("an acknowledged line is lost");
            if more > 0 {
                let stream = stream.unwrap();
                let place = stream.find(expected.lines.len() as u64 + 1).unwrap();
                let found = String::from_utf8(stream.read(place).unwrap().unwrap().payload.to_vec()).unwrap();
                let fits = |call: &&Vec<String>| call.len() >= more && lines(&call[..more]) == found;
                let call = expected.unsure.iter().find(fits);
                let call = call.unwrap_or_else(|| panic!("nobody appended {found} to {:?}", expected));
                expected.lines.extend_from_slice(&call[..more]);
            }
            expected.unsure.clear();
        }
        self.expected.retain(|_, expected| !expected.lines.is_empty());
    }

    fn check_all(&self) {
        let streams = self.streams();
        for (id, expected) in self.expected.iter().filter(|(_, expected)| !expected.lines.is_empty()) {
            let stream = streams
                .iter()
                .find(|stream| self::id(stream) == *id)
                .expect("a stream is lost");
            let start = stream.start().line as usize - 1;
            assert!(start <= expected.pruned);
            assert_eq!(read(stream), lines(&expected.lines[start..]));
            assert_eq!(stream.damage(), None);
        }
    }

    fn streams(&self) -> Vec<Arc<Stream>> {
        let adopted = self.adopted.iter().flat_map(|adopted| adopted.streams().to_vec());
        let own = self.spool.iter().flat_map(Spool::streams);
        adopted
            .chain(own)
            .filter(|stream| self.expected.contains_key(&id(stream)))
            .collect()
    }
}

fn id(stream: &Stream) -> (String, SessionKey) {
    (stream.writer().to_owned(), stream.key().clone())
}

/// Appends, prunes, faults, crashes and restarts in any order: every acknowledged line stays, in order, under its
/// writer; lines that were refused do not show, unless the disk would not let them be taken back.
#[test]
fn any_life_agrees_with_the_model() {
    for seed in 0..SEEDS {
        eprintln!("seed {seed}");
        let mut world = World::new(seed);
        (0..STEPS).for_each(|_| world.step());
        world.restart();
    }
}
