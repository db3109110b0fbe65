//! Replaced under load, again and again: nothing is lost, nothing doubled, and appends take hardly longer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use mirrorbox::host::Transcript;
use mirrorbox_e2e::{amount, entry};

use crate::directory::{Directory, RUN, build, digest, key};

const NAMES: [&str; 3] = ["one", "two", "three"];
const SESSIONS: [&str; 2] = ["a", "b"];

/// When each append began, and how long it took.
type Latencies = Vec<(Instant, Duration)>;

/// Appends entry after entry until the test stops it.
async fn append(transcript: Transcript, session: &'static str, stop: Arc<AtomicBool>) -> Latencies {
    let mut latencies = Latencies::new();
    while !stop.load(Ordering::Relaxed) {
        let begun = Instant::now();
        let index = latencies.len() as u64;
        transcript.append(&[entry(RUN, session, index)]).await.unwrap();
        latencies.push((begun, begun.elapsed()));
        // An agent that writes fast, and not as fast as the disk.
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    latencies
}

#[tokio::test(flavor = "multi_thread")]
async fn again_and_again_under_load() {
    let swap_count = amount(30, 100);
    let directory = Directory::new();
    let builds = [build(0), build(1)];
    let digests = [digest(&builds[0]), digest(&builds[1])];
    for name in NAMES {
        directory.install(name, &builds[0]);
    }
    let mut running = directory.start();
    for name in NAMES {
        running.until_open(name).await;
    }
    let stop = Arc::new(AtomicBool::new(false));
    let writing = SESSIONS.map(|session| {
        let transcript = running.host.transcript(key(session));
        tokio::spawn(append(transcript, session, stop.clone()))
    });
    // As it is usually.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let mut swaps = Vec::new();
    for swap in 1..=swap_count {
        let which = usize::try_from(swap % 2).unwrap();
        let begun = Instant::now();
        directory.put("two.wasm", &builds[which]);
        running.replaced("two", &digests[which]).await;
        swaps.push((begun, Instant::now()));
    }
    stop.store(true, Ordering::Relaxed);
    let mut written = Vec::new();
    let (mut usual, mut across) = (Vec::new(), Vec::new());
    for (session, writing) in SESSIONS.into_iter().zip(writing) {
        let latencies = writing.await.unwrap();
        written.push((session, latencies.len() as u64));
        for (begun, took) in latencies {
            let is_across = swaps
                .iter()
                .any(|(first, last)| begun + took >= *first && begun <= *last);
            if is_across { &mut across } else { &mut usual }.push(took);
        }
    }
    running.flush().await;
    let events = running.adapter("two").events;
    assert_eq!((events["loaded"], events["replaced"]), (1, swap_count), "{events:?}");
    let failed: Vec<_> = running
        .host
        .status()
        .iter()
        .map(|status| status.counts.events.clone())
        .collect();
    assert!(failed.iter().all(|events| !events.contains_key("failed")), "{failed:?}");
    running.close().await;
    for name in NAMES {
        directory.check(name, &written).await;
    }
    let total: u64 = written.iter().map(|(_, count)| count).sum();
    let swap_time = percentiles(swaps.iter().map(|(first, last)| *last - *first).collect());
    println!("{swap_count} swaps ({swap_time}), {total} entries");
    println!(
        "append as usual: {}; across a swap: {}",
        percentiles(usual),
        percentiles(across)
    );
}

fn percentiles(mut times: Vec<Duration>) -> String {
    times.sort();
    let at = |hundredth: usize| times.get(times.len() * hundredth / 100).copied().unwrap_or_default();
    format!("{} of them, p50 {:?}, p99 {:?}", times.len(), at(50), at(99))
}
