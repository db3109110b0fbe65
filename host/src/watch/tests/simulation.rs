//! A machine on which `watch` follows an agent's files and `run` mirrors what an agent prints, as a seed decides: files
//! grow, are rewritten, replaced and removed; processes die; destinations are away, slow, half-readable or not opened;
//! sessions are deleted; any call to the disk fails. What is driven are the follower and the recorder themselves, over
//! the real spool and the real mirror on simulated disks. Of the agent's files and of what is remembered of them the
//! disk is a real one, on which calls fail as the seed has it.
//!
//! `MIRRORBOX_SEED=n` runs one seed, `MIRRORBOX_SEEDS=n` so many; `MIRRORBOX_TRACE=1` prints what happens. Where
//! several files are taken side by side, their threads decide the order.

mod agent;
mod file;
mod process;
mod runs;
mod truth;
mod verdict;
mod world;

use std::sync::{Arc, Mutex, PoisonError};

use crate::mirror::tests::simulation::conductor::Conductor;
use crate::mirror::tests::simulation::number;
use world::World;

/// As many as take a slow core and a slow disk some seconds,
const SEEDS: u64 = 200;
/// and in the long form.
const MANY_SEEDS: u64 = 10_000;

/// Says what happened where it fails.
struct Curtain(Arc<Conductor>, Arc<Mutex<Vec<String>>>);

impl Drop for Curtain {
    fn drop(&mut self) {
        if std::thread::panicking() || std::env::var_os("MIRRORBOX_TRACE").is_some() {
            let trace = self.1.lock().unwrap_or_else(PoisonError::into_inner);
            trace.iter().for_each(|line| println!("{line}"));
        }
        self.0.dismiss();
    }
}

fn simulate(seed: u64) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        // One after the other, in the order in which they come.
        .max_blocking_threads(1)
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut world = World::new(seed);
        let conductor = world.conductor.clone();
        let _curtain = Curtain(conductor.clone(), world.trace.clone());
        conductor
            .conduct(async {
                for _ in 0..world.dice.within(5..60) {
                    world.step().await;
                }
                world.conclude().await;
            })
            .await;
    });
}

#[test]
fn whatever_happens_each_destination_holds_what_the_files_do() {
    let long = std::env::var_os("MIRRORBOX_SOAK").is_some();
    let seeds = match (number("MIRRORBOX_SEED"), number("MIRRORBOX_SEEDS")) {
        (Some(seed), _) => seed..seed + 1,
        (None, Some(seeds)) => 0..seeds,
        (None, None) => 0..if long { MANY_SEEDS } else { SEEDS },
    };
    for seed in seeds {
        println!("MIRRORBOX_SEED={seed}");
        simulate(seed);
    }
}
