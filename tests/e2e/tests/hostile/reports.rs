//! What an adapter's use says of it.

use mirrorbox::adapter::InstanceState;
use mirrorbox::key::SessionKey;
use mirrorbox::store::Store;

use crate::fixture::{ONE, commit, load};

#[tokio::test]
async fn calls_failures_and_instances_are_counted() {
    let adapter = load("faulty", ONE).await.unwrap();
    let key = SessionKey::main("project", "ok").unwrap();
    adapter.end(&key).await.unwrap();
    for deed in ["unavailable", "conflict", "trap"] {
        commit(&adapter, deed).await;
    }
    adapter.end(&key).await.unwrap();
    let usage = adapter.usage();
    assert_eq!(
        (usage.calls, usage.failures),
        (5, 2),
        "a conflict is an answer: {usage:?}"
    );
    // The thread of the one that trapped may still be about to end.
    assert_eq!(usage.started, 2, "{usage:?}");
    assert!((1..=2).contains(&usage.instances), "{usage:?}");
    assert_eq!((usage.traps, usage.timeouts), (1, 0), "{usage:?}");
    assert_eq!(usage.state, InstanceState::Ready);
    assert!((1 << 16..128 << 20).contains(&usage.memory_peak), "{usage:?}");
    adapter.close().await;
    assert_eq!(adapter.usage().instances, 0);
}

#[tokio::test]
async fn the_most_memory_is_remembered() {
    let adapter = load("faulty", ONE).await.unwrap();
    let before = adapter.usage().memory_peak;
    commit(&adapter, "bomb").await;
    let peak = adapter.usage().memory_peak;
    assert!(peak > before && peak > 64 << 20 && peak <= 128 << 20, "{before} {peak}");
}

#[tokio::test]
async fn a_report_is_a_document() {
    let adapter = load("faulty", ONE).await.unwrap();
    let document = serde_json::to_value(adapter.usage()).unwrap();
    assert_eq!(document.get("state").unwrap(), "ready");
    assert_eq!(document.get("calls").unwrap(), 0);
}
