//! Deletes, and destinations that hear of them late.

use std::sync::Arc;

use super::fixture::{Fate, Machine, Moody, Process, key, numbered, prune_all, stored};
use crate::config::{Flush, MirrorSettings};
use crate::mirror::DestinationOptions;
use crate::spool::{Base, Stored};
use crate::store::{Kind, Store, StoreError};

fn eager() -> MirrorSettings {
    MirrorSettings {
        flush: Flush::Eager,
        ..MirrorSettings::default()
    }
}

fn add(process: &Process, name: &str, store: &Arc<Moody>) {
    let options = DestinationOptions {
        mirror: eager(),
        ..DestinationOptions::default()
    };
    process.mirror.add_destination(name, options).unwrap();
    process.mirror.opened(name, store.clone());
}

#[tokio::test(start_paused = true)]
async fn what_was_deleted_does_not_come_to_a_destination_that_is_named_later() {
    let (a, b, c, machine) = (Moody::new(), Moody::new(), Moody::new(), Machine::new());
    let process = machine.start(&[("a", a.clone())], &eager());
    process.append(&key(), 1..=3);
    process.flush().await;
    process.mirror.delete(&key(), process.spool.writer()).unwrap();
    process.append(&key(), 4..=5);
    process.flush().await;
    add(&process, "b", &b);
    process.flush().await;
    assert_eq!(stored(&b.inside, &key()).await, numbered(4..=5));
    // Nor does it for the next process.
    let machine = machine.killed(process).await;
    let process = machine.start(&[("a", a.clone()), ("c", c.clone())], &eager());
    process.flush().await;
    assert_eq!(stored(&c.inside, &key()).await, numbered(4..=5));
}

#[tokio::test(start_paused = true)]
async fn what_a_later_destination_holds_of_it_is_deleted_there() {
    let (a, b, machine) = (Moody::new(), Moody::new(), Machine::new());
    let process = machine.start(&[("a", a.clone())], &eager());
    process.append(&key(), 1..=3);
    process.flush().await;
    for batch in a.inside.load(&key(), 0, u32::MAX).await.unwrap() {
        b.inside.append(&key(), &batch, None).await.unwrap();
    }
    process.mirror.delete(&key(), process.spool.writer()).unwrap();
    process.flush().await;
    add(&process, "b", &b);
    process.flush().await;
    assert_eq!(stored(&b.inside, &key()).await, Vec::<String>::new());
    process.append(&key(), 4..=4);
    process.flush().await;
    assert_eq!(stored(&b.inside, &key()).await, numbered(4..=4));
}

#[tokio::test(start_paused = true)]
async fn a_destination_that_was_not_named_for_a_while_hears_of_it() {
    let (a, b, machine) = (Moody::new(), Moody::new(), Machine::new());
    let process = machine.start(&[("a", a.clone()), ("b", b.clone())], &eager());
    process.append(&key(), 1..=3);
    process.flush().await;
    let machine = machine.killed(process).await;
    let process = machine.start(&[("a", a.clone())], &eager());
    process.mirror.delete(&key(), process.spool.writer()).unwrap();
    process.flush().await;
    add(&process, "b", &b);
    process.flush().await;
    assert_eq!(stored(&b.inside, &key()).await, Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn what_another_host_copies_late_is_deleted_once_more() {
    let (a, b, machine) = (Moody::new(), Moody::new(), Machine::new());
    let process = machine.start(&[("a", a.clone())], &eager());
    process.append(&key(), 1..=3);
    process.flush().await;
    let copied = a.inside.load(&key(), 0, u32::MAX).await.unwrap();
    process.mirror.delete(&key(), process.spool.writer()).unwrap();
    process.flush().await;
    add(&process, "b", &b);
    process.flush().await;
    for batch in &copied {
        b.inside.append(&key(), batch, None).await.unwrap();
    }
    process.append(&key(), 4..=4);
    process.flush().await;
    assert_eq!(stored(&b.inside, &key()).await, numbered(4..=4));
}

#[tokio::test(start_paused = true)]
async fn a_fill_brings_nothing_that_is_being_deleted() {
    let (a, b, machine) = (Moody::new(), Moody::new(), Machine::new());
    let process = machine.start(&[("a", a.clone())], &eager());
    process.append(&key(), 1..=3);
    process.flush().await;
    let machine = machine.killed(process).await;
    let process = machine.start(&[("a", a.clone())], &eager());
    let away = Fate::Fails(StoreError::Unavailable("away".into()));
    a.next(vec![away; 20]);
    process.mirror.delete(&key(), process.spool.writer()).unwrap();
    // The session goes on behind what is to be deleted.
    let position = a.inside.end(&key()).await.unwrap().unwrap();
    let destination = "a".to_owned();
    let stored_at_a = Some(Stored { destination, position });
    let base = Base {
        lines: 3,
        stored: stored_at_a,
    };
    process.spool.begin_blocking(&key(), base).unwrap();
    process.append(&key(), 4..=4);
    add(&process, "b", &b);
    process.flush().await;
    assert_eq!(stored(&b.inside, &key()).await, numbered(4..=4));
}

#[tokio::test(start_paused = true)]
async fn what_follows_history_that_another_host_deleted_stays_away() {
    let (a, b, one, two) = (Moody::new(), Moody::new(), Machine::new(), Machine::new());
    let mut process = one.start(&[("a", a.clone())], &eager());
    process.append(&key(), 1..=3);
    process.flush().await;
    prune_all(&process, &a).await;
    process.append(&key(), 4..=5);
    process.flush().await;
    let other = two.start(&[("a", a.clone())], &eager());
    other.mirror.delete(&key(), other.spool.writer()).unwrap();
    other.append(&key(), 60..=60);
    other.flush().await;
    add(&process, "b", &b);
    process.flush().await;
    assert!(process.events().contains(&"deleted"));
    assert_eq!(stored(&b.inside, &key()).await, Vec::<String>::new());
    process.append(&key(), 6..=6);
    process.flush().await;
    assert_eq!(stored(&b.inside, &key()).await, numbered(6..=6));
}

#[tokio::test(start_paused = true)]
async fn a_delete_at_an_emptied_destination_is_done_once() {
    let (first, second) = (Moody::new(), Moody::new());
    let (one, two) = (Machine::new(), Machine::new());
    let process = one.start(&[("a", first.clone())], &eager());
    for line in 1..=5 {
        process.append(&key(), line..=line);
        process.flush().await;
    }
    let other = two.start(&[("a", second.clone())], &eager());
    other.append(&key(), 50..=50);
    other.flush().await;
    // Tried in vain as number 6, then done where numbers are lower; and the answer is lost.
    let lost = || StoreError::Unavailable("away".into());
    first.next([Fate::Fails(lost())]);
    process.mirror.delete(&key(), process.spool.writer()).unwrap();
    first.tried(6).await;
    second.next([Fate::LandsAndFails(lost())]);
    process.mirror.opened("a", second.clone());
    second.tried(2).await;
    other.append(&key(), 51..=51);
    other.flush().await;
    // What had come before the tombstone is gone, and the other host had to be told of it first.
    other.append(&key(), 52..=52);
    other.flush().await;
    process.flush().await;
    let batches = second.inside.load(&key(), 0, u32::MAX).await.unwrap();
    assert_eq!((batches[0].kind, batches[0].number), (Kind::Tombstone, 2));
    assert_eq!(stored(&second.inside, &key()).await, numbered(52..=52));
}
