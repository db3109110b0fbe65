//! The same calls, on every executor.

use std::thread;

use async_executor::Executor;
use tokio::runtime::Builder;

use super::fixture::{DEADLINE, Switched, host, key, line, lines, stored};
use crate::block_on::block_on;
use crate::host::Host;
use crate::session::Listing;

/// Everything that a program does with a host.
async fn use_it(host: Host) {
    let transcript = host.transcript(key("a"));
    let mut events = host.events();
    transcript.append(&[line(1), line(2)]).await.unwrap();
    transcript.append(&[line(3)]).await.unwrap();
    transcript.turn_ended();
    assert!(transcript.flush(DEADLINE).await.unwrap().is_empty());
    let rows = host.sessions("project").list(&Listing::default()).await.unwrap();
    assert_eq!((rows.len(), rows[0].session.as_str()), (1, "a"));
    host.transcript(key("b")).append(&[line(1)]).await.unwrap();
    host.delete(&key("a")).await.unwrap();
    transcript.append(&[line(4)]).await.unwrap();
    assert!(host.flush(DEADLINE).await.unwrap().is_empty());
    let status = host.status();
    assert!(status[0].open && status[0].streams.iter().all(|stream| stream.entries == 0));
    assert!(host.close(DEADLINE).await.unwrap().is_empty());
    drop(transcript);
    while events.next().await.is_some() {}
}

fn under(run: impl FnOnce(Host)) {
    let (state, store) = (tempfile::tempdir().unwrap(), Switched::new());
    run(host(state.path(), store.clone()));
    assert_eq!(stored(&store.inside, "a"), lines(4..=4));
    assert_eq!(stored(&store.inside, "b"), lines(1..=1));
}

#[test]
fn under_tokio_on_one_thread() {
    under(|host| Builder::new_current_thread().build().unwrap().block_on(use_it(host)));
}

#[test]
fn under_tokio_on_many_threads() {
    let runtime = Builder::new_multi_thread().worker_threads(2).build().unwrap();
    under(|host| runtime.block_on(async { tokio::spawn(use_it(host)).await.unwrap() }));
}

#[test]
fn under_another_executor() {
    under(|host| {
        let executor = Executor::new();
        let task = executor.spawn(use_it(host));
        block_on(executor.run(task));
    });
}

#[test]
fn on_plain_threads() {
    let (state, store) = (tempfile::tempdir().unwrap(), Switched::new());
    let host = host(state.path(), store.clone());
    thread::scope(|scope| {
        for session in ["a", "b", "c", "d"] {
            let transcript = host.transcript(key(session));
            scope.spawn(move || {
                for number in 1..=50 {
                    transcript.append_blocking(&[line(number)]).unwrap();
                }
                assert!(transcript.flush_blocking(DEADLINE).unwrap().is_empty());
            });
        }
    });
    assert!(host.close_blocking(DEADLINE).unwrap().is_empty());
    for session in ["a", "b", "c", "d"] {
        assert_eq!(stored(&store.inside, session), lines(1..=50));
    }
}

#[test]
fn blocking_calls_within_a_runtime_block_only_their_thread() {
    under(|host| {
        let runtime = Builder::new_current_thread().build().unwrap();
        runtime.block_on(async move {
            host.transcript(key("a")).append_blocking(&[line(4)]).unwrap();
            host.transcript(key("b")).append_blocking(&[line(1)]).unwrap();
            assert!(host.close_blocking(DEADLINE).unwrap().is_empty());
        });
    });
}
