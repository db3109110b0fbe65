//! Adapters that crash whatever they are asked.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use mirrorbox::adapter::{Adapter, InstanceState};
use mirrorbox::store::StoreError;

use crate::fixture::{ONE, answers, commit, load};
use crate::witness::beside_another;

/// Longer than any pause before an adapter is parked.
const PATIENCE: Duration = Duration::from_secs(120);

#[tokio::test]
async fn after_three_crashes_in_a_row_a_call_is_turned_away_until_the_pause_is_over() {
    let adapter = load("faulty", ONE).await.unwrap();
    for _ in 0..2 {
        assert!(matches!(commit(&adapter, "trap").await, StoreError::Trapped(_)));
        assert_eq!(adapter.usage().state, InstanceState::Ready);
    }
    is_turned_away(&adapter).await;
    until_it_answers(&adapter).await;
    assert_eq!(adapter.usage().state, InstanceState::Ready);
    let error = commit(&adapter, "trap").await;
    assert!(matches!(error, StoreError::Trapped(_)), "one answer made good: {error}");
}

/// Crashes until a call is turned away, for which no instance is made.
async fn is_turned_away(adapter: &Adapter) {
    let until = Instant::now() + PATIENCE;
    loop {
        assert!(Instant::now() < until, "{:?}", adapter.usage());
        let started = adapter.usage().started;
        if let StoreError::Unavailable(cause) = commit(adapter, "trap").await {
            assert!(cause.contains("in a row") && cause.contains("unreachable"), "{cause}");
            assert_eq!(adapter.usage().started, started);
            return;
        }
    }
}

async fn until_it_answers(adapter: &Adapter) {
    let until = Instant::now() + PATIENCE;
    while !answers(adapter).await {
        assert!(Instant::now() < until, "{:?}", adapter.usage());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The last instance may be at its end a moment after its caller was told so.
async fn until_it_is(adapter: &Adapter, state: InstanceState) {
    let until = Instant::now() + PATIENCE;
    while adapter.usage().state != state {
        assert!(Instant::now() < until, "{:?}", adapter.usage());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// One after the other, the pauses would take two minutes; calls that are under way together crash together.
#[tokio::test]
async fn who_only_crashes_is_parked_until_it_is_opened_anew() {
    const TOGETHER: &str = "instances = 32\nmemory = \"16MiB\"\ntimeout = \"1s\"";
    let adapter = load("faulty", TOGETHER).await.unwrap();
    let crashes = (0..32).map(|_| commit(&adapter, "spin"));
    let errors = beside_another(join_all(crashes)).await;
    assert!(
        errors.iter().all(|error| matches!(error, StoreError::Timeout(_))),
        "{errors:?}"
    );
    until_it_is(&adapter, InstanceState::Parked).await;
    match commit(&adapter, "ok").await {
        StoreError::Unavailable(cause) => assert!(cause.contains("parked"), "{cause}"),
        other => panic!("{other}"),
    }
    let anew = load("faulty", ONE).await.unwrap();
    assert!(answers(&anew).await);
}
