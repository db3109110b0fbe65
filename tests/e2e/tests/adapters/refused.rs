//! What is no adapter is reported, and changes nothing else.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::sync::Arc;

use mirrorbox::config::Config;
use mirrorbox::host::{AdapterChange, AdapterState, Host};
use mirrorbox::store::{MemoryStore, Store};
use mirrorbox_e2e::resident_bytes;

use crate::directory::{Directory, QUICK, Running, build, digest, key};

/// A module with nothing in it.
const CORE_MODULE: &[u8] = b"\0asm\x01\0\0\0";

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn make_fifo(path: &Path) {
    let made = std::process::Command::new("mkfifo").arg(path).status().unwrap();
    assert!(made.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_adapter_is_reported_and_the_others_go_on() {
    let directory = Directory::new();
    let outside = tempfile::NamedTempFile::with_suffix(".wasm").unwrap();
    fs::write(outside.path(), build(0)).unwrap();
    directory.install("good", &build(0));
    let mut running = directory.start();
    running.until_open("good").await;
    running.append("session", 0..5).await;
    let before = resident_bytes();

    directory.put("text.wasm", "hello");
    directory.put("truncated.wasm", &build(0)[..1000]);
    directory.put("core.wasm", CORE_MODULE);
    directory.put("orphan.toml", "");
    directory.put("syntax.toml", "instances = 2\n[confg]\n");
    directory.put("syntax.wasm", build(0));
    fs::create_dir(directory.path("folder.wasm")).unwrap();
    make_fifo(&directory.path("fifo.wasm"));
    File::create(directory.path("zeros.wasm"))
        .unwrap()
        .set_len(2 << 30)
        .unwrap();
    symlink(outside.path(), directory.path("outside.wasm")).unwrap();
    directory.put("writable.wasm", build(0));
    set_mode(&directory.path("writable.wasm"), 0o666);
    // Those are looked past.
    fs::write(directory.path(".hidden.wasm"), "").unwrap();
    fs::write(directory.path("README.md"), "").unwrap();

    let expected = [
        ("text", "not begin like WebAssembly"),
        ("truncated", "incomplete"),
        ("core", "core module"),
        ("orphan", "no component beside this manifest"),
        ("syntax", "line 2"),
        ("folder", "not a file"),
        ("fifo", "not a file"),
        ("zeros", "larger than"),
        ("outside", "outside the adapter directory"),
        ("writable", "chmod o-w"),
    ];
    let mut missing = BTreeMap::from(expected);
    while !missing.is_empty() {
        let event = running.next().await;
        if let AdapterChange::Failed { cause, .. } = &event.what {
            // Others may come before: a file that was made and is not filled yet.
            missing.retain(|name, words| *name != event.adapter || !cause.contains(*words));
        }
    }
    for (name, words) in expected {
        let status = running.adapter(name);
        assert_eq!(status.state, AdapterState::Failed, "{status:?}");
        assert!(status.cause.as_ref().unwrap().contains(words), "{status:?}");
    }
    assert_eq!(running.host.adapters().len(), 1 + expected.len());
    let grown = resident_bytes().saturating_sub(before);
    assert!(grown < 200 << 20, "{grown} bytes more");

    // None of them is a destination: nobody waits for them.
    running.append("session", 5..10).await;
    running.flush().await;
    let destinations: Vec<_> = running
        .host
        .status()
        .into_iter()
        .map(|status| status.destination)
        .collect();
    assert_eq!(destinations, ["good"]);

    // And each may become one.
    // With its manifest: what is tried without one is trusted with no more than that.
    directory.install("writable", &build(0));
    running.loaded("writable").await;
    directory.put("orphan.toml", directory.manifest("orphan", ""));
    directory.put("orphan.wasm", build(0));
    running.loaded("orphan").await;
    fs::remove_dir(directory.path("folder.wasm")).unwrap();
    directory.install("folder", &build(0));
    running.loaded("folder").await;
    running.flush().await;
    running.close().await;
    for name in ["good", "writable", "orphan", "folder"] {
        directory.check(name, &[("session", 10)]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_is_taken_stays_whose_it_is() {
    let directory = Directory::new();
    let store = Arc::new(MemoryStore::new());
    let config = Config::load(&directory.config(), &directory.state()).unwrap();
    let builder = Host::builder(&directory.state()).config(&config).watching(QUICK);
    let host = builder.store("memory", store.clone()).build().await.unwrap();
    let events = host.events();
    let mut running = Running { host, events };
    directory.install("memory", &build(0));
    running
        .complains("memory", "another destination of this host has that name")
        .await;
    running.append("session", 0..5).await;
    running.flush().await;
    assert!(store.end(&key("session")).await.unwrap().is_some());
    fs::remove_file(directory.path("memory.wasm")).unwrap();
    directory.install("other", &build(0));
    running.loaded("other").await;
    running.append("session", 5..10).await;
    running.flush().await;
    running.close().await;
    directory.check("other", &[("session", 10)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_replacement_changes_nothing() {
    let directory = Directory::new();
    directory.install("fs", &build(0));
    let mut running = directory.start();
    running.until_open("fs").await;
    let opened = running.adapter("fs").digest;
    let mut appended = 0;
    let mut goes_on = async |running: &Running| {
        running.append("session", appended..appended + 3).await;
        running.flush().await;
        appended += 3;
        let status = running.adapter("fs");
        assert_eq!(
            (status.state, &status.digest),
            (AdapterState::Open, &opened),
            "{status:?}"
        );
    };
    for (name, content, words) in [
        ("fs.wasm", &b"hello"[..], "not begin like"),
        ("fs.wasm", &build(0)[..1000], "incomplete"),
        ("fs.wasm", CORE_MODULE, "core module"),
        ("fs.toml", b"[confg]", "line 1"),
    ] {
        directory.put(name, content);
        let kept = running.complains("fs", words).await;
        assert!(matches!(kept, AdapterChange::Kept { .. }), "{kept:?}");
        goes_on(&running).await;
        assert!(running.adapter("fs").cause.unwrap().contains(words));
    }
    directory.put("fs.toml", directory.manifest("fs", ""));
    // In one step: for a moment without a component, it would count as removed.
    fs::create_dir(directory.path("folder")).unwrap();
    symlink("folder", directory.path(".link")).unwrap();
    fs::rename(directory.path(".link"), directory.path("fs.wasm")).unwrap();
    running.complains("fs", "not a file").await;
    goes_on(&running).await;
    set_mode(&directory.path(""), 0o777);
    running.complains("fs", "chmod o-w").await;
    goes_on(&running).await;
    set_mode(&directory.path(""), 0o755);
    directory.put("fs.wasm", build(1));
    running.replaced("fs", &digest(&build(1))).await;
    assert_eq!(running.adapter("fs").cause, None);
    running.flush().await;
    running.close().await;
    directory.check("fs", &[("session", 18)]).await;
}
