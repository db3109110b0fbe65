//! What the simulation found, each by itself.

use std::time::Duration;

use super::fixture::{Machine, Moody, key, numbered, prune_all, stored};
use crate::config::{Flush, Keep, MirrorSettings, Writers};
use crate::disk::simulated::{Random, Simulated};
use crate::mirror::DestinationOptions;
use crate::mirror::keep::Keeping;
use crate::spool::Spool;
use crate::store::{Kind, Store};

fn eager() -> MirrorSettings {
    MirrorSettings {
        flush: Flush::Eager,
        ..MirrorSettings::default()
    }
}

#[tokio::test(start_paused = true)]
async fn a_delete_takes_nothing_that_a_subpath_got_meanwhile() {
    let (store, machine) = (Moody::new(), Machine::new());
    let process = machine.start(&[("a", store.clone())], &eager());
    let sub = key().with_subpath("subagents/agent-1").unwrap();
    process.append(&sub, 1..=3);
    process.flush().await;
    process.append(&key(), 1..=1);
    process.flush().await;
    // The main transcript's delete asks for the subpaths when the subpath's is done, and more has come.
    store.set_listing(Duration::from_secs(10));
    process.mirror.delete(&key(), process.spool.writer()).unwrap();
    process.append(&sub, 4..=6);
    process.flush().await;
    assert_eq!(stored(&store.inside, &sub).await, numbered(4..=6));
    // Hidden, they would have been delivered once more, and other hosts' would not.
    let first = &store.inside.load(&sub, 0, u32::MAX).await.unwrap()[0];
    assert_eq!((first.kind, first.number), (Kind::Tombstone, 2));
}

#[tokio::test(start_paused = true)]
async fn a_delete_that_comes_during_a_look_is_done() {
    let (store, machine) = (Moody::new(), Machine::new());
    let process = machine.start(&[("a", store.clone())], &eager());
    process.append(&key(), 1..=3);
    process.flush().await;
    // Opened anew, its end is asked for.
    store.set_delay(Duration::from_secs(1));
    process.mirror.opened("a", store.clone());
    tokio::time::sleep(Duration::from_millis(500)).await;
    process.mirror.delete(&key(), process.spool.writer()).unwrap();
    process.append(&key(), 7..=9);
    process.flush().await;
    assert_eq!(stored(&store.inside, &key()).await, numbered(7..=9));
}

