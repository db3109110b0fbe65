//! A destination that is well gets its lines in the time that it takes alone, whatever another one does.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use mirrorbox_e2e::{amount, test_guest};

use crate::watcher::{Machine, Watcher, stored, wait_for};

/// What the other destination makes of a session of this name, where its settings do not say it: see
/// `tests/guests/hostile`.
const SESSION: &str = "descriptors";

/// Two machines: one with the fs adapter alone, one with another destination beside it. They take turns, so that what
/// else the machine has to do hits both.
struct Two {
    alone: One,
    beside: One,
}

struct One {
    machine: Machine,
    watcher: Watcher,
}

/// How long it takes until a line is on local disk, and in the destination that is well.
#[derive(Clone, Copy, Debug)]
struct Took {
    spooled: Duration,
    stored: Duration,
}

impl One {
    fn start(dir: &Path, set_up: impl FnOnce(&Path)) -> Self {
        let machine = Machine::at(dir);
        set_up(&machine.installed.config.join("adapters/other"));
        let watcher = machine.watch(&[]);
        Self { machine, watcher }
    }

    fn append(&self, turn: u64) -> Took {
        let (row, stream) = (format!("{{\"turn\":{turn}}}\n"), format!("-srv-app/{SESSION}"));
        let begun = Instant::now();
        self.machine.add(&format!("{stream}.jsonl"), &row);
        let mut spooled = None;
        loop {
            if spooled.is_none() && self.spooled().contains(&row) {
                spooled = Some(begun.elapsed());
            }
            // The spool comes first, so it is looked at once more.
            if stored(&self.machine.installed.store, &stream).contains(&row) {
                let stored = begun.elapsed();
                let spooled = spooled.unwrap_or(stored);
                return Took { spooled, stored };
            }
            assert!(begun.elapsed() < crate::watcher::PATIENCE, "{}", self.watcher.log());
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// What this process has on local disk of the session.
    fn spooled(&self) -> String {
        let writers = fs::read_dir(self.machine.installed.state.join("spool")).unwrap();
        let files = writers.map(|writer| {
            writer
                .unwrap()
                .path()
                .join(format!("projects/-srv-app/{SESSION}.jsonl"))
        });
        files
            .filter_map(|file: PathBuf| fs::read_to_string(file).ok())
            .collect()
    }
}

impl Two {
    fn start(dir: &Path, guest: &str, manifest: &str) -> Self {
        let granted = dir.join("granted");
        let set_up = |place: &Path| {
            fs::copy(test_guest(guest), place.with_extension("wasm")).unwrap();
            let grants = format!("[grants]\ndirs = [{{ host = {granted:?}, guest = \"/data\" }}]\n");
            fs::write(place.with_extension("toml"), format!("{manifest}{grants}")).unwrap();
        };
        fs::create_dir(&granted).unwrap();
        let (alone, beside) = (dir.join("alone"), dir.join("beside"));
        fs::create_dir(&alone).unwrap();
        fs::create_dir(&beside).unwrap();
        Self {
            alone: One::start(&alone, |_| ()),
            beside: One::start(&beside, set_up),
        }
    }

    fn compare(self, what: &str) {
        let turns = amount(9, 60);
        // The first line is where the other one's trouble begins.
        self.alone.append(0);
        self.beside.append(0);
        wait_for("a try at the other destination", || {
            let status = self.beside.machine.status();
            status["destinations"].as_array().is_some_and(|all| all.len() == 2)
        });
        let both = (1..=turns).map(|turn| (self.alone.append(turn), self.beside.append(turn)));
        let (alone, beside): (Vec<_>, Vec<_>) = both.unzip();
        let ratio = |part: fn(&Took) -> Duration| {
            let median = |all: &[Took]| {
                let mut times: Vec<_> = all.iter().map(part).collect();
                times.sort();
                times[times.len() / 2]
            };
            median(&beside).as_secs_f64() / median(&alone).as_secs_f64()
        };
        let (spooled, stored) = (ratio(|took| took.spooled), ratio(|took| took.stored));
        println!("beside {what}: {spooled:.2} until it is spooled, {stored:.2} until it is stored");
        // A few turns on a machine with other work say less than many.
        let most = if amount(0, 1) == 1 { 1.2 } else { 2.5 };
        assert!(
            spooled <= most && stored <= most,
            "{spooled} and {stored} beside {what}"
        );
        self.alone.watcher.kill();
        self.beside.watcher.kill();
    }
}

#[test]
fn beside_one_that_never_answers() {
    let dir = tempfile::tempdir().unwrap();
    let two = Two::start(dir.path(), "faulty", "timeout = \"10m\"\n[config]\nfault = \"sleep\"\n");
    two.compare("one that never answers");
}

#[test]
fn beside_one_that_answers_late() {
    let dir = tempfile::tempdir().unwrap();
    let two = Two::start(dir.path(), "faulty", "timeout = \"60s\"\n[config]\nfault = \"late\"\n");
    two.compare("one that answers after 30 s");
}

#[test]
fn beside_one_that_fills_every_descriptor() {
    let dir = tempfile::tempdir().unwrap();
    let two = Two::start(dir.path(), "hostile", "instances = 8\n");
    two.compare("one that fills every descriptor");
}
