//! Destinations that are served otherwise from one moment on.

use super::fixture::{Machine, Moody, Process, key, numbered, stored};
use crate::config::{Flush, MirrorSettings};
use crate::mirror::DestinationOptions;

fn serve(process: &Process, projects: &[&str], flush: Flush, calls: usize) {
    let mirror = MirrorSettings {
        flush,
        projects: projects.iter().map(ToString::to_string).collect(),
        ..MirrorSettings::default()
    };
    let options = DestinationOptions {
        mirror,
        calls,
        ..DestinationOptions::default()
    };
    process.mirror.set_options("a", options);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_not_taken_any_more_stays_as_it_is_and_goes_on_when_it_is_taken_again() {
    let (a, machine) = (Moody::new(), Machine::new());
    let process = machine.start(&[("a", a.clone())], &MirrorSettings::default());
    process.append(&key(), 1..=3);
    process.flush().await;
    serve(&process, &["other-*"], Flush::Eager, 4);
    process.append(&key(), 4..=6);
    // Nobody waits for it.
    process.flush().await;
    assert_eq!(process.mirror.status()[0].streams.len(), 0);
    assert_eq!(stored(&a.inside, &key()).await, numbered(1..=3));
    serve(&process, &["pro*"], Flush::Eager, 4);
    process.append(&key(), 7..=8);
    process.flush().await;
    assert_eq!(stored(&a.inside, &key()).await, numbered(1..=8));
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_for_a_stream_that_is_not_taken_any_more_waits_no_longer() {
    let (a, machine) = (Moody::new(), Machine::new());
    let process = machine.start(&[("a", a.clone())], &MirrorSettings::default());
    process.mirror.not_opened("a", "away".to_owned(), true);
    process.append(&key(), 1..=3);
    let flush = tokio::spawn(process.mirror.flush(None, None));
    tokio::task::yield_now().await;
    serve(&process, &[], Flush::Eager, 4);
    assert!(flush.await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn so_many_calls_at_once_and_when_may_change() {
    let (a, machine) = (Moody::new(), Machine::new());
    let process = machine.start(&[("a", a.clone())], &MirrorSettings::default());
    for (calls, lines) in [(1, 1..=5), (8, 6..=10), (2, 11..=15)] {
        serve(&process, &["*"], Flush::Eager, calls);
        process.append(&key(), lines);
        process.flush().await;
    }
    assert_eq!(stored(&a.inside, &key()).await, numbered(1..=15));
}
