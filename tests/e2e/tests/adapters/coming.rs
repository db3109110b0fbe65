//! What is dropped in takes part, what is removed waits.

use std::fs;
use std::io::Write;
use std::time::{Duration, Instant};

use mirrorbox::adapter::{Adapter, Compiled};
use mirrorbox::config::Manifest;
use mirrorbox::host::{AdapterChange, AdapterState, Watching};
use mirrorbox_e2e::{runtime, test_guest};

use crate::directory::{Directory, QUICK, appears, build, digest, first_batch};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_dropped_in_takes_part_with_what_was_written_before() {
    let directory = Directory::new();
    directory.install("first", &build(0));
    let mut running = directory.start();
    running.until_open("first").await;
    running.append("session", 0..20).await;
    directory.install("second", &build(0));
    running.loaded("second").await;
    running.append("session", 20..30).await;
    running.flush().await;
    let status = running.adapter("second");
    assert_eq!(status.state, AdapterState::Open);
    assert!(status.adapter.unwrap().starts_with("fs ") && status.cause.is_none());
    let usage = status.usage.unwrap();
    assert!(
        usage.calls > 0 && usage.instances > 0 && usage.memory_peak > 0,
        "{usage:?}"
    );
    running.close().await;
    for name in ["first", "second"] {
        directory.check(name, &[("session", 30)]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_it_is_refused_is_told_with_the_line_that_would_allow_it() {
    let directory = Directory::new();
    let mut running = directory.start();
    directory.put("net.toml", "[config]\nend = \"tcp 127.0.0.1:9\"\n");
    directory.put("net.wasm", fs::read(test_guest("network")).unwrap());
    running.loaded("net").await;
    running.append("session", 0..1).await;
    let refused = running.until("net", |what| what.name() == "refused").await;
    let AdapterChange::Refused { refusal } = refused else {
        panic!("{refused}");
    };
    assert_eq!(refusal.what, "a TCP connection to 127.0.0.1:9");
    assert!(
        refusal.remedy.ends_with("network = [\"tcp://127.0.0.1:9\"]"),
        "{refusal}"
    );
    running.flush().await;
    let status = running.adapter("net");
    assert_eq!((status.state, status.events["refused"]), (AdapterState::Open, 1));
    running.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_removed_waits_and_gets_everything_when_it_is_put_back() {
    let directory = Directory::new();
    directory.install("stays", &build(0));
    directory.install("goes", &build(0));
    let mut running = directory.start();
    running.until_open("goes").await;
    running.append("session", 0..10).await;
    fs::remove_file(directory.path("goes.wasm")).unwrap();
    running.until("goes", |what| *what == AdapterChange::Removed).await;
    running.append("session", 10..20).await;
    let left = running.host.flush(Duration::from_secs(1)).await.unwrap().left;
    let waits = left.iter().find(|left| left.destination == "goes").unwrap();
    assert!(
        !waits.can_retry && waits.cause.as_ref().unwrap().contains("put it back"),
        "{left:?}"
    );
    let status = running.adapter("goes");
    assert!(
        status.state == AdapterState::Removed && status.usage.is_none(),
        "{status:?}"
    );
    directory.install("goes", &build(1));
    running.loaded("goes").await;
    running.flush().await;
    running.close().await;
    for name in ["stays", "goes"] {
        directory.check(name, &[("session", 20)]).await;
    }
}

/// As on file systems that tell nobody what changes.
#[tokio::test(flavor = "multi_thread")]
async fn without_file_events_it_is_found_by_looking() {
    let directory = Directory::new();
    let mut running = directory.start_watching(Watching {
        events: false,
        rescan: Duration::from_millis(100),
        quiet: Duration::from_millis(50),
    });
    directory.install("fs", &build(0));
    running.loaded("fs").await;
    running.append("session", 0..5).await;
    directory.put("fs.wasm", build(1));
    running.replaced("fs", &digest(&build(1))).await;
    running.flush().await;
    running.close().await;
    directory.check("fs", &[("session", 5)]).await;
}

/// The events alone: no look around that would find it as well.
#[tokio::test(flavor = "multi_thread")]
async fn with_file_events_nobody_needs_to_look() {
    let directory = Directory::new();
    let mut running = directory.start_watching(Watching {
        rescan: Duration::from_secs(3600),
        ..QUICK
    });
    // The first look may still be under way.
    directory.install("first", &build(0));
    running.loaded("first").await;
    directory.install("second", &build(0));
    running.loaded("second").await;
    running.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_stops_halfway_is_waited_for() {
    let directory = Directory::new();
    let mut running = directory.start();
    let build = build(0);
    let (first, second) = build.split_at(build.len() / 2);
    directory.put("fs.toml", directory.manifest("fs", ""));
    let mut file = fs::File::create(directory.path("fs.wasm")).unwrap();
    file.write_all(first).unwrap();
    // It has stood still for longer than anybody waits: it is what it is.
    running.complains("fs", "incomplete").await;
    file.write_all(second).unwrap();
    running.loaded("fs").await;
    running.append("session", 0..5).await;
    running.flush().await;
    running.close().await;
    directory.check("fs", &[("session", 5)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_manifest_says_newly_is_taken_over() {
    let directory = Directory::new();
    let manifest = |more: &str, mirror: &str| directory.manifest("fs", more) + mirror;
    directory.install("fs", &build(0));
    let mut running = directory.start();
    running.until_open("fs").await;
    let is_change = |what: &AdapterChange| matches!(what, AdapterChange::Replaced { from, to } if from == to);
    directory.put("fs.toml", manifest("", "projects = [\"other-*\"]\n"));
    running.until("fs", is_change).await;
    running.append("session", 0..5).await;
    running.flush().await;
    assert!(!first_batch(&directory.folder("fs")).exists());
    directory.put("fs.toml", manifest("instances = 1", "projects = [\"*\"]\n"));
    running.until("fs", is_change).await;
    running.flush().await;
    running.close().await;
    directory.check("fs", &[("session", 5)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_changes_opens_the_adapter_anew() {
    let directory = Directory::new();
    let secret = directory.config().join("secret");
    let setting = format!("[config]\nroot = {{ file = {secret:?} }}");
    directory.put("fs.toml", directory.manifest("fs", &setting));
    directory.put("fs.wasm", build(0));
    let mut running = directory.start_watching(Watching {
        rescan: Duration::from_millis(50),
        ..QUICK
    });
    running.complains("fs", "secret").await;
    fs::write(&secret, "/data").unwrap();
    running.loaded("fs").await;
    fs::write(&secret, "/nowhere").unwrap();
    let kept = running.complains("fs", "").await;
    assert!(matches!(kept, AdapterChange::Kept { .. }), "{kept:?}");
    fs::write(&secret, "/data\n").unwrap();
    running
        .until("fs", |what| matches!(what, AdapterChange::Replaced { .. }))
        .await;
    running.append("session", 0..5).await;
    running.flush().await;
    running.close().await;
    directory.check("fs", &[("session", 5)]).await;
}

/// From the finished copy to the first batch, with the times that a host waits by itself.
#[tokio::test(flavor = "multi_thread")]
async fn figures_of_dropping_in() {
    let directory = Directory::new();
    let fresh = build(fastrand::u64(1..));
    let alone = {
        let path = directory.config().join("alone.wasm");
        fs::write(&path, build(fastrand::u64(1..))).unwrap();
        let begun = Instant::now();
        let compiled = Compiled::load(&runtime(), &path, None).await.unwrap();
        let compiling = begun.elapsed();
        let manifest = Manifest::parse(&directory.path("x.toml"), &directory.manifest("alone", "")).unwrap();
        let begun = Instant::now();
        let adapter = Adapter::open(&runtime(), "alone", &compiled, &manifest).await.unwrap();
        println!("compiled in {compiling:?}, opened in {:?}", begun.elapsed());
        adapter.close().await;
        compiling
    };
    let mut running = directory.start_watching(Watching::default());
    running.append("session", 0..1).await;
    for (name, what) in [("new", "new"), ("cached", "cached")] {
        directory.put(&format!("{name}.toml"), directory.manifest(name, ""));
        directory.put(&format!("{name}.wasm"), &fresh);
        let begun = Instant::now();
        appears(&first_batch(&directory.folder(name))).await;
        println!(
            "{what} code: first batch after {:?} (compiling alone: {alone:?})",
            begun.elapsed()
        );
        running.loaded(name).await;
    }
    running.flush().await;
    running.close().await;
    for name in ["new", "cached"] {
        directory.check(name, &[("session", 1)]).await;
    }
}
