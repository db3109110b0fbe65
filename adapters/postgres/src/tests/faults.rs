//! Servers and connections that die.

use std::thread;
use std::time::{Duration, Instant};

use mirrorbox_adapter::{Adapter, Error};
use mirrorbox_adapter_rules::streams::{append_up_to, entries, fresh_key, load, numbers, summary, tombstone};

use super::server::TestServer;

const DEADLINE: Duration = Duration::from_secs(120);

#[test]
fn a_connection_that_died_is_replaced_within_the_call() {
    let server = TestServer::start(&[]);
    let (mut adapter, key) = (server.adapter(), fresh_key());
    append_up_to(&mut adapter, &key, 2);
    server.kill();
    server.restart();
    adapter.append(&key, entries(3), Some(summary(3))).unwrap();
    server.psql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'mirrorbox'");
    assert_eq!(numbers(&mut adapter, &key), [1, 2, 3]);
}

/// Appends until the server is killed; then what was answered must be there.
#[test]
fn what_was_answered_survives_kill_9_and_nothing_is_doubled() {
    const KILLS: u64 = 3;
    let server = TestServer::start(&[]);
    let (key, started) = (fresh_key(), Instant::now());
    let mut acknowledged = 0;
    for kill in 1..=KILLS {
        let mut adapter = server.adapter();
        acknowledged = thread::scope(|scope| {
            let appending = scope.spawn(|| {
                for number in acknowledged + 1.. {
                    match adapter.append(&key, entries(number), Some(summary(number))) {
                        Ok(()) => {}
                        Err(Error::Unavailable(_)) => return number - 1,
                        Err(error) => panic!("{error}"),
                    }
                }
                unreachable!("numbers do not end")
            });
            let mut watching = server.adapter();
            while watching.end(&key).unwrap().map_or(0, |end| end.number) < acknowledged + 20 * kill {
                assert!(started.elapsed() < DEADLINE);
            }
            server.kill();
            appending.join().unwrap()
        });
        server.restart();
        let mut adapter = server.adapter();
        let stored = load(&mut adapter, &key);
        assert!(
            stored.len() as u64 >= acknowledged,
            "{} of {acknowledged}",
            stored.len()
        );
        let end = adapter.end(&key).unwrap().unwrap().number;
        assert!(stored.into_iter().eq((1..=end).map(entries)));
    }
}

#[test]
fn a_delete_that_was_interrupted_goes_on() {
    let server = TestServer::start(&[]);
    let (mut adapter, key) = (server.adapter(), fresh_key());
    append_up_to(&mut adapter, &key, 30);
    adapter.append(&key, tombstone(31), None).unwrap();
    server.kill();
    assert!(matches!(
        adapter.delete(&key, tombstone(31)),
        Err(Error::Unavailable(_))
    ));
    server.restart();
    assert_eq!(server.psql("SELECT count(*) FROM mirrorbox.batches"), "31");
    adapter.delete(&key, tombstone(31)).unwrap();
    assert_eq!(server.psql("SELECT count(*) FROM mirrorbox.batches"), "1");
    assert_eq!(server.psql("SELECT count(*) FROM mirrorbox.summaries"), "0");
}

#[test]
fn durability_is_asked_for_where_the_server_answers_early() {
    let server = TestServer::start(&["synchronous_commit=off"]);
    let (mut adapter, key) = (server.adapter(), fresh_key());
    append_up_to(&mut adapter, &key, 20);
    server.kill();
    server.restart();
    assert_eq!(numbers(&mut adapter, &key).len(), 20);
}
