//! Servers and connections that die.

use std::thread;
use std::time::{Duration, Instant};

use mirrorbox_adapter::{Adapter, Error};
use mirrorbox_adapter_rules::streams::{append_up_to, entries, fresh_key, load, numbers, summary, tombstone};

use super::server::TestServer;

const DEADLINE: Duration = Duration::from_secs(120);

#[test]
fn a_connection_that_died_is_replaced_within_the_call() {
    let server = TestServer::start(&["--appendonly", "yes", "--appendfsync", "always"]);
    let (mut adapter, key) = (server.adapter(), fresh_key());
    append_up_to(&mut adapter, &key, 2);
    server.kill();
    server.restart();
    adapter.append(&key, entries(3), Some(summary(3))).unwrap();
    server.cli(&["CLIENT", "KILL", "TYPE", "normal"]);
    assert_eq!(numbers(&mut adapter, &key), [1, 2, 3]);
}

#[test]
fn scripts_that_the_server_forgot_are_loaded_again() {
    let server = TestServer::start(&[]);
    let (mut adapter, key) = (server.adapter(), fresh_key());
    append_up_to(&mut adapter, &key, 1);
    server.cli(&["SCRIPT", "FLUSH"]);
    adapter.append(&key, entries(2), None).unwrap();
    assert_eq!(numbers(&mut adapter, &key), [1, 2]);
}

/// Appends until the server is killed; then retries as a host would, until all is stored.
#[test]
fn what_was_answered_survives_kill_9_and_nothing_is_doubled() {
    const KILLS: u64 = 5;
    let server = TestServer::start(&["--appendonly", "yes", "--appendfsync", "always"]);
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
            while watching.end(&key).unwrap().map_or(0, |end| end.number) < acknowledged + 50 * kill {
                assert!(started.elapsed() < DEADLINE);
            }
            drop(watching);
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
        assert!(
            stored.into_iter().eq((1..)
                .map(entries)
                .take(adapter.end(&key).unwrap().unwrap().number as usize))
        );
    }
}

#[test]
fn a_delete_that_was_interrupted_goes_on() {
    let server = TestServer::start(&["--appendonly", "yes", "--appendfsync", "always"]);
    let (mut adapter, key) = (server.adapter(), fresh_key());
    append_up_to(&mut adapter, &key, 100);
    adapter.append(&key, tombstone(101), None).unwrap();
    server.kill();
    assert!(matches!(
        adapter.delete(&key, tombstone(101)),
        Err(Error::Unavailable(_))
    ));
    server.restart();
    let log = adapter.names.stream(&key).log;
    assert_eq!(server.cli(&["XLEN", &log]), "101");
    adapter.delete(&key, tombstone(101)).unwrap();
    assert_eq!(server.cli(&["XLEN", &log]), "1");
}
