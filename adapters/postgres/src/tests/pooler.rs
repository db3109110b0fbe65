//! PgBouncer in front: it has one code for whatever it refuses.

use mirrorbox_adapter::{Adapter, Error};
use mirrorbox_adapter_rules::streams::{append_up_to, fresh_key, numbers, tombstone};
use mirrorbox_servers::{PgBouncer, if_installed};

use super::server::{PASSWORD, TestServer};

#[test]
fn what_it_refuses_is_not_taken_for_an_outage() {
    let server = TestServer::start(&[]);
    let users = [("postgres", PASSWORD)];
    let Some(pooler) = if_installed(PgBouncer::before(server.port, "transaction", &users)).unwrap() else {
        return;
    };
    let at = pooler.server.address();
    let open = |user: &str, database: &str, password: &str| {
        let url = format!("postgres://{user}@{at}/{database}");
        server.open(&[("url", &url), ("password", password)]).map(drop)
    };
    open("postgres", "postgres", PASSWORD).unwrap();
    for refused in [
        open("postgres", "postgres", "hunter2"),
        open("nobody", "postgres", PASSWORD),
    ] {
        assert!(
            matches!(&refused, Err(Error::Denied(text)) if text.contains("`password`")),
            "{refused:?}"
        );
    }
    let elsewhere = open("postgres", "nothing", PASSWORD);
    assert!(
        matches!(&elsewhere, Err(Error::Misconfigured(text)) if text.contains("`url`")),
        "{elsewhere:?}"
    );
    let options = open("postgres", "postgres?options=-c%20geqo%3Doff", PASSWORD);
    assert!(
        matches!(&options, Err(Error::Misconfigured(text)) if text.contains("ignore_startup_parameters")),
        "{options:?}"
    );
}

#[test]
fn two_instances_share_its_one_connection_in_either_mode() {
    let server = TestServer::start(&[]);
    for mode in ["transaction", "session"] {
        let users = [("postgres", PASSWORD)];
        let Some(pooler) = if_installed(PgBouncer::before(server.port, mode, &users)).unwrap() else {
            return;
        };
        let url = format!(
            "postgres://postgres@{}/postgres?pgbouncer=true",
            pooler.server.address()
        );
        let key = fresh_key();
        let mut one = server.open(&[("url", &url)]).unwrap();
        append_up_to(&mut one, &key, 3);
        if mode == "session" {
            // It would hold on to the only connection.
            drop(one);
            one = server.open(&[("url", &url)]).unwrap();
        } else {
            let mut other = server.open(&[("url", &url)]).unwrap();
            assert_eq!(numbers(&mut other, &key), [1, 2, 3]);
        }
        one.delete(&key, tombstone(4)).unwrap();
        assert_eq!(numbers(&mut one, &key), [4]);
    }
}
