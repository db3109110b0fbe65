use std::time::Duration;

use tokio::time::Instant;

use super::fixture::{Machine, Moody, Process};
use crate::config::{Flush, MirrorSettings};
use crate::key::SessionKey;

const STREAMS: u32 = 1000;

fn session(number: u32) -> SessionKey {
    SessionKey::main("project", format!("session-{number}")).unwrap()
}

/// How long a thousand streams of one line each take, beside one that has so many more.
async fn time_of_others(busy_lines: u32) -> Duration {
    let (store, machine) = (Moody::new(), Machine::new());
    store.set_pace(Duration::from_millis(10));
    let settings = MirrorSettings {
        flush: Flush::Eager,
        ..MirrorSettings::default()
    };
    let process = machine.start(&[("a", store.clone())], &settings);
    let lines: Vec<_> = (0..busy_lines).map(|line| format!("{{\"n\":{line}}}")).collect();
    for entries in lines.chunks(10_000) {
        process.spool.append_blocking(&session(0), entries).unwrap();
    }
    for number in 1..=STREAMS {
        process.append(&session(number), 1..=1);
    }
    let began = Instant::now();
    for number in 1..=STREAMS {
        flush(&process, &session(number)).await;
    }
    let took = began.elapsed();
    let left = process.mirror.flush(Some(&session(0)), Some(Duration::ZERO)).await;
    assert_eq!(left.is_empty(), busy_lines == 0, "the busy stream is busy all the time");
    process.mirror.close().await;
    took
}

async fn flush(process: &Process, key: &SessionKey) {
    let left = process.mirror.flush(Some(key), Some(Duration::from_secs(3600))).await;
    assert!(left.is_empty(), "{left}");
}

#[tokio::test(start_paused = true)]
async fn a_busy_stream_lets_a_thousand_others_through() {
    let alone = time_of_others(0).await;
    let beside = time_of_others(400_000).await;
    assert!(beside <= alone * 3, "{alone:?} alone, {beside:?} beside a busy stream");
}
