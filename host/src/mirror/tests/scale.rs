//! What is done for one stream costs as much as one stream.

use std::sync::Arc;
use std::time::Duration;

use super::fixture::{Machine, Moody};
use crate::config::MirrorSettings;
use crate::disk::simulated::{Fault, Random};
use crate::key::SessionKey;
use crate::mirror::flush;
use crate::mirror::lane::{Delivered, Lane};
use crate::mirror::ledger::Ledger;

fn key(session: u32) -> SessionKey {
    SessionKey::main("project", format!("session-{session}")).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_flush_looks_at_what_changed() {
    let (a, b, machine) = (Moody::new(), Moody::new(), Machine::new());
    let process = machine.start(&[("a", a.clone()), ("b", b.clone())], &MirrorSettings::default());
    (0..200).for_each(|session| process.append(&key(session), 1..=1));
    process.flush().await;
    assert_eq!(flush::aims(&process.mirror.shared, None).len(), 0);
    process.append(&key(7), 2..=2);
    let calls = a.appends();
    // One stream at two destinations.
    assert_eq!(flush::aims(&process.mirror.shared, None).len(), 2);
    assert_eq!(flush::aims(&process.mirror.shared, Some(&key(8))).len(), 0);
    process.flush().await;
    assert_eq!(a.appends() - calls, 1);
    assert_eq!(flush::aims(&process.mirror.shared, None).len(), 0);
}

/// More streams than are remembered: those that were forgotten go on where their cursors are.
#[tokio::test(start_paused = true)]
async fn streams_that_were_quiet_for_long_go_on_where_they_were() {
    let (a, machine) = (Moody::new(), Machine::new());
    let process = machine.start(&[("a", a.clone())], &MirrorSettings::default());
    (0..1500).for_each(|session| process.append(&key(session), 1..=1));
    process.flush().await;
    for session in [0, 1, 1499] {
        process.append(&key(session), 2..=2);
    }
    process.flush().await;
    for session in [0, 1, 2, 1499] {
        let last = if session == 2 { 1 } else { 2 };
        assert_eq!(
            super::fixture::stored(&a.inside, &key(session)).await,
            super::fixture::numbered(1..=last)
        );
    }
}

/// More streams than are remembered, delivered at one time: none has another turn for which it was forgotten meanwhile.
#[tokio::test(start_paused = true)]
async fn a_destination_that_has_everything_is_left_alone() {
    let (a, machine) = (Moody::new(), Machine::new());
    let process = machine.start(&[("a", a.clone())], &MirrorSettings::default());
    (0..3000).for_each(|session| process.append(&key(session), 1..=1));
    process.flush().await;
    let mut asked = a.asked();
    let before = *asked.borrow_and_update();
    tokio::select! {
        biased;
        _ = asked.wait_for(|asked| *asked > before + 3000) => panic!("it is asked again and again"),
        () = tokio::time::sleep(Duration::from_secs(60)) => {}
    }
    assert_eq!(*a.asked().borrow(), before);
}

/// Of 100,000 streams, each is at each destination: what one takes at rest is multiplied by that.
#[test]
fn a_stream_at_rest_is_small_at_each_destination() {
    let size = size_of::<Lane>() + size_of::<Delivered>() + size_of::<SessionKey>();
    assert!(size < 768, "{size} bytes");
}

#[test]
fn what_is_to_be_forgotten_is_forgotten_by_whoever_has_the_time() {
    let machine = Machine::new();
    let ledger = Ledger::new(Arc::new(machine.ledger.clone()));
    let keys: Vec<_> = (0..20).map(key).collect();
    for key in &keys {
        ledger
            .update("a", key, |entry| entry.share_mut("dead").begun = true)
            .unwrap();
    }
    let left = |ledger: &Ledger| {
        keys.iter()
            .filter(|key| ledger.load("a", key).unwrap().share("dead").begun)
            .count()
    };
    ledger.note_to_forget("dead", &keys).unwrap();
    // The spool is still there, or there is no time.
    ledger.forget_noted(|_| Ok(false), || false).unwrap();
    ledger.forget_noted(|_| Ok(true), || true).unwrap();
    assert_eq!(left(&ledger), 20);
    let next = Ledger::new(Arc::new(machine.ledger.kill()));
    let turns = std::cell::Cell::new(0);
    let is_over = || turns.replace(turns.get() + 1) == 5;
    next.forget_noted(|_| Ok(true), is_over).unwrap();
    assert_eq!(left(&next), 15);
    next.forget_noted(|_| Ok(true), || false).unwrap();
    assert_eq!(left(&next), 0);
    assert!(machine.ledger.files("dead").is_empty());
}

/// A record that could not be synced can be read all the same: the next writer must not take it for synced.
#[test]
fn what_failed_to_be_synced_is_written_once_more() {
    for step in 0..12 {
        for seed in 0..20 {
            let machine = Machine::new();
            let ledger = Ledger::new(Arc::new(machine.ledger.clone()));
            let begin = || ledger.update("a", &key(1), |entry| entry.share_mut("writer").begun = true);
            machine.ledger.fault_after(step, Fault::Fail);
            if begin().is_err() {
                begin().unwrap();
            }
            let next = Ledger::new(Arc::new(machine.ledger.crash(&mut Random(seed))));
            let entry = next.load("a", &key(1)).unwrap();
            assert!(entry.share("writer").begun, "step {step}, seed {seed}");
        }
    }
}
