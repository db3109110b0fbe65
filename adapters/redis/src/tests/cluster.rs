//! Two nodes, each with half of the slots.

use std::time::{Duration, Instant};

use mirrorbox_adapter::{Adapter, Error, SessionKey};
use mirrorbox_adapter_rules::streams::{append_up_to, end, entries, fresh_key, numbers, tombstone};

use super::server::TestServer;

const DEADLINE: Duration = Duration::from_secs(120);

fn cluster() -> [TestServer; 2] {
    let nodes = [(); 2].map(|()| TestServer::start(&["--cluster-enabled", "yes"]));
    let slots = [["0", "8191"], ["8192", "16383"]];
    for (node, [first, last]) in nodes.iter().zip(slots) {
        assert_eq!(node.cli(&["CLUSTER", "ADDSLOTSRANGE", first, last]), "OK");
    }
    assert_eq!(
        nodes[0].cli(&["CLUSTER", "MEET", "127.0.0.1", &nodes[1].port.to_string()]),
        "OK"
    );
    let started = Instant::now();
    // The nodes agree by gossip, and tell nobody when they are done.
    while !nodes
        .iter()
        .all(|node| node.cli(&["CLUSTER", "INFO"]).contains("cluster_state:ok"))
    {
        assert!(started.elapsed() < DEADLINE, "the cluster was not formed");
        std::thread::sleep(Duration::from_millis(50));
    }
    nodes
}

#[test]
fn a_cluster_is_used_only_if_the_manifest_says_so() {
    let nodes = cluster();
    let error = nodes[0].open(&[]).unwrap_err();
    assert!(
        matches!(&error, Error::Misconfigured(text) if text.contains("`cluster`")),
        "{error}"
    );
}

#[test]
fn every_node_is_found() {
    let nodes = cluster();
    let mut adapter = nodes[0].open(&[("cluster", "true")]).unwrap();
    let mut other = nodes[1].open(&[("cluster", "true")]).unwrap();
    let project = fresh_key().project_key;
    let keys: Vec<_> = (0..20).map(|at| SessionKey::main(&project, format!("s{at}"))).collect();
    for key in &keys {
        append_up_to(&mut adapter, key, 2);
        append_up_to(&mut adapter, &key.with_subpath("sub"), 1);
        assert_eq!(numbers(&mut other, key), [1, 2]);
    }
    assert_eq!(
        other.list_sessions(&project, None, 100).unwrap().items.len(),
        keys.len()
    );
    adapter.delete(&keys[0], tombstone(3)).unwrap();
    other.append(&keys[1], entries(3), None).unwrap();
    assert_eq!(
        other.list_sessions(&project, None, 100).unwrap().items.len(),
        keys.len() - 1
    );
    for node in &nodes {
        assert_ne!(node.cli(&["DBSIZE"]), "0", "one node has everything");
    }
}

#[test]
fn a_slot_that_moves_is_followed() {
    let nodes = cluster();
    let mut adapter = nodes[0].open(&[("cluster", "true")]).unwrap();
    let keys: Vec<_> = (0..10).map(|at| SessionKey::main("p", format!("s{at}"))).collect();
    let ids = nodes.each_ref().map(|node| node.cli(&["CLUSTER", "MYID"]));
    for key in &keys {
        append_up_to(&mut adapter, key, 1);
        let log = adapter.names.stream(key).log;
        let slot = nodes[0].cli(&["CLUSTER", "KEYSLOT", &log]);
        let home = usize::from(slot.parse::<u16>().unwrap() > 8191);
        let (from, to) = (&nodes[home], &nodes[1 - home]);
        to.cli(&["CLUSTER", "SETSLOT", &slot, "IMPORTING", &ids[home]]);
        from.cli(&["CLUSTER", "SETSLOT", &slot, "MIGRATING", &ids[1 - home]]);
        let names = from.cli(&["CLUSTER", "GETKEYSINSLOT", &slot, "100"]);
        for name in names.lines() {
            from.cli(&["MIGRATE", "127.0.0.1", &to.port.to_string(), name, "0", "60000"]);
        }
        // Half way, the old home sends questions on; but several keys at once must wait until the slot has moved.
        assert_eq!(end(&mut adapter, key), Some(1));
        let appended = adapter.append(key, entries(2), None);
        assert!(matches!(appended, Err(Error::Unavailable(_))), "{appended:?}");
        for node in [to, from] {
            node.cli(&["CLUSTER", "SETSLOT", &slot, "NODE", &ids[1 - home]]);
        }
        append_up_to(&mut adapter, key, 3);
        assert_eq!(numbers(&mut adapter, key), [1, 2, 3]);
    }
}

/// The role of a node that is named is no reason to refuse the cluster, nor is one that is away.
#[test]
fn after_a_failover_every_node_that_lives_leads_to_the_others() {
    let nodes = cluster();
    let replica = TestServer::start(&["--cluster-enabled", "yes"]);
    let first = nodes[0].port.to_string();
    let id = nodes[0].cli(&["CLUSTER", "MYID"]);
    assert_eq!(replica.cli(&["CLUSTER", "MEET", "127.0.0.1", &first]), "OK");
    until(|| replica.cli(&["CLUSTER", "REPLICATE", &id]) == "OK");
    until(|| replica.cli(&["INFO", "replication"]).contains("master_link_status:up"));

    let mut adapter = nodes[0].open(&[("cluster", "true")]).unwrap();
    let key = |at: u32| SessionKey::main("p", format!("s{at}"));
    append_up_to(&mut adapter, &key(0), 1);
    // Nobody has to agree to it: it is done when the replica has answered, and the others learn of it.
    assert_eq!(replica.cli(&["CLUSTER", "FAILOVER", "TAKEOVER"]), "OK");
    until(|| replica.cli(&["ROLE"]).starts_with("master"));
    until(|| nodes[0].cli(&["ROLE"]).starts_with("slave"));
    // A node that was demoted just now may take the cluster for down until it has heard of the others.
    let mut renewed = None;
    until(|| {
        renewed = nodes[0].open(&[("cluster", "true")]).ok();
        renewed.is_some()
    });
    let mut renewed = renewed.unwrap();
    for at in 0..6 {
        until(|| renewed.append(&key(at), entries(1), None).is_ok());
    }

    nodes[0].kill();
    for at in 6..12 {
        until(|| adapter.append(&key(at), entries(1), None).is_ok());
    }
    let seeds = format!("redis://127.0.0.1:{first},127.0.0.1:{}", replica.port);
    let mut other = replica.open(&[("url", &seeds), ("cluster", "true")]).unwrap();
    for at in 0..12 {
        assert_eq!(end(&mut other, &key(at)), Some(1));
    }
}

/// Waits for what the nodes agree upon by gossip.
#[track_caller]
fn until(mut done: impl FnMut() -> bool) {
    let started = Instant::now();
    while !done() {
        assert!(started.elapsed() < DEADLINE, "the nodes did not agree");
        std::thread::sleep(Duration::from_millis(50));
    }
}
