//! Machines, their processes, and the backends that they share.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::sleep;
use uuid::Uuid;

use super::conductor::{Conductor, Troupe};
use super::dice::Dice;
use super::storage::Storage;
use super::truth::{Caller, Copy, Truth};
use crate::config::Keep;
use crate::config::{Flush, MirrorSettings, Writers};
use crate::disk::simulated::Simulated;
use crate::key::SessionKey;
use crate::mirror::chance::Chance;
use crate::mirror::keep::Keeping;
use crate::mirror::runner::Runner;
use crate::mirror::tests::fixture;
use crate::mirror::{DestinationOptions, Mirror};
use crate::spool::Spool;

/// The backends' troupe: what was sent goes on when processes end.
const NETWORK: u64 = 0;

/// What is the same all through a simulation.
#[derive(Debug)]
pub(super) struct Rules {
    pub(super) settings: Vec<MirrorSettings>,
    pub(super) keeping: Keeping,
    pub(super) keys: Vec<SessionKey>,
    /// Backends may lose what they hold; then spools are kept.
    pub(super) swaps: bool,
    /// What else is rare happens often.
    pub(super) is_rough: bool,
}

#[derive(Debug)]
pub(super) struct Machine {
    pub(super) disks: fixture::Machine,
    pub(super) old_cursors: Option<Simulated>,
    /// It knows so many of the backends.
    pub(super) destinations: usize,
    pub(super) process: Option<Process>,
}

#[derive(Debug)]
pub(super) struct Process {
    pub(super) spool: Arc<Spool>,
    pub(super) mirror: Mirror,
    pub(super) troupe: Troupe,
    pub(super) caller: Caller,
}

pub(super) struct World {
    pub(super) dice: Dice,
    pub(super) conductor: Arc<Conductor>,
    pub(super) truth: Arc<Mutex<Truth>>,
    pub(super) rules: Rules,
    pub(super) storages: Vec<Arc<Storage>>,
    pub(super) machines: Vec<Machine>,
    pub(super) lines: u64,
}

