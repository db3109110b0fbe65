//! Guests that do not come back, or come back broken.

use std::sync::Arc;

use futures_util::future::join_all;
use mirrorbox::adapter::{Adapter, AdapterError};
use mirrorbox::key::SessionKey;
use mirrorbox::store::{Chain, Store, StoreError};
use mirrorbox_e2e::draft;

use crate::fixture::{ONE, ONE_IN_A_HURRY, answers, commit, load, told};
use crate::witness::beside_another;

async fn is_stopped(guest: &str, deed: &str) -> Adapter {
    let adapter = load(guest, ONE_IN_A_HURRY).await.unwrap();
    let error = beside_another(commit(&adapter, deed)).await;
    assert!(matches!(error, StoreError::Timeout(_)), "{deed}: {error}");
    assert!(answers(&adapter).await, "{deed}: a fresh instance works");
    adapter
}

#[tokio::test]
async fn an_endless_loop_is_stopped_and_the_others_go_on() {
    is_stopped("faulty", "spin").await;
}

#[tokio::test]
async fn who_never_answers_is_stopped_and_the_others_go_on() {
    is_stopped("faulty", "sleep").await;
}

#[tokio::test]
async fn a_filled_memory_is_stopped_and_the_others_go_on() {
    is_stopped("faulty", "memory-fill").await;
}

#[tokio::test]
async fn a_line_without_an_end_is_stopped_and_the_others_go_on() {
    is_stopped("hostile", "endless-line").await;
}

#[tokio::test]
async fn noise_on_every_stream_is_cut_and_counted() {
    let adapter = is_stopped("hostile", "noise").await;
    let usage = adapter.usage();
    assert!(usage.log_lines_dropped > 1_000, "{usage:?}");
    let quiet = format!("{ONE_IN_A_HURRY}log_lines = 0\n");
    let adapter = load("hostile", &quiet).await.unwrap();
    commit(&adapter, "noise").await;
    assert!(adapter.usage().log_lines_dropped > 1_000);
}

#[tokio::test]
async fn whoever_breaks_down_is_named_and_the_others_go_on() {
    let adapter = load("faulty", ONE).await.unwrap();
    for (deed, cause) in [
        ("stack", "call stack exhausted"),
        (
            "bomb",
            "more memory than its manifest allows (memory = 134217728 bytes)",
        ),
        ("trap", "unreachable"),
        ("random", "exceeds limit 1048576"),
        ("handles", "table"),
    ] {
        let error = beside_another(commit(&adapter, deed)).await;
        assert!(matches!(error, StoreError::Trapped(_)), "{deed}: {error}");
        assert!(error.to_string().contains(cause), "{deed}: {error}");
        assert!(answers(&adapter).await, "{deed}: a fresh instance works");
    }
}

/// On a slow line, a large payload takes longer than other calls may.
#[tokio::test]
async fn a_call_has_more_time_for_a_large_payload() {
    let adapter = load("hostile", ONE_IN_A_HURRY).await.unwrap();
    let key = SessionKey::main("project", "slow").unwrap();
    let of_bytes = |bytes: usize| Chain::start(&key).next(draft(1, format!("{}\n", "x".repeat(bytes))));
    let late = adapter.append(&key, &of_bytes(1), None).await.unwrap_err();
    assert!(matches!(late, StoreError::Timeout(_)), "{late}");
    adapter.append(&key, &of_bytes(1 << 20), None).await.unwrap();
}

#[tokio::test]
async fn a_panic_in_open_is_told() {
    for (deed, limits) in [("panic", ONE), ("noise", ONE_IN_A_HURRY)] {
        let opened = beside_another(load("hostile", &format!("{limits}[config]\ndo = \"{deed}\""))).await;
        match opened.unwrap_err() {
            AdapterError::Open { source, .. } => assert!(source.can_retry(), "{deed}: {source}"),
            other => panic!("{deed}: {other}"),
        }
    }
}

#[tokio::test]
async fn every_third_call_costs_an_instance_and_nothing_else() {
    let adapter = load("hostile", ONE).await.unwrap();
    for _ in 0..10 {
        assert_eq!(told(&adapter, "every-third").await, "call 1");
        assert_eq!(told(&adapter, "every-third").await, "call 2");
        let error = commit(&adapter, "every-third").await;
        assert!(matches!(error, StoreError::Trapped(_)), "{error}");
    }
    let usage = adapter.usage();
    assert_eq!((usage.calls, usage.failures, usage.traps), (30, 30, 10));
}

/// A trap in one instance of an adapter leaves the calls of its others alone.
#[tokio::test]
async fn a_trap_beside_another_call_of_the_same_adapter() {
    let adapter = Arc::new(load("faulty", "instances = 4\ntimeout = \"60s\"").await.unwrap());
    let [trap, good] = ["trap", "ok"].map(|id| SessionKey::main("project", id).unwrap());
    for _ in 0..50 {
        let calls = (0..4).map(|call| adapter.end(if call == 1 { &trap } else { &good }));
        let answers = join_all(calls).await;
        let failed = answers.iter().filter(|answer| answer.is_err()).count();
        assert_eq!(failed, 1, "{answers:?}");
    }
}
