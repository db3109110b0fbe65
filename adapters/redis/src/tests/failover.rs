//! Primaries that change, and connections that died in silence.

use std::time::{Duration, Instant};

use mirrorbox_adapter::{Adapter, Error, Settings};
use mirrorbox_adapter_rules::streams::{append_up_to, end, entries, fresh_key, numbers};
use mirrorbox_servers::{Proxy, Sentinel, if_installed};

use super::server::TestServer;
use crate::Redis;

const DEADLINE: Duration = Duration::from_secs(120);

/// Waits for what servers do without an event that could be awaited.
fn until(mut done: impl FnMut() -> bool) {
    let started = Instant::now();
    while !done() {
        assert!(started.elapsed() < DEADLINE);
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn replica_of(primary: &TestServer) -> TestServer {
    let replica = TestServer::start(&[]);
    replica.cli(&["REPLICAOF", "127.0.0.1", &primary.port.to_string()]);
    until(|| primary.cli(&["INFO", "replication"]).contains("state=online"));
    replica
}

#[test]
fn sentinels_lead_to_the_primary_and_to_the_next_one() {
    let primary = TestServer::start(&[]);
    let replica = replica_of(&primary);
    let sentinel = Sentinel::of("mymaster", primary.port, Some("word"));
    let Some(sentinel) = if_installed(sentinel).unwrap() else {
        return;
    };
    let closed = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let url = format!("redis+sentinel://{closed},{}/mymaster", sentinel.server.address());
    let open =
        |url: &str, password: &str| Redis::open(&Settings::from_pairs([("url", url), ("sentinel_password", password)]));
    let denied = open(&url.replace(&format!("{closed},"), ""), "hunter2").unwrap_err();
    assert!(
        matches!(&denied, Error::Denied(text) if text.contains("`sentinel_password`")),
        "{denied}"
    );
    let unknown = open(
        &url.replace(&format!("{closed},"), "").replace("mymaster", "other"),
        "word",
    )
    .unwrap_err();
    assert!(
        matches!(&unknown, Error::Misconfigured(text) if text.contains("master")),
        "{unknown}"
    );
    let (mut adapter, key) = (open(&url, "word").unwrap(), fresh_key());
    append_up_to(&mut adapter, &key, 2);
    until(|| has_all(&replica, &primary));
    primary.kill();
    until(|| adapter.append(&key, entries(3), None).is_ok());
    assert_eq!(numbers(&mut adapter, &key), [1, 2, 3]);
    assert!(replica.cli(&["ROLE"]).starts_with("master"));
}

/// Whether the replica has confirmed all that the primary has.
fn has_all(replica: &TestServer, primary: &TestServer) -> bool {
    let offset = |info: String| {
        let line = info.lines().find(|line| line.starts_with("master_repl_offset:"));
        line.map(str::to_owned)
    };
    offset(replica.cli(&["INFO", "replication"])) == offset(primary.cli(&["INFO", "replication"]))
}

#[test]
fn a_sentinel_that_is_taken_for_a_server_is_told() {
    let primary = TestServer::start(&[]);
    let Some(sentinel) = if_installed(Sentinel::of("mymaster", primary.port, None)).unwrap() else {
        return;
    };
    let url = format!("redis://{}", sentinel.server.address());
    let error = primary.open(&[("url", &url)]).unwrap_err();
    assert!(
        matches!(&error, Error::Misconfigured(text) if text.contains("redis+sentinel://")),
        "{error}"
    );
}

#[test]
fn of_several_hosts_the_primary_is_found() {
    let primary = TestServer::start(&[]);
    let replica = replica_of(&primary);
    let url = format!("redis://127.0.0.1:{},127.0.0.1:{}", replica.port, primary.port);
    let (mut adapter, key) = (primary.open(&[("url", &url)]).unwrap(), fresh_key());
    append_up_to(&mut adapter, &key, 1);
    until(|| has_all(&replica, &primary));
    primary.kill();
    replica.cli(&["REPLICAOF", "NO", "ONE"]);
    adapter.append(&key, entries(2), None).unwrap();
    assert_eq!(end(&mut replica.adapter(), &key), Some(2));
}

#[test]
fn a_connection_that_was_forgotten_while_it_was_quiet_is_replaced_at_once() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let server = TestServer::start(&[]);
    let proxy = runtime
        .block_on(Proxy::start(([127, 0, 0, 1], server.port).into()))
        .unwrap();
    let url = format!("redis://{}", proxy.address());
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
