//! kill -9 at any moment while an agent writes: nothing is lost, doubled or moved.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use fastrand::Rng;
use mirrorbox_e2e::{amount, entry, seed};

use crate::watcher::{Machine, Watcher};

const SESSIONS: [&str; 3] = ["one", "two", "three"];

#[test]
fn every_line_survives_every_kill() {
    let mut rng = Rng::with_seed(seed());
    let dir = tempfile::tempdir().unwrap();
    let machine = Machine::at(dir.path());
    let is_over = AtomicBool::new(false);
    let kills = amount(8, 200);
    thread::scope(|scope| {
        let (mut writing, machine, is_over) = (rng.fork(), &machine, &is_over);
        scope.spawn(move || {
            let mut index = 0;
            while !is_over.load(Ordering::Relaxed) {
                write(machine, index, &mut writing);
                index += 1;
            }
        });
        for _ in 0..kills {
            let watcher = Watcher::start(machine.command(&[]), &dir.path().join("log"));
            // What it is doing then is up to chance.
            thread::sleep(Duration::from_millis(rng.u64(200..2500)));
            watcher.kill();
        }
        is_over.store(true, Ordering::Relaxed);
    });
    let watcher = machine.watch(&[]);
    for session in SESSIONS {
        machine.wait_stored(
            &format!("-srv-app/{session}"),
            &machine.read(&format!("-srv-app/{session}.jsonl")),
        );
    }
    assert_eq!(watcher.stop(), Some(0));
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