#[tokio::test(start_paused = true)]
async fn deleted_lines_that_never_arrived_stay_away_from_the_next_process_too() {
    let (store, mut machine) = (Moody::new(), Machine::new());
    let process = machine.start(&[("a", store.clone())], &MirrorSettings::default());
    process.append(&key(), 1..=3);
    process.mirror.delete(&key(), process.spool.writer()).unwrap();
    process.flush().await;
    machine = machine.killed(process).await;
    machine.cursors = Simulated::new();
    let process = machine.start(&[("a", store.clone())], &eager());
    process.flush().await;
    assert_eq!(stored(&store.inside, &key()).await, Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_destination_that_is_added_is_filled_though_no_line_waits() {
    let (a, b, machine) = (Moody::new(), Moody::new(), Machine::new());
    let process = machine.start(&[("a", a.clone())], &eager());
    process.append(&key(), 1..=10);
    process.flush().await;
    prune_all(&process, &a).await;
    let options = DestinationOptions {
        mirror: eager(),
        ..DestinationOptions::default()
    };
    process.mirror.add_destination("b", options).unwrap();
    let left = process.mirror.flush(None, Some(Duration::from_secs(1))).await;
    assert!(!left.is_empty(), "b is not open yet, and has nothing");
    process.mirror.opened("b", b.clone());
    process.flush().await;
    assert_eq!(stored(&b.inside, &key()).await, numbered(1..=10));
}

#[tokio::test(start_paused = true)]
async fn a_tombstone_of_an_emptied_destination_is_not_the_one_before() {
    let (first, second) = (Moody::new(), Moody::new());
    let (one, two) = (Machine::new(), Machine::new());
    let mut one_process = one.start(&[("a", first.clone())], &eager());
    let two_process = two.start(&[("a", first.clone())], &eager());
    for line in 1..=3 {
        one_process.append(&key(), line..=line);
        one_process.flush().await;
    }
    two_process.mirror.delete(&key(), two_process.spool.writer()).unwrap();
    two_process.flush().await;
    one_process.append(&key(), 4..=4);
    one_process.flush().await;
    one_process.append(&key(), 5..=6);
    one_process.flush().await;
    assert_eq!(stored(&first.inside, &key()).await, numbered(5..=6));
    // Emptied, filled by one, and deleted by the other at a number before that of the tombstone that was there.
    one_process.mirror.opened("a", second.clone());
    one_process.append(&key(), 7..=7);
    one_process.flush().await;
    two_process.append(&key(), 50..=50);
    two_process.mirror.opened("a", second.clone());
    two_process.flush().await;
    two_process.mirror.delete(&key(), two_process.spool.writer()).unwrap();
    two_process.flush().await;
    let _ = one_process.events();
    one_process.append(&key(), 8..=8);
    one_process.flush().await;
    assert!(one_process.events().contains(&"deleted"));
    assert_eq!(stored(&second.inside, &key()).await, Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn what_is_filled_behind_a_claim_comes_behind_our_own() {
    let (a, b, one, two) = (Moody::new(), Moody::new(), Machine::new(), Machine::new());
    let last = MirrorSettings {
        writers: Writers::Last,
        ..eager()
    };
    let process = one.start(&[("a", a.clone())], &last);
    process.append(&key(), 1..=3);
    process.flush().await;
    prune_all(&process, &a).await;
    let other = two.start(&[("b", b.clone())], &last);
    other.append(&key(), 50..=50);
    other.flush().await;
    let options = DestinationOptions {
        mirror: last,
        ..DestinationOptions::default()
    };
    process.mirror.add_destination("b", options).unwrap();
    process.mirror.opened("b", b.clone());
    process.flush().await;
    let batches = b.inside.load(&key(), 0, u32::MAX).await.unwrap();
    let kinds: Vec<_> = batches.iter().map(|batch| batch.kind).collect();
    assert_eq!(kinds, [Kind::Claim, Kind::Entries, Kind::Claim, Kind::Entries]);
    assert_eq!(batches[2].origin.writer, process.spool.writer());
}

#[tokio::test(start_paused = true)]
async fn nothing_is_pruned_that_a_delete_may_hide() {
    let (store, machine) = (Moody::new(), Machine::new());
    let keeping = Keeping {
        keep: Keep::UntilDelivered,
        worth_pruning: 1,
    };
    let process = machine.start_keeping(&[("a", store.clone())], &eager(), keeping);
    process.append(&key(), 1..=3);
    process.flush().await;
    // The subpath begins, and is delivered, before the delete asks for subpaths.
    store.set_listing(Duration::from_secs(10));
    process.mirror.delete(&key(), process.spool.writer()).unwrap();
    let sub = key().with_subpath("subagents/agent-1").unwrap();
    process.append(&sub, 1..=3);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(stored(&store.inside, &sub).await, numbered(1..=3));
    process.mirror.keeper.sweep(None);
    process.flush().await;
    assert_eq!(stored(&store.inside, &sub).await, numbered(1..=3));
}

#[test]
fn a_removed_spool_does_not_come_back_with_the_power() {
    for seed in 0..50 {
        let disk = Simulated::new();
        let spool = Spool::on(std::sync::Arc::new(disk.clone())).unwrap();
        spool.append_blocking(&key(), &["{}"]).unwrap();
        spool.close_blocking();
        let disk = disk.kill();
        let next = Spool::on(std::sync::Arc::new(disk.clone())).unwrap();
        let adopted = next.adopt().unwrap().spools.pop().unwrap();
        adopted.remove().unwrap();
        let disk = disk.crash(&mut Random(seed));
        let last = Spool::on(std::sync::Arc::new(disk)).unwrap();
        assert!(last.adopt().unwrap().spools.is_empty(), "seed {seed}");
    }
}
