//! A future that is dropped halfway: what was accepted is delivered, in order, once.

use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::thread;

use super::fixture::{DEADLINE, Switched, host, key, line, stored};
use crate::host::Host;

/// Polls a future so often at most, then drops it; whether it came to its end.
fn poll_some<T>(future: impl Future<Output = T>, polls: usize) -> Option<T> {
    let mut future = pin!(tokio::task::unconstrained(future));
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..polls {
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return Some(value);
        }
        thread::yield_now();
    }
    None
}

fn seed() -> u64 {
    let given = std::env::var("MIRRORBOX_SEED").ok().map(|text| text.parse().unwrap());
    let seed = given.unwrap_or_else(|| fastrand::u64(..));
    println!("MIRRORBOX_SEED={seed}");
    seed
}

/// Polls from none to many, few most often.
fn polls(random: &mut fastrand::Rng) -> usize {
    match random.u8(..4) {
        0 => random.usize(..3),
        1 => random.usize(..50),
        _ => usize::MAX,
    }
}

/// Appends with some calls dropped; gives the numbers that were answered, and the last that was tried.
fn append(host: &Host, random: &mut fastrand::Rng, first: u32) -> (Vec<u32>, u32) {
    let transcript = host.transcript(key("a"));
    let mut answered = Vec::new();
    let last = first + 60;
    for number in first..=last {
        let lines = [line(number)];
        let append = transcript.append(&lines);
        if let Some(done) = poll_some(append, polls(random)) {
            done.unwrap();
            answered.push(number);
        }
        if random.u8(..8) == 0 {
            let flushed = poll_some(transcript.flush(DEADLINE), polls(random).min(50));
            drop(flushed);
        }
    }
    (answered, last)
}

#[test]
fn nothing_that_was_accepted_is_lost() {
    let mut random = fastrand::Rng::with_seed(seed());
    let (state, store) = (tempfile::tempdir().unwrap(), Switched::new());
    let mut answered = Vec::new();
    let mut next = 1;
    for _ in 0..6 {
        let host = host(state.path(), store.clone());
        let (done, last) = append(&host, &mut random, next);
        answered.extend(done);
        next = last + 1;
        // Closed, closed halfway, or dropped without a word.
        match random.u8(..3) {
            0 => drop(host.close_blocking(DEADLINE).unwrap()),
            1 => drop(poll_some(host.close(DEADLINE), random.usize(..20))),
            _ => drop(host),
        }
    }
    // The host that was dropped is still ending: a spool is adopted once its process, here its host, is gone.
    let found = loop {
        let host = host(state.path(), store.clone());
        assert!(host.close_blocking(DEADLINE).unwrap().is_empty());
        let found = numbers(&stored(&store.inside, "a"));
        if answered.iter().all(|number| found.contains(number)) {
            break found;
        }
        thread::yield_now();
    };
    let mut unique = found.clone();
    unique.sort_unstable();
    unique.dedup();
    assert_eq!(unique.len(), found.len(), "a line is there twice: {found:?}");
}

fn numbers(lines: &[String]) -> Vec<u32> {
    let number = |line: &String| line.rsplit_once(':').unwrap().1.trim_end_matches('}').parse().unwrap();
    lines.iter().map(number).collect()
}
