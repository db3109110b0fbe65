//! Schemas: made by many at once, by those who may, read by people.

use std::thread;

use mirrorbox_adapter::{Adapter, Error, Kind};
use mirrorbox_adapter_rules::streams::{append_up_to, batch, fresh_key, numbers};

use super::server::TestServer;

#[test]
fn many_open_at_once() {
    let server = TestServer::shared();
    for round in 0..10 {
        let schema = format!("at-once-{round}");
        let open = || server.open(&[("schema", schema.as_str())]).map(drop);
        thread::scope(|scope| {
            let opened: Vec<_> = (0..6).map(|_| scope.spawn(open)).collect();
            for opened in opened {
                opened.join().unwrap().unwrap();
            }
        });
        assert_eq!(server.psql(&format!("SELECT version FROM \"{schema}\".version")), "1");
    }
}

#[test]
fn tables_of_a_later_version_are_left_alone() {
    let server = TestServer::shared();
    server.open(&[("schema", "later")]).unwrap();
    server.psql("UPDATE later.version SET version = 99");
    let error = server.open(&[("schema", "later")]).unwrap_err();
    assert!(
        matches!(&error, Error::Misconfigured(text) if text.contains("`schema`")),
        "{error}"
    );
    assert_eq!(server.psql("SELECT version FROM later.version"), "99");
}

#[test]
fn whoever_may_not_make_a_schema_can_use_one() {
    let server = TestServer::shared();
    server.psql("CREATE ROLE box LOGIN PASSWORD 'box'");
    let url = server.url().replace("postgres@", "box@");
    let settings = [("url", url.as_str()), ("password", "box"), ("schema", "given")];
    let error = server.open(&settings).unwrap_err();
    assert!(
        matches!(&error, Error::Denied(text) if text.contains("`schema`")),
        "{error}"
    );
    server.psql("CREATE SCHEMA given AUTHORIZATION box");
    let (mut adapter, key) = (server.open(&settings).unwrap(), fresh_key());
    append_up_to(&mut adapter, &key, 2);
    assert_eq!(numbers(&mut adapter, &key), [1, 2]);
}

#[test]
fn schemas_stay_apart() {
    let server = TestServer::shared();
    let (mut one, mut other) = (server.adapter(), server.open(&[("schema", "Other")]).unwrap());
    let key = fresh_key();
    append_up_to(&mut one, &key, 1);
    assert_eq!(other.end(&key), Ok(None));
}

#[test]
fn entries_are_readable_with_psql() {
    let server = TestServer::shared();
    let (mut adapter, key) = (server.open(&[("schema", "readable")]).unwrap(), fresh_key());
    let payload = b"{\"a\": 1}\n{\"nul\":\"\\u0000\"}\n{\"half\":\"\\ud800\"}\n\xff\n\x00\nno json\n{\"n\":1e999999}\n\
        {\"back\":\"\\\\ \xc3\xa9\"}\n";
    adapter
        .append(&key, batch(1, Kind::Entries, "us", payload), None)
        .unwrap();
    let rows = server.psql("SELECT line, entry FROM readable.entries ORDER BY line");
    let wanted = [
        "10|{\"a\": 1}",
        "11|",
        "12|",
        "13|",
        "14|",
        "15|",
        "16|",
        "17|{\"back\": \"\\\\ é\"}",
    ];
    assert_eq!(rows.lines().collect::<Vec<_>>(), wanted);
    let raw = server.psql("SELECT string_agg(raw || '\\x0a', '' ORDER BY line) = (SELECT payload FROM readable.batches) FROM readable.entries");
    assert_eq!(raw, "t");
}

/// What the adapter's documentation has the owner of the tables say, word for word.
#[test]
fn the_documented_grants_are_enough_for_a_role_that_owns_nothing() {
    let page = include_str!("../../../../docs/adapters/postgres.md");
    let (_, grants) = page.split_once("-- grants").expect("the page has grants");
    let (grants, _) = grants.split_once("```").unwrap();
    let server = TestServer::shared();
    server.open(&[("schema", "owned")]).unwrap();
    server.psql("CREATE ROLE writer LOGIN PASSWORD 'writer'");
    server.psql(&grants.replace("mirrorbox", "owned").replace("agent", "writer"));
    let url = server.url().replace("postgres@", "writer@");
    let settings = [("url", url.as_str()), ("password", "writer"), ("schema", "owned")];
    let (mut adapter, key) = (server.open(&settings).unwrap(), fresh_key());
    append_up_to(&mut adapter, &key, 2);
    let large = batch(3, Kind::Entries, "us", &vec![b'x'; crate::database::PIECE_BYTES + 1]);
    adapter.append(&key, large, None).unwrap();
    adapter
        .delete(&key, mirrorbox_adapter_rules::streams::tombstone(4))
        .unwrap();
    assert_eq!(numbers(&mut adapter, &key), [4]);
    assert_eq!(adapter.list_projects(None, 9).unwrap().items, [""; 0]);
}