impl Rules {
    fn new(dice: &Dice, storages: usize, last: bool) -> Self {
        let settings = |_| MirrorSettings {
            flush: *dice.one(&[Flush::Batched, Flush::Eager]),
            writers: if last { Writers::Last } else { Writers::Merge },
            ..MirrorSettings::default()
        };
        let main = |session: &str| SessionKey::main("p", session).unwrap();
        let is_rough = dice.percent(25);
        let mut keys = vec![main("s"), main("s").with_subpath("a").unwrap()];
        if is_rough {
            keys.extend(["c", "d", "e"].map(|subpath| main("s").with_subpath(subpath).unwrap()));
        }
        if dice.percent(50) {
            keys.extend([main("t"), main("s").with_subpath("b").unwrap()]);
        }
        let swaps = dice.percent(30);
        let kept = [Keep::Forever, Keep::For(Duration::from_secs(7 * 24 * 3600))];
        let keep = match swaps || dice.percent(50) {
            true => *dice.one(&kept),
            false => Keep::UntilDelivered,
        };
        Self {
            settings: (0..storages).map(settings).collect(),
            keeping: Keeping {
                keep,
                worth_pruning: 300,
            },
            keys,
            swaps,
            is_rough,
        }
    }
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        let dice = Dice::new(seed);
        let conductor = Conductor::new(dice.clone());
        let network = conductor.troupe(NETWORK);
        let last = dice.percent(25);
        let truth = Arc::new(Mutex::new(Truth::new(last)));
        let count = dice.within(1..4);
        let storages = (0..count).map(|index| Storage::new(index, &dice, &truth, &network));
        let storages: Vec<_> = storages.collect();
        let rules = Rules::new(&dice, count, last);
        let machine = |_| Machine {
            disks: fixture::Machine::new(),
            old_cursors: None,
            destinations: dice.within(1..count + 1),
            process: None,
        };
        let machines = (0..dice.within(1..4)).map(machine).collect();
        let mut world = Self {
            dice: dice.clone(),
            conductor,
            truth,
            rules,
            storages,
            machines,
            lines: 0,
        };
        world.note(format_args!("{:?}", world.rules));
        (0..world.machines.len()).for_each(|machine| world.start(machine));
        world
    }

    pub(super) fn note(&self, what: std::fmt::Arguments<'_>) {
        self.truth.lock().unwrap().trace.note(what);
    }

    pub(super) fn process(&self, machine: usize) -> Option<&Process> {
        self.machines[machine].process.as_ref()
    }

    pub(super) fn any_key(&self) -> SessionKey {
        self.dice.one(&self.rules.keys).clone()
    }

    pub(super) fn start(&mut self, machine: usize) {
        let id = Uuid::from_u64_pair(self.dice.below(usize::MAX) as u64, machine as u64);
        let disks = &self.machines[machine].disks;
        let mut truth = self.truth.lock().unwrap();
        let number = truth.writers.len();
        let writer = id.simple().to_string();
        let short = truth.short(&writer);
        truth
            .trace
            .note(format_args!("m{machine} starts p{number}, writer {short}"));
        truth.writers.insert(writer, machine);
        let troupe = self.conductor.troupe(number as u64 + 1);
        let chance = Chance::seeded(self.dice.below(usize::MAX) as u64);
        let shared = disks.shared(chance, Runner::Conducted(troupe.clone()));
        let mirror = Mirror::on(shared, self.rules.keeping);
        let process = truth.witness(machine, mirror.events());
        drop(truth);
        let caller = Caller { machine, process };
        for index in 0..self.machines[machine].destinations {
            self.add_destination(&mirror, index, caller);
        }
        let spool = Arc::new(Spool::of_writer(Arc::new(disks.spool.clone()), id).unwrap());
        let adoption = spool.adopt().unwrap();
        assert!(adoption.refused.is_empty(), "{:?}", adoption.refused);
        for adopted in adoption.spools {
            assert!(adopted.is_readable(), "{:?}", adopted.alarms());
            adopted.streams().iter().for_each(|stream| self.recount(stream));
            mirror.adopt(adopted);
        }
        mirror.follow(&spool);
        self.machines[machine].process = Some(Process {
            spool,
            mirror,
            troupe,
            caller,
        });
    }

    pub(super) fn add_destination(&self, mirror: &Mirror, index: usize, caller: Caller) {
        let storage = &self.storages[index];
        let options = DestinationOptions {
            mirror: self.rules.settings[index].clone(),
            calls: self.dice.within(1..5),
            timeout: Duration::from_secs(20),
        };
        mirror.add_destination(&storage.name(), options).unwrap();
        mirror.opened(&storage.name(), Arc::new(storage.connect(caller)));
    }

    /// What was refused may have turned up.
    fn recount(&self, stream: &crate::spool::Stream) {
        assert_eq!(stream.damage(), None);
        let mut truth = self.truth.lock().unwrap();
        let id = (stream.writer().to_owned(), stream.key().clone());
        let copy = truth.copies.entry(id).or_insert_with(|| Copy {
            base: stream.base().lines,
            ..Copy::default()
        });
        let there = stream.end().line - 1 - copy.base;
        assert!(there >= copy.lines.len() as u64, "acknowledged lines are gone");
        while copy.lines.len() < there as usize {
            let place = stream.find(copy.base + copy.lines.len() as u64 + 1).unwrap();
            let chunk = stream.read(place).unwrap().unwrap();
            for line in String::from_utf8(chunk.payload.to_vec()).unwrap().lines() {
                assert!(copy.refused.contains(line), "nobody appended {line}");
                copy.lines.push(line.to_owned());
            }
        }
    }

    /// The process is no more, from one step to the next.
    pub(super) fn kill(&mut self, machine: usize, power: bool) {
        let Some(process) = self.machines[machine].process.take() else {
            return;
        };
        self.note(format_args!("m{machine} dies, its power with it: {power}"));
        let mut random = self.dice.random();
        let disks = &mut self.machines[machine].disks;
        let end = |disk: &Simulated, random: &mut _| match power {
            true => disk.crash(random),
            false => disk.kill(),
        };
        disks.spool = end(&disks.spool, &mut random);
        disks.cursors = end(&disks.cursors, &mut random);
        disks.ledger = end(&disks.ledger, &mut random);
        self.bury(process);
    }

    fn bury(&self, process: Process) {
        let Process {
            spool,
            mirror,
            troupe,
            caller,
        } = process;
        troupe.kill();
        self.truth.lock().unwrap().drain(caller.process);
        drop(mirror);
        spool.close_blocking();
    }

    pub(super) async fn close(&mut self, machine: usize) {
        let Some(process) = self.machines[machine].process.take() else {
            return;
        };
        self.note(format_args!("m{machine} closes"));
        process.mirror.close().await;
        process.spool.close_blocking();
        self.bury(process);
        let disks = &mut self.machines[machine].disks;
        disks.spool = disks.spool.kill();
        disks.cursors = disks.cursors.kill();
        disks.ledger = disks.ledger.kill();
    }

    pub(super) async fn pass(&self, time: Duration) {
        sleep(time).await;
        let mut truth = self.truth.lock().unwrap();
        let living = self.machines.iter().filter_map(|machine| machine.process.as_ref());
        living.for_each(|process| truth.drain(process.caller.process));
    }
}
