//! Lines of one file that several copies hold come in the file's order.

use std::sync::Arc;
use std::time::Duration;

use super::compare::store_by;
use super::fixture::{Machine, Moody, Process, key, stored};
use crate::config::{Flush, MirrorSettings};
use crate::mirror::DestinationOptions;
use crate::spool::Doubtful;
use crate::store::{Kind, Store, StoreError};

const A: &str = r#"{"n":1}"#;
const B: &str = r#"{"n":2}"#;
const C: &str = r#"{"n":3}"#;
const D: &str = r#"{"n":4}"#;

fn eager() -> MirrorSettings {
    MirrorSettings {
        flush: Flush::Eager,
        ..MirrorSettings::default()
    }
}

/// A process takes a file as it finds it.
fn found(process: &Process, lines: &[&str]) {
    let found = Doubtful {
        lines: lines.len() as u64,
        taken: 0,
        goes_on: false,
    };
    process.spool.found_blocking(&key(), found).unwrap();
    append(process, lines);
}

fn append(process: &Process, lines: &[&str]) {
    process.spool.append_blocking(&key(), lines).unwrap();
}

fn one(store: &Arc<Moody>) -> Vec<(&'static str, Arc<dyn Store>)> {
    vec![("a", store.clone())]
}

fn add_destination(process: &Process, store: &Arc<Moody>) {
    let options = DestinationOptions::default();
    process.mirror.add_destination("a", options).unwrap();
    process.mirror.opened("a", store.clone());
}

/// A run that was slow to deliver, and what its agent wrote after that, as another process found it.
#[tokio::test(start_paused = true)]
async fn what_stands_behind_lines_of_another_process_waits_for_them() {
    for is_found in [false, true] {
        let (machine, store) = (Machine::new(), Moody::new());
        let older = machine.start(&[], &eager());
        match is_found {
            true => found(&older, &[A, B]),
            false => append(&older, &[A, B]),
        }
        let younger = machine.start(&one(&store), &eager());
        found(&younger, &[A, B, C]);
        let waiting = younger.mirror.flush(None, Some(Duration::from_secs(60))).await;
        let [left] = &waiting.left[..] else {
            panic!("{waiting:?}")
        };
        let cause = left.cause.as_ref().map(ToString::to_string).unwrap_or_default();
        assert!(cause.contains("earlier lines"), "{waiting:?}");
        assert!(left.can_retry);
        add_destination(&older, &store);
        tokio::join!(older.flush(), younger.flush());
        assert_eq!(stored(&store.inside, &key()).await, [A, B, C], "{is_found}");
    }
}

/// It dies while the other waits: its lines are adopted, and come first.
#[tokio::test(start_paused = true)]
async fn lines_of_a_process_that_died_are_adopted_and_come_first() {
    let (machine, store) = (Machine::new(), Moody::new());
    let older = machine.start(&[], &eager());
    append(&older, &[A, B]);
    let younger = machine.start(&one(&store), &eager());
    younger.mirror.begin_adopting();
    younger.mirror.keep_adopting(&younger.spool).unwrap();
    found(&younger, &[A, B, C, D]);
    let waiting = younger.mirror.flush(None, Some(Duration::from_secs(20))).await;
    assert!(!waiting.is_empty());
    older.mirror.close().await;
    drop(older);
    // Sooner than processes that died are looked for by themselves.
    let left = younger.mirror.flush(None, Some(Duration::from_secs(10))).await;
    assert!(left.is_empty(), "{left}");
    assert_eq!(stored(&store.inside, &key()).await, [A, B, C, D]);
}

/// What one process found, and rows of a run behind it in the same lane.
#[tokio::test(start_paused = true)]
async fn copies_of_one_lane_take_turns_in_the_files_order() {
    let (machine, store) = (Machine::new(), Moody::new());
    let following = machine.start(&[], &eager());
    found(&following, &[A, B, C, D]);
    let machine = machine.killed(following).await;
    store.set_away(Some(StoreError::Unavailable("away".into())));
    let run = machine.start(&one(&store), &eager());
    append(&run, &[B, C]);
    store.set_away(None);
    run.flush().await;
    assert_eq!(stored(&store.inside, &key()).await, [A, B, C, D]);
}

/// Others stored the lines that were foreseen: nobody is waited for.
#[tokio::test(start_paused = true)]
async fn lines_that_came_by_another_way_are_waited_for_no_longer() {
    let (machine, store) = (Machine::new(), Moody::new());
    store_by(&store, "import", Kind::Entries, &[D]).await;
    let older = machine.start(&[], &eager());
    found(&older, &[D, A, B]);
    let younger = machine.start(&one(&store), &eager());
    found(&younger, &[D, A, B, C]);
    let waiting = younger.mirror.flush(None, Some(Duration::from_secs(5))).await;
    assert!(!waiting.is_empty());
    store_by(&store, "import again", Kind::Entries, &[A, B]).await;
    let left = younger.mirror.flush(None, Some(Duration::from_secs(10))).await;
    assert!(left.is_empty(), "{left}");
    assert_eq!(stored(&store.inside, &key()).await, [D, A, B, C]);
}

/// One that lives and never delivers keeps back nobody's lines for ever.
#[tokio::test(start_paused = true)]
async fn a_process_that_does_not_deliver_is_not_waited_for_for_ever() {
    let (machine, store) = (Machine::new(), Moody::new());
    let older = machine.start(&[], &eager());
    append(&older, &[A]);
    let younger = machine.start(&one(&store), &eager());
    found(&younger, &[A, B]);
    younger.flush().await;
    assert_eq!(stored(&store.inside, &key()).await, [B]);
    add_destination(&older, &store);
    older.flush().await;
    assert_eq!(stored(&store.inside, &key()).await, [B, A]);
}
