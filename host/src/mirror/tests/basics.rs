use std::sync::Arc;
use std::time::Duration;

use super::fixture::{Fate, Machine, Moody, key, numbered, stored};
use crate::config::{Flush, Keep, MirrorSettings, Writers};
use crate::mirror::keep::Keeping;
use crate::store::{Store, StoreError};

fn settings() -> MirrorSettings {
    MirrorSettings::default()
}

fn eager() -> MirrorSettings {
    MirrorSettings {
        flush: Flush::Eager,
        ..settings()
    }
}

fn last() -> MirrorSettings {
    MirrorSettings {
        writers: Writers::Last,
        ..settings()
    }
}

fn away() -> StoreError {
    StoreError::Unavailable("away".into())
}

#[tokio::test(start_paused = true)]
async fn what_is_appended_is_delivered() {
    let (store, machine) = (Moody::new(), Machine::new());
    let mut process = machine.start(&[("a", store.clone())], &settings());
    process.append(&key(), 1..=1200);
    process.flush().await;
    assert_eq!(stored(&store.inside, &key()).await, numbered(1..=1200));
    assert_eq!(process.events(), ["opened"]);
    let session = store.find_session("project", "session").await.unwrap().unwrap();
    assert_eq!(session.summary.unwrap().through, session.last);
    process.mirror.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_burst_stores_its_summary_now_and_then_and_with_its_last_batch() {
    for settings in [settings(), eager()] {
        let (store, machine) = (Moody::new(), Machine::new());
        let process = machine.start(&[("a", store.clone())], &settings);
        process.append(&key(), 1..=500 * 19 + 1);
        process.flush().await;
        assert_eq!((store.appends(), store.summaries()), (20, vec![16, 20]));
        process.append(&key(), 500 * 19 + 2..=500 * 19 + 2);
        process.flush().await;
        assert_eq!(store.summaries(), [16, 20, 21]);
    }
}

#[tokio::test(start_paused = true)]
async fn lines_that_fill_no_batch_wait_five_seconds_for_more() {
    let (store, machine) = (Moody::new(), Machine::new());
    let process = machine.start(&[("a", store.clone())], &settings());
    process.append(&key(), 1..=3);
    tokio::time::sleep(Duration::from_millis(4900)).await;
    assert_eq!(store.appends(), 0);
    store.tried(1).await;
    process.append(&key(), 4..=503);
    let filled = tokio::time::Instant::now();
    store.tried(2).await;
    assert!(filled.elapsed() < Duration::from_millis(100));
    process.append(&key(), 504..=504);
    process.mirror.hurry(&key());
    store.tried(3).await;
    process.flush().await;
    assert_eq!(stored(&store.inside, &key()).await, numbered(1..=504));
}

#[tokio::test(start_paused = true)]
async fn an_outage_delays_and_loses_nothing() {
    let (store, machine) = (Moody::new(), Machine::new());
    let mut process = machine.start(&[("a", store.clone())], &eager());
    store.set_away(Some(away()));
    process.append(&key(), 1..=10);
    tokio::time::sleep(Duration::from_secs(3600)).await;
    let left = process.mirror.flush(None, Some(Duration::from_secs(1))).await;
    assert_eq!((left.entries(), left.left[0].destination.as_str()), (10, "a"));
    assert!(left.left[0].cause.as_ref().unwrap().contains("away"), "{left:?}");
    store.set_away(None);
    process.append(&key(), 11..=20);
    process.flush().await;
    assert_eq!(stored(&store.inside, &key()).await, numbered(1..=20));
    assert_eq!(process.events(), ["opened", "failed", "recovered"]);
}

#[tokio::test(start_paused = true)]
async fn a_lost_reply_leaves_one_copy() {
    let (store, machine) = (Moody::new(), Machine::new());
    let mut process = machine.start(&[("a", store.clone())], &eager());
    store.next([
        Fate::LandsAndFails(away()),
        Fate::Fails(away()),
        Fate::LandsAndFails(away()),
    ]);
    for first in (1..=40).step_by(10) {
        process.append(&key(), first..=first + 9);
        process.flush().await;
    }
    assert_eq!(stored(&store.inside, &key()).await, numbered(1..=40));
    assert_eq!(process.events(), ["opened"]);
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_lands_after_a_larger_cut_leaves_one_copy() {
    for late in [1, 150, 900, 5000] {
        let (store, machine) = (Moody::new(), Machine::new());
        let process = machine.start(&[("a", store.clone())], &eager());
        store.next([Fate::LandsLate(Duration::from_millis(late)), Fate::Fails(away())]);
        process.append(&key(), 1..=10);
        store.tried(1).await;
        process.append(&key(), 11..=20);
        process.flush().await;
        tokio::time::sleep(Duration::from_secs(10)).await;
        process.append(&key(), 21..=25);
        process.flush().await;
        assert_eq!(stored(&store.inside, &key()).await, numbered(1..=25), "{late} ms late");
    }
}

#[tokio::test(start_paused = true)]
async fn a_hanging_call_is_given_up_and_tried_again() {
    let (store, machine) = (Moody::new(), Machine::new());
    let process = machine.start(&[("a", store.clone())], &eager());
    store.next([Fate::Hangs]);
    process.append(&key(), 1..=5);
    process.flush().await;
    assert_eq!(stored(&store.inside, &key()).await, numbered(1..=5));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_help_is_parked_and_tried_again_after_five_minutes() {
    let (store, machine) = (Moody::new(), Machine::new());
    let mut process = machine.start(&[("a", store.clone())], &eager());
    store.next([Fate::Fails(StoreError::Denied("no".into()))]);
    process.append(&key(), 1..=5);
    tokio::time::sleep(Duration::from_secs(290)).await;
    assert_eq!((store.appends(), process.events()), (1, vec!["opened", "parked"]));
    process.flush().await;
    assert_eq!(process.events(), ["recovered"]);
    store.next([Fate::Fails(StoreError::Denied("no".into()))]);
    process.append(&key(), 6..=6);
    store.tried(3).await;
    let asked = tokio::time::Instant::now();
    tokio::task::yield_now().await;
    process.mirror.retry();
    process.flush().await;
    assert!(asked.elapsed() < Duration::from_secs(1), "{:?}", asked.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_killed_process_is_delivered_by_the_next() {
    for forgets_cursors in [false, true] {
        let (store, mut machine) = (Moody::new(), Machine::new());
        for life in 0..4 {
            let process = machine.start(&[("a", store.clone())], &settings());
            process.append(&key(), life * 700 + 1..=life * 700 + 600);
            if life % 2 == 0 {
                store.tried(u64::from(life) + 1).await;
            }
            process.append(&key(), life * 700 + 601..=life * 700 + 700);
            machine = machine.killed(process).await;
            if forgets_cursors {
                machine.cursors = crate::disk::simulated::Simulated::new();
            }
        }
        let process = machine.start(&[("a", store.clone())], &settings());
        process.flush().await;
        let mut lines = stored(&store.inside, &key()).await;
        lines.sort_by_key(|line| line.len());
        let (mut expected, mut found) = (numbered(1..=2800), lines);
        expected.sort();
        found.sort();
        assert_eq!(found, expected, "cursors forgotten: {forgets_cursors}");
    }
}

#[tokio::test(start_paused = true)]
async fn two_hosts_are_merged_and_both_told() {
    let store = Moody::new();
    let (one, two) = (Machine::new(), Machine::new());
    let mut one = one.start(&[("a", store.clone())], &eager());
    let mut two = two.start(&[("a", store.clone())], &eager());
    for first in (1..=1000).step_by(100) {
        one.append(&key(), first..=first + 99);
        two.append(&key(), first..=first + 99);
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    one.flush().await;
    two.flush().await;
    one.append(&key(), 1001..=1001);
    one.flush().await;
    assert_eq!(stored(&store.inside, &key()).await.len(), 2001);
    assert!(one.events().contains(&"foreign_writer"));
    assert!(two.events().contains(&"foreign_writer"));
}

#[tokio::test(start_paused = true)]
async fn with_last_the_older_host_stops_and_keeps_its_lines() {
    let store = Moody::new();
    let (one, two) = (Machine::new(), Machine::new());
    let mut one = one.start(&[("a", store.clone())], &last());
    one.append(&key(), 1..=3);
    one.flush().await;
    let mut two = two.start(&[("a", store.clone())], &last());
    two.append(&key(), 4..=6);
    two.flush().await;
    one.append(&key(), 100..=103);
    let left = one.mirror.flush(None, Some(Duration::from_secs(1000))).await;
    assert_eq!(left.entries(), 4);
    assert_eq!(stored(&store.inside, &key()).await, numbered(1..=6));
    assert_eq!(one.events(), ["opened", "foreign_writer", "superseded"]);
    assert_eq!(two.events(), ["opened", "foreign_writer"]);
}

#[tokio::test(start_paused = true)]
async fn an_emptied_destination_is_delivered_again() {
    let (store, machine) = (Moody::new(), Machine::new());
    let mut process = machine.start(&[("a", store.clone())], &eager());
    process.append(&key(), 1..=10);
    process.flush().await;
    let empty = Moody::new();
    process.mirror.opened("a", empty.clone());
    process.append(&key(), 11..=12);
    process.flush().await;
    assert_eq!(stored(&empty.inside, &key()).await, numbered(1..=12));
    assert_eq!(process.events(), ["opened", "opened", "history_lost"]);
}

#[tokio::test(start_paused = true)]
async fn a_deleted_session_stays_deleted_and_begins_anew() {
    let (a, b, machine) = (Moody::new(), Moody::new(), Machine::new());
    let stores: [(&str, Arc<dyn Store>); 2] = [("a", a.clone()), ("b", b.clone())];
    let process = machine.start(&stores, &settings());
    let sub = key().with_subpath("subagents/agent-1").unwrap();
    process.append(&key(), 1..=10);
    process.append(&sub, 1..=3);
    process.flush().await;
    b.set_away(Some(away()));
    process.append(&key(), 11..=20);
    process.mirror.delete(&key(), process.spool.writer()).unwrap();
    process.append(&key(), 21..=22);
    let _ = process.mirror.flush(None, Some(Duration::from_secs(60))).await;
    assert_eq!(stored(&a.inside, &key()).await, numbered(21..=22));
    assert_eq!(stored(&a.inside, &sub).await, Vec::<String>::new());
    let machine = machine.killed(process).await;
    b.set_away(None);
    let process = machine.start(&stores, &settings());
    process.flush().await;
    for store in [&a, &b] {
        assert_eq!(stored(&store.inside, &key()).await, numbered(21..=22));
        assert_eq!(stored(&store.inside, &sub).await, Vec::<String>::new());
    }
}

#[tokio::test(start_paused = true)]
async fn a_delete_by_another_host_stops_what_was_written_before_we_knew() {
    let store = Moody::new();
    let (one, two) = (Machine::new(), Machine::new());
    let mut one = one.start(&[("a", store.clone())], &settings());
    one.append(&key(), 1..=3);
    one.flush().await;
    let two = two.start(&[("a", store.clone())], &settings());
    two.mirror.delete(&key(), two.spool.writer()).unwrap();
    two.flush().await;
    one.append(&key(), 4..=6);
    one.flush().await;
    assert_eq!(stored(&store.inside, &key()).await, Vec::<String>::new());
    assert_eq!(one.events(), ["opened", "deleted"]);
    one.append(&key(), 7..=9);
    one.flush().await;
    assert_eq!(stored(&store.inside, &key()).await, numbered(7..=9));
}

/// No spool is left that was there when a session was deleted; a later process's first batch failed on its way.
#[tokio::test(start_paused = true)]
async fn a_delete_of_long_ago_takes_no_later_line() {
    let (a, machine) = (Moody::new(), Machine::new());
    let stores: Vec<(&str, Arc<dyn Store>)> = vec![("a", a.clone())];
    let process = machine.start(&stores, &eager());
    process.append(&key(), 1..=1);
    process.flush().await;
    process.mirror.delete(&key(), process.spool.writer()).unwrap();
    process.append(&key(), 2..=2);
    process.flush().await;
    let machine = machine.killed(process).await;
    let keeping = Keeping {
        keep: Keep::UntilDelivered,
        worth_pruning: 1,
    };
    let process = machine.start_keeping(&stores, &eager(), keeping);
    process.flush().await;
    process.mirror.keeper.sweep(None);
    let tried = a.appends();
    a.next([Fate::Fails(away())]);
    process.append(&key(), 3..=3);
    a.tried(tried + 1).await;
    let machine = machine.killed(process).await;
    assert_eq!(stored(&a.inside, &key()).await, numbered(2..=2));
    let process = machine.start(&stores, &eager());
    process.flush().await;
    assert_eq!(stored(&a.inside, &key()).await, numbered(2..=3));
}
