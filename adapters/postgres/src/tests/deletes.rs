//! Deletes of long transcripts.

use std::time::{Duration, Instant};

use mirrorbox_adapter::{Adapter, Piece, SessionKey};
use mirrorbox_adapter_rules::streams::{append_up_to, end, fresh_key, numbers, tombstone};

use super::server::TestServer;

/// How long a transcript is; in the long form as long as the longest that were seen.
fn batches() -> u64 {
    match std::env::var_os("MIRRORBOX_SOAK") {
        Some(_) => 100_000,
        None => 20_000,
    }
}

/// A transcript with so many batches, all but the first made by the server itself.
fn fill(server: &TestServer, schema: &str, last: u64) -> SessionKey {
    let key = fresh_key();
    append_up_to(&mut server.open(&[("schema", schema)]).unwrap(), &key, 1);
    server.psql(&format!(
        "WITH s AS (SELECT max(id) AS id FROM {schema}.streams),
            rows AS (
                INSERT INTO {schema}.batches SELECT s.id, n, 'entries', 'us', n, 'd', repeat('x', 200)::bytea
                FROM s, generate_series(2, {last}) n
            )
        UPDATE {schema}.streams SET last = {last} FROM s WHERE streams.id = s.id"
    ));
    server.psql(&format!("ANALYZE {schema}.batches"));
    key
}

#[test]
fn a_delete_takes_a_few_times_what_the_rows_take() {
    let (server, last) = (TestServer::start(&[]), batches());
    // The best of a few: the machine has other work, too.
    let (mut plain, mut ours) = (Duration::MAX, Duration::MAX);
    for _ in 0..3 {
        fill(&server, "plain", last);
        let began = Instant::now();
        server.psql("DELETE FROM plain.batches WHERE stream = (SELECT max(id) FROM plain.streams)");
        plain = plain.min(began.elapsed());

        let key = fill(&server, "ours", last);
        let mut adapter = server.open(&[("schema", "ours")]).unwrap();
        let began = Instant::now();
        adapter.delete(&key, tombstone(last + 1)).unwrap();
        ours = ours.min(began.elapsed());
        assert_eq!(numbers(&mut adapter, &key), [last + 1]);
        assert_eq!(
            server.psql("SELECT count(*) FROM ours.batches WHERE kind = 'entries'"),
            "0"
        );
    }
    eprintln!("{last} batches: DELETE {plain:?}, delete {ours:?}");
    assert!(ours <= plain * 5, "{ours:?} for what takes {plain:?}");
}

#[test]
fn a_delete_without_time_for_all_asks_to_be_called_again() {
    let server = TestServer::start(&[]);
    let key = fill(&server, "pieces", 2_500);
    let mut adapter = server.open(&[("schema", "pieces")]).unwrap();
    // An instance looks for what others left when it is first used, and not again for a while.
    adapter.end(&key).unwrap();
    adapter.append(&key, tombstone(2_501), None).unwrap();
    let mut calls = 1;
    while adapter.remove_before(crate::layout::stream(&key), 2_501, &Piece::of(Duration::ZERO)) == Err(Piece::more()) {
        calls += 1;
    }
    assert_eq!(calls, 4, "a thousand rows each, and a look that finds none");
    assert_eq!(server.psql("SELECT count(*) FROM pieces.batches"), "1");
}

/// The process that deleted was killed: another goes on.
#[test]
fn what_a_killed_delete_left_is_removed_later() {
    let server = TestServer::start(&[]);
    let key = fill(&server, "rest", 2_500);
    let count = || server.psql("SELECT count(*) FROM rest.batches");
    server
        .open(&[("schema", "rest")])
        .unwrap()
        .append(&key, tombstone(2_501), None)
        .unwrap();
    let mut other = server.open(&[("schema", "rest")]).unwrap();
    for _ in 0..8 {
        assert_eq!(end(&mut other, &key), Some(2_501));
    }
    assert_eq!(count(), "1");
}
