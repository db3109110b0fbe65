//! What a server may refuse, and whose turn it is then.

use mirrorbox_adapter::{Adapter, Error};
use mirrorbox_adapter_rules::streams::{append_up_to, entries, fresh_key, numbers};

use super::server::TestServer;

#[test]
fn a_wrong_password_is_denied() {
    let server = TestServer::shared();
    let error = server.open(&[("password", "hunter2")]).unwrap_err();
    assert!(
        matches!(&error, Error::Denied(text) if text.contains("`password`")),
        "{error}"
    );
    assert!(!error.to_string().contains("hunter2"));
}

#[test]
fn a_missing_password_is_asked_for() {
    let server = TestServer::shared();
    let settings = mirrorbox_adapter::Settings::from_pairs([("url", server.url())]);
    let error = crate::Postgres::open(&settings).unwrap_err();
    assert!(
        matches!(&error, Error::Denied(text) if text.contains("`password`")),
        "{error}"
    );
}

#[test]
fn a_database_that_is_not_there_is_misconfigured() {
    let server = TestServer::shared();
    let url = server
        .url()
        .replace("/postgres", "/nothing")
        .replace("//nothing", "//postgres");
    let error = server.open(&[("url", &url)]).unwrap_err();
    assert!(
        matches!(&error, Error::Misconfigured(text) if text.contains("`url`")),
        "{error}"
    );
}

#[test]
fn nobody_there_is_unavailable() {
    let server = TestServer::start(&[]);
    server.kill();
    let error = server.open(&[]).unwrap_err();
    assert!(
        matches!(&error, Error::Unavailable(text) if text.contains("`url`")),
        "{error}"
    );
    let error = server
        .open(&[("url", "postgres://me@nobody.invalid?sslmode=disable")])
        .unwrap_err();
    assert!(matches!(error, Error::Unavailable(_)), "{error}");
}

#[test]
fn too_many_connections_are_waited_for() {
    let server = TestServer::start(&["max_connections=5", "superuser_reserved_connections=0"]);
    let mut open = Vec::new();
    let error = loop {
        match server.open(&[]) {
            Ok(adapter) => open.push(adapter),
            Err(error) => break error,
        }
    };
    assert!(
        matches!(&error, Error::Unavailable(text) if text.contains("max_connections")),
        "{error}"
    );
}

#[test]
fn a_statement_that_takes_too_long_is_given_up() {
    let server = TestServer::shared();
    let schema = "slow";
    let mut adapter = server
        .open(&[("schema", schema), ("statement_timeout", "200")])
        .unwrap();
    let key = fresh_key();
    append_up_to(&mut adapter, &key, 1);
    // A client that locked the row holds it until its transaction ends.
    let mut holder = server.session("SELECT 'held' FROM slow.streams FOR UPDATE");
    let error = adapter.append(&key, entries(2), None).unwrap_err();
    assert!(
        matches!(&error, Error::Unavailable(text) if text.contains("`statement_timeout`")),
        "{error}"
    );
    holder.kill().unwrap();
    holder.wait().unwrap();
    let mut adapter = server.open(&[("schema", schema)]).unwrap();
    adapter.append(&key, entries(2), None).unwrap();
    assert_eq!(numbers(&mut adapter, &key), [1, 2]);
}

#[test]
fn text_that_the_database_cannot_hold_is_rejected() {
    let server = TestServer::shared();
    let (mut adapter, key) = (server.adapter(), fresh_key());
    let mut batch = entries(1);
    batch.writer = "a\0b".into();
    let error = adapter.append(&key, batch, None).unwrap_err();
    assert!(matches!(error, Error::Rejected(_)), "{error}");
    append_up_to(&mut adapter, &key, 1);
}

#[test]
fn what_was_removed_behind_our_back_is_damage() {
    let server = TestServer::shared();
    let (mut adapter, key) = (server.open(&[("schema", "damage")]).unwrap(), fresh_key());
    append_up_to(&mut adapter, &key, 5);
    let damage = |result: Result<Vec<_>, Error>| match result {
        Err(Error::Corrupt { first, last, .. }) => (first, last),
        other => panic!("{other:?}"),
    };
    server.psql("DELETE FROM damage.batches WHERE number = 3");
    assert_eq!(adapter.load(&key, 0, 1 << 20).unwrap(), [entries(1), entries(2)]);
    assert_eq!(damage(adapter.load(&key, 2, 1 << 20)), (3, 3));
    server.psql("DELETE FROM damage.batches WHERE number = 5");
    assert_eq!(damage(adapter.load(&key, 4, 1 << 20)), (5, 5));
    server.psql("DELETE FROM damage.batches");
    assert_eq!(damage(adapter.load(&key, 0, 1 << 20)), (1, 5));
}
