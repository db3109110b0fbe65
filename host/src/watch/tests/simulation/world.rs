//! One machine, and what may happen on it.

use std::collections::BTreeSet;
use std::fs;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::watch;

use super::file::AgentFile;
use super::process::{Base, Order, Places, Process};
use super::truth::Truth;
use crate::agent::recording::Heard;
use crate::config::{Flush, Keep, MirrorSettings};
use crate::disk;
use crate::disk::simulated::{Fault, Simulated};
use crate::key::SessionKey;
use crate::mirror::DestinationOptions;
use crate::mirror::tests::fixture::{Fate, Machine, Moody};
use crate::mirror::tests::simulation::conductor::Conductor;
use crate::mirror::tests::simulation::dice::Dice;
use crate::spool::Spool;
use crate::store::StoreError;
use crate::watch::changes::Dirty;
use crate::watch::figures::Figures;

/// The folder of the agent's project.
pub(super) const FOLDER: &str = "-srv";

/// What the system says: descriptors are used up, it is not allowed, the disk is broken.
const ERRORS: [i32; 3] = [24, 13, 5];

pub(super) struct World {
    pub(super) dice: Dice,
    pub(super) conductor: Arc<Conductor>,
    pub(super) trace: Arc<Mutex<Vec<String>>>,
    pub(super) machine: Machine,
    pub(super) dir: tempfile::TempDir,
    pub(super) places: Places,
    pub(super) stores: Vec<Arc<Moody>>,
    /// Destinations whose manifests have a typo: they are configured, and not opened.
    pub(super) typos: BTreeSet<usize>,
    pub(super) keep: Keep,
    pub(super) has_runs: bool,
    /// A run took rows from frames, perhaps not all.
    pub(super) had_frames: bool,
    /// Lines came to a destination past the spool.
    pub(super) has_imports: bool,
    /// The run that lives takes frames.
    pub(super) has_frames: bool,
    pub(super) watching: Option<(Process<Order>, watch::Receiver<Figures>)>,
    pub(super) running: Option<Process<Heard>>,
    pub(super) files: Vec<AgentFile>,
    pub(super) truth: Truth,
    processes: u64,
    pub(super) lines: u64,
    pub(super) time: u64,
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        let dice = Dice::new(seed);
        let dir = tempfile::tempdir().unwrap();
        let [state, projects] = ["state", "projects"].map(|name| dir.path().join(name));
        let main = |session: &str| SessionKey::main(FOLDER, session).unwrap();
        let keys = [
            main("s"),
            main("s").with_subpath("subagents/agent-1").unwrap(),
            main("t"),
        ];
        let keys = keys.into_iter().take(dice.within(1..4));
        let mut world = Self {
            conductor: Conductor::new(dice.clone()),
            trace: Arc::default(),
            machine: Machine::new(),
            files: keys.map(|key| AgentFile::new(&projects, key)).collect(),
            places: Places {
                state,
                projects,
                lacks_history: Arc::default(),
            },
            dir,
            stores: (0..dice.within(1..3)).map(|_| Moody::new()).collect(),
            typos: BTreeSet::new(),
            keep: *dice.one(&[Keep::UntilDelivered, Keep::Forever]),
            has_runs: dice.percent(50),
            had_frames: false,
            has_imports: false,
            has_frames: false,
            watching: None,
            running: None,
            truth: Truth::default(),
            processes: 0,
            lines: 0,
            time: 0,
            dice,
        };
        fs::create_dir_all(world.places.projects.join(FOLDER)).unwrap();
        world.start_watch();
        world
    }

    pub(super) fn note(&self, what: String) {
        self.trace.lock().unwrap().push(what);
    }

    pub(super) async fn step(&mut self) {
        match self.dice.below(100) {
            0..22 => self.write(),
            22..40 => self.look(),
            40..44 => self.rewrite(),
            44..46 => self.clean_up(),
            46..50 => self.import().await,
            50..63 => self.wait().await,
            63..68 => self.end_or_start_watch(),
            68..75 => self.change_weather(),
            75..78 => self.delete().await,
            78..84 => self.spoil(),
            84..86 => self.forget(),
            86..88 => self.pick_up(),
            _ => self.run().await,
        }
        self.listen();
    }

    /// What a process is made of; `None` where it cannot start.
    pub(super) fn base(&mut self) -> Option<Base> {
        self.processes += 1;
        let id = uuid::Uuid::from_u64_pair(self.processes, self.dice.below(usize::MAX) as u64);
        let troupe = self.conductor.troupe(self.processes);
        let seed = self.dice.below(usize::MAX) as u64;
        let mirror = Arc::new(self.machine.conducted(seed, &troupe, self.keep));
        mirror.begin_adopting();
        let spool = Spool::of_writer(Arc::new(self.machine.spool.clone()), id).map(Arc::new);
        let started = spool.ok().filter(|spool| {
            let options = DestinationOptions {
                mirror: MirrorSettings {
                    flush: *self.dice.one(&[Flush::Eager, Flush::Batched]),
                    ..MirrorSettings::default()
                },
                timeout: Duration::from_secs(20),
                ..DestinationOptions::default()
            };
            let mut added = (0..self.stores.len()).map(|index| mirror.add_destination(&name(index), options.clone()));
            added.all(|added| added.is_ok()) && mirror.keep_adopting(spool).is_ok()
        });
        let Some(spool) = started else {
            self.note(format!("p{} cannot start", self.processes));
            troupe.kill();
            return None;
        };
        for (index, store) in self.stores.iter().enumerate() {
            match self.typos.contains(&index) {
                true => mirror.not_opened(&name(index), "a typo".to_owned(), false),
                false => mirror.opened(&name(index), store.clone()),
            }
        }
        mirror.follow(&spool);
        self.note(format!("p{} starts, {}", self.processes, &spool.writer()[..16]));
        Some(Base { spool, mirror, troupe })
    }

    pub(super) fn start_watch(&mut self) {
        if let Some(base) = self.base() {
            match Process::follow(base, &self.places) {
                Ok(process) => self.watching = Some(process),
                Err(base) => {
                    base.troupe.kill();
                    base.spool.close_blocking();
                    self.note("it may not follow".to_owned());
                }
            }
        }
    }

    fn end_or_start_watch(&mut self) {
        match self.watching.is_some() {
            true if self.dice.percent(30) => self.lose_power(),
            true => self.end_watch(),
            false => {}
        }
        if self.dice.percent(80) && self.watching.is_none() {
            self.start_watch();
        }
    }

    /// It is killed; what it wrote is there.
    pub(super) fn end_watch(&mut self) {
        if let Some((process, _)) = self.watching.take() {
            self.note("the one that follows is killed".to_owned());
            self.bury(process);
        }
        if self.running.is_none() {
            let disks = &mut self.machine;
            let killed = |disk: &Simulated| disk.kill();
            (disks.spool, disks.cursors, disks.ledger) =
                (killed(&disks.spool), killed(&disks.cursors), killed(&disks.ledger));
        }
    }

    /// Every process dies, and what was not synced may be lost.
    fn lose_power(&mut self) {
        self.note("the power is gone".to_owned());
        let mut random = self.dice.random();
        let disks = &mut self.machine;
        let mut crashed = |disk: &Simulated| disk.crash(&mut random);
        (disks.spool, disks.cursors, disks.ledger) =
            (crashed(&disks.spool), crashed(&disks.cursors), crashed(&disks.ledger));
        if let Some((process, _)) = self.watching.take() {
            self.bury(process);
        }
        if let Some(process) = self.running.take() {
            self.bury(process);
        }
    }

    pub(super) fn bury<O: Send + 'static>(&mut self, process: Process<O>) {
        let mut events = process.bury();
        while let Ok(event) = events.try_recv() {
            self.hear(event);
        }
    }

    /// Has the one that follows do something.
    pub(super) fn order(&mut self, order: Order) {
        let Some((process, figures)) = &mut self.watching else {
            return;
        };
        process.obey(order);
        let (waits, unreadable) = {
            let figures = figures.borrow();
            (figures.waiting.clone(), figures.unreadable_paths.clone())
        };
        self.note(format!("it has looked; waiting: {waits:?}; unreadable: {unreadable:?}"));
        self.read();
    }

    /// Reads what came into spools, past every fault.
    pub(super) fn read(&mut self) {
        self.machine.spool.clear_faults();
        disk::heal(self.dir.path());
        let spools = self.watching.iter().map(|(process, _)| &process.base.spool);
        let spools = spools.chain(self.running.iter().map(|process| &process.base.spool));
        let spools: Vec<_> = spools.cloned().collect();
        spools.iter().for_each(|spool| self.truth.read(spool));
    }

    fn look(&mut self) {
        let is_all = self.dice.percent(50);
        if self.dice.percent(15) {
            self.fail_something();
        }
        if is_all {
            // As often as the follower does.
            if self.dice.percent(70) {
                self.pick_up();
            }
            let is_last = self.dice.percent(40);
            self.order(Order::LookAtAll { is_last });
            self.check_reported();
            return;
        }
        let mut dirty = Dirty::default();
        for file in &self.files {
            if self.dice.percent(60) {
                dirty.files.insert(file.path.clone());
            }
        }
        if self.dice.percent(20) {
            dirty.folders.insert(self.places.projects.join(FOLDER));
        }
        self.order(Order::LookAtSome(dirty));
    }

    /// Some calls to the disk fail, of those that come next.
    pub(super) fn fail_something(&self) {
        let (after, times) = (self.dice.below(12) as u64, self.dice.within(1..4) as u64);
        let error = *self.dice.one(&ERRORS);
        match self.dice.below(4) {
            0 => self.machine.spool.fault_after(after, Fault::Fail),
            1 => self.machine.spool.fail_looks(after, times, error),
            _ => disk::fail(self.dir.path(), after, times, error),
        }
        self.note(format!("behind {after} calls {times} fail with {error}"));
    }

    async fn wait(&self) {
        let times = [1..30, 30..300, 300..7000, 7000..100_000];
        tokio::time::sleep(self.dice.millis(self.dice.one(&times).clone())).await;
    }

    fn change_weather(&mut self) {
        let index = self.dice.below(self.stores.len());
        if self.dice.percent(25) {
            let is_typo = self.typos.insert(index) || !self.typos.remove(&index);
            self.note(format!("{} has a typo: {is_typo}", name(index)));
            self.open(index);
            return;
        }
        let store = &self.stores[index];
        let away = self.dice.percent(50).then(|| StoreError::Unavailable("away".into()));
        let is_half_readable = self.dice.percent(20);
        self.note(format!(
            "{} is away: {}, half-readable: {is_half_readable}",
            name(index),
            away.is_some()
        ));
        store.set_pace(self.dice.millis(0..2000));
        store.set_delay(self.dice.millis(0..300));
        store.set_half_readable(is_half_readable);
        store.set_away(away);
        if self.dice.percent(30) {
            let error = StoreError::Unavailable("lost".into());
            store.next([match self.dice.below(4) {
                0 => Fate::Fails(error),
                1 => Fate::LandsAndFails(error),
                2 => Fate::LandsLate(self.dice.millis(1..5000)),
                _ => Fate::Hangs,
            }]);
        }
    }

    /// Every process reads the manifest anew.
    fn open(&self, index: usize) {
        let mirrors = self.watching.iter().map(|(process, _)| &process.base.mirror);
        for mirror in mirrors.chain(self.running.iter().map(|process| &process.base.mirror)) {
            match self.typos.contains(&index) {
                true => mirror.not_opened(&name(index), "a typo".to_owned(), false),
                false => mirror.opened(&name(index), self.stores[index].clone()),
            }
        }
    }

    async fn delete(&mut self) {
        let Some((process, _)) = &self.watching else { return };
        let mirror = process.base.mirror.clone();
        mirror.adopted().await;
        let session = self.files[self.any_file()].key.to_main();
        let done = mirror.delete(&session, process.base.spool.writer());
        self.note(format!("{session} is deleted: {}", done.is_ok()));
        // What another process has and never brought there is the session begun anew.
        let is_certain = done.is_ok() && !self.has_runs;
        self.truth.delete(&session, is_certain, &self.files);
    }

    /// Something of the disks cannot be used, for a while or for good.
    fn spoil(&mut self) {
        match self.dice.below(3) {
            0 => self.fail_something(),
            1 => self.machine.ledger.fault_after(self.dice.below(6) as u64, Fault::Fail),
            _ => self.machine.cursors.fail_looks(0, self.dice.within(1..10) as u64, 5),
        }
    }

    pub(super) fn listen(&mut self) {
        let mut heard = Vec::new();
        if let Some((process, _)) = &mut self.watching {
            heard.extend(std::iter::from_fn(|| process.events.try_recv().ok()));
        }
        if let Some(process) = &mut self.running {
            heard.extend(std::iter::from_fn(|| process.events.try_recv().ok()));
        }
        heard.into_iter().for_each(|event| self.hear(event));
    }

    fn hear(&mut self, event: crate::mirror::Event) {
        let key = event.key.as_ref().map(ToString::to_string).unwrap_or_default();
        self.note(format!("told: {} {key} {}", event.destination, event.what));
        self.truth.hear(event);
    }

    /// Nothing fails any more.
    pub(super) fn heal(&mut self) {
        disk::heal(self.dir.path());
        for disk in [&self.machine.spool, &self.machine.cursors, &self.machine.ledger] {
            disk.clear_faults();
        }
        for store in &self.stores {
            store.set_away(None);
            store.set_pace(Duration::ZERO);
            store.set_delay(Duration::ZERO);
            store.set_half_readable(false);
        }
        for index in std::mem::take(&mut self.typos) {
            self.open(index);
        }
    }
}

pub(super) fn name(index: usize) -> String {
    format!("d{index}")
}
