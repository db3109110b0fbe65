//! Calls that nobody waits for any more, and guests that trap at random: the next call works, and nothing stays behind.

use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures_util::future::{join_all, poll_fn};
use mirrorbox::adapter::Adapter;
use mirrorbox::config::Manifest;
use mirrorbox::key::SessionKey;
use mirrorbox::store::{Chain, Reader, Store, StoreError};
use mirrorbox_e2e::{draft, fs_adapter, resident_bytes, runtime, seed, test_guest, threads};

async fn faulty() -> Adapter {
    let manifest = Manifest::parse(Path::new("/a/faulty.toml"), "instances = 4\ntimeout = \"10s\"").unwrap();
    Adapter::load(&runtime(), "faulty", &test_guest("faulty"), &manifest)
        .await
        .unwrap()
}

/// Polls a future so many times and drops it.
async fn polled<F: Future>(times: u32, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut left = times;
    poll_fn(|context| match left {
        0 => Poll::Ready(None),
        _ => {
            left -= 1;
            future.as_mut().poll(context).map(Some)
        }
    })
    .await
}

/// An append is dropped at each await that it has, again and again: the batch is there wholly or not at all, the same
/// append then succeeds, and the order holds.
#[tokio::test]
async fn a_dropped_append_leaves_the_stream_whole() {
    let dir = tempfile::tempdir().unwrap();
    let store: Arc<dyn Store> = Arc::new(fs_adapter(dir.path()).await.unwrap());
    let key = SessionKey::main("project", "session").unwrap();
    let mut chain = Chain::start(&key);
    for line in 1..=200 {
        let batch = chain.next(draft(line, format!("{{\"line\":{line}}}\n")));
        polled(line as u32 % 4, store.append(&key, &batch, None)).await;
        store.append(&key, &batch, None).await.unwrap();
    }
    let mut reader = Reader::new(store, key);
    let mut line = 0;
    while let Some(batch) = reader.next().await.unwrap() {
        line += 1;
        assert_eq!(batch.origin.line, line);
    }
    assert_eq!(line, 200);
}

fn is_of_a_crash(error: &StoreError) -> bool {
    matches!(error, StoreError::Trapped(_) | StoreError::Unavailable(_))
}

/// Calls until it works: at once, but for the pause where traps of dropped calls came late and in a row.
async fn works_again(store: &Adapter, key: &SessionKey) {
    while let Err(error) = store.end(key).await {
        assert!(is_of_a_crash(&error), "{error}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn ten_thousand_calls_with_random_traps_leave_nothing_behind() {
    const CALLS: usize = 10_000;
    let seed = seed();
    let mut rng = fastrand::Rng::with_seed(seed);
    let store = faulty().await;
    let [good, trap] = ["remember", "trap"].map(|id| SessionKey::main("project", id).unwrap());
    let mut before = (0, 0);
    for round in 0..CALLS / 8 {
        // The first rounds fill caches and pools.
        if round == CALLS / 80 {
            before = (resident_bytes(), threads());
        }
        // One at most: after several in a row there is a pause before the next instance.
        let trapping = rng.usize(..10);
        let calls = (0..8).map(|call| {
            let (key, polls) = (if call == trapping { &trap } else { &good }, rng.u32(..8));
            let store = &store;
            async move {
                match polled(polls, store.end(key)).await {
                    Some(Err(error)) => assert!(is_of_a_crash(&error), "{error}"),
                    Some(Ok(end)) => assert!(end.is_some()),
                    None => {}
                }
            }
        });
        join_all(calls).await;
        works_again(&store, &good).await;
    }
    store.close().await;
    let after = (resident_bytes(), threads());
    assert!(
        after.0 < before.0 + (16 << 20),
        "seed {seed}: {before:?} became {after:?}"
    );
    assert!(after.1 <= before.1, "seed {seed}: {before:?} became {after:?}");
}
