//! kill -9 at any moment while agents write, with two destinations of which one comes and goes: nothing is lost, doubled
//! or moved.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use fastrand::Rng;
use mirrorbox_e2e::{Installation, amount, entry, seed, test_guest};

use crate::watcher::{Machine, Watcher, stored, wait_for};

const SESSIONS: [&str; 3] = ["one", "two", "three"];

/// A destination that is away now and then: a folder, and the orders in it.
struct Unsteady(PathBuf);

impl Unsteady {
    fn add_to(installed: &Installation, dir: &Path) -> Self {
        let folder = dir.join("unsteady");
        fs::create_dir(&folder).unwrap();
        let place = installed.config.join("adapters/unsteady");
        fs::copy(test_guest("faulty"), place.with_extension("wasm")).unwrap();
        let manifest = format!(
            "[config]\nfolder = \"/data\"\n[grants]\ndirs = [{{ host = {folder:?}, guest = \"/data\" }}]\n[mirror]\nflush = \"eager\"\n"
        );
        fs::write(place.with_extension("toml"), manifest).unwrap();
        Self(folder)
    }

    fn go(&self) {
        let new = self.0.join("orders.new");
        fs::write(&new, "any before unavailable").unwrap();
        fs::rename(new, self.0.join("orders")).unwrap();
    }

    fn come_back(&self) {
        // It may be there.
        let _ = fs::remove_file(self.0.join("orders"));
    }

    fn come_and_go(&self, rng: &mut Rng, is_over: &AtomicBool) {
        while !is_over.load(Ordering::Relaxed) {
            self.go();
            thread::sleep(Duration::from_millis(rng.u64(..3000)));
            self.come_back();
            thread::sleep(Duration::from_millis(rng.u64(..3000)));
        }
    }
}

#[test]
fn every_line_survives_every_kill() {
    let mut rng = Rng::with_seed(seed());
    let dir = tempfile::tempdir().unwrap();
    let machine = Machine::at(dir.path());
    let unsteady = Unsteady::add_to(&machine.installed, dir.path());
    let is_over = AtomicBool::new(false);
    let kills = amount(6, 200);
    thread::scope(|scope| {
        let (mut writing, mut going) = (rng.fork(), rng.fork());
        let (machine, is_over, unsteady) = (&machine, &is_over, &unsteady);
        scope.spawn(move || {
            let mut index = 0;
            while !is_over.load(Ordering::Relaxed) {
                write(machine, index, &mut writing);
                index += 1;
            }
        });
        scope.spawn(move || unsteady.come_and_go(&mut going, is_over));
        for _ in 0..kills {
            let watcher = Watcher::start(machine.command(&[]), &dir.path().join("log"));
            // What it is doing then is up to chance.
            thread::sleep(Duration::from_millis(rng.u64(200..2500)));
            watcher.kill();
        }
        is_over.store(true, Ordering::Relaxed);
    });
    let watcher = machine.watch(&[]);
    let streams = SESSIONS.map(|session| format!("-srv-app/{session}"));
    have_equal_lines(&machine, &unsteady, &streams);
    assert_eq!(watcher.stop(), Some(0));
    have_equal_lines(&machine, &unsteady, &streams);
}

/// Writes a row, perhaps in two parts.
fn write(machine: &Machine, index: u64, rng: &mut Rng) {
    for session in SESSIONS {
        let row = entry("agent", session, index) + "\n";
        let (first, rest) = row.split_at(rng.usize(..row.len()));
        let file = format!("-srv-app/{session}.jsonl");
        machine.add(&file, first);
        thread::sleep(Duration::from_millis(rng.u64(..8)));
        machine.add(&file, rest);
    }
}

/// Waits until both destinations hold exactly what the files hold.
fn have_equal_lines(machine: &Machine, unsteady: &Unsteady, streams: &[String]) {
    for stream in streams {
        let text = machine.read(&format!("{stream}.jsonl"));
        machine.wait_stored(stream, &text);
        let folder = unsteady.0.join("store");
        wait_for("as many lines there", || stored(&folder, stream).len() >= text.len());
        assert_eq!(stored(&folder, stream), text, "{stream}");
    }
}
