//! A delete whose removal takes many calls.

use std::sync::Arc;
use std::time::Duration;

use super::fixture::{Fate, Machine, Moody, key, numbered, stored};
use crate::config::MirrorSettings;
use crate::store::{Store, StoreError};

/// More than are tried before a failure is reported, and more than trip the gate.
const PIECES: usize = 12;

#[tokio::test(start_paused = true)]
async fn a_removal_in_pieces_is_no_failure() {
    let (store, machine) = (Moody::new(), Machine::new());
    let stores: [(&str, Arc<dyn Store>); 1] = [("a", store.clone())];
    let mut process = machine.start(&stores, &MirrorSettings::default());
    process.append(&key(), 1..=10);
    process.flush().await;
    let tried = store.appends();
    let piece = Fate::LandsAndFails(StoreError::Throttled(Duration::ZERO));
    store.next(vec![piece; PIECES]);
    process.mirror.delete(&key(), process.spool.writer()).unwrap();
    process.append(&key(), 11..=12);
    process.flush().await;
    assert_eq!(stored(&store.inside, &key()).await, numbered(11..=12));
    assert_eq!(process.events(), ["opened"], "a piece was taken for a failure");
    assert!(store.appends() > tried + PIECES as u64, "the removal did not go on");
}

/// What a call that was under way in another process left behind is removed by then.
#[tokio::test(start_paused = true)]
async fn the_destination_tidies_once_more_after_a_delete() {
    let (store, machine) = (Moody::new(), Machine::new());
    let stores: [(&str, Arc<dyn Store>); 1] = [("a", store.clone())];
    let process = machine.start(&stores, &MirrorSettings::default());
    process.append(&key(), 1..=10);
    process.flush().await;
    process.mirror.delete(&key(), process.spool.writer()).unwrap();
    process.flush().await;
    assert_eq!(store.compactions(), 0);
    tokio::time::sleep(Duration::from_secs(12 * 60)).await;
    assert_eq!(store.compactions(), 1);
    tokio::time::sleep(Duration::from_secs(60 * 60)).await;
    assert_eq!(store.compactions(), 1, "once is enough");
}
