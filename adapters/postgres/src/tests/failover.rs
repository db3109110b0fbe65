//! Primaries, standbys, databases that do not write, and connections that died in silence.

use std::time::{Duration, Instant};

use mirrorbox_adapter::{Adapter, Error, Result};
use mirrorbox_adapter_rules::streams::{append_up_to, end, entries, fresh_key, numbers};
use mirrorbox_servers::Proxy;

use super::server::TestServer;

fn is_unavailable<T: std::fmt::Debug>(result: Result<T>, word: &str) {
    assert!(
        matches!(&result, Err(Error::Unavailable(text)) if text.contains(word)),
        "{result:?}"
    );
}

/// What a standby says may be old: then a delete misses transcripts, and a comparison finds too little.
#[test]
fn a_standby_is_neither_read_nor_written() {
    let server = TestServer::start(&[]);
    let (mut adapter, key) = (server.adapter(), fresh_key());
    append_up_to(&mut adapter, &key, 2);
    server.kill();
    server.be_standby(true);
    server.restart();
    is_unavailable(adapter.end(&key), "standby");
    is_unavailable(adapter.load(&key, 0, 100), "standby");
    is_unavailable(
        adapter.list_subkeys(&key.project_key, &key.session_id, None, 9),
        "standby",
    );
    is_unavailable(adapter.append(&key, entries(3), None), "standby");
    is_unavailable(server.open(&[]), "standby");
    server.psql("SELECT pg_promote()");
    adapter.append(&key, entries(3), None).unwrap();
}

#[test]
fn of_several_hosts_the_primary_is_found() {
    let (standby, primary) = (TestServer::start(&[]), TestServer::start(&[]));
    standby.kill();
    standby.be_standby(true);
    standby.restart();
    let closed = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let url = format!(
        "postgres://postgres@{closed},127.0.0.1:{},127.0.0.1:{}/postgres?target_session_attrs=read-write",
        standby.port, primary.port
    );
    let (mut adapter, key) = (primary.open(&[("url", &url)]).unwrap(), fresh_key());
    append_up_to(&mut adapter, &key, 1);
    assert_eq!(end(&mut primary.adapter(), &key), Some(1));
    primary.kill();
    let error = adapter.end(&key).unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, Error::Unavailable(_)), "{text}");
    assert!(text.contains(&closed.to_string()) && text.contains("standby"), "{text}");
}

#[test]
fn a_database_that_was_made_read_only_is_told_from_a_standby_and_can_be_read() {
    let server = TestServer::start(&[]);
    let key = fresh_key();
    append_up_to(&mut server.adapter(), &key, 2);
    server.psql("ALTER DATABASE postgres SET default_transaction_read_only = on");
    let mut adapter = server.adapter();
    assert_eq!(numbers(&mut adapter, &key), [1, 2]);
    let appended = adapter.append(&key, entries(3), None);
    is_unavailable(appended, "default_transaction_read_only");
    server.psql("BEGIN READ WRITE; ALTER DATABASE postgres RESET default_transaction_read_only; COMMIT");
    adapter.append(&key, entries(3), None).unwrap();
}

/// A host that vanishes between a transaction's statements must not hold a transcript until TCP gives up.
#[test]
fn the_server_ends_a_transaction_that_stands_still() {
    let server = TestServer::start(&[]);
    let (mut adapter, key) = (server.adapter(), fresh_key());
    append_up_to(&mut adapter, &key, 1);
    server.psql(
        "CREATE TABLE seen (value text);
        CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            INSERT INTO public.seen VALUES (current_setting('idle_in_transaction_session_timeout'));
            RETURN NEW;
        END $$;
        CREATE TRIGGER see BEFORE INSERT ON mirrorbox.batches FOR EACH ROW EXECUTE FUNCTION see()",
    );
    append_up_to(&mut adapter, &key, 2);
    assert_eq!(server.psql("SELECT value FROM seen"), "1min");
}

#[test]
fn a_connection_that_was_forgotten_while_it_was_quiet_is_replaced_at_once() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let server = TestServer::start(&[]);
    let proxy = runtime
        .block_on(Proxy::start(([127, 0, 0, 1], server.port).into()))
        .unwrap();
    let url = format!("postgres://postgres@{}/postgres", proxy.address());
    let (mut adapter, key) = (server.open(&[("url", &url)]).unwrap(), fresh_key());
    append_up_to(&mut adapter, &key, 1);
    proxy.forget();
    // Quiet for a while: that is what makes it suspicious.
    std::thread::sleep(Duration::from_millis(2_100));
    let began = Instant::now();
    adapter.append(&key, entries(2), None).unwrap();
    assert_eq!(proxy.counts().connections, 2);
    // Without a question first it would take until the system gives up, after minutes.
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
}
