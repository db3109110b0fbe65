//! The component that was opened last is kept: for a start with a bad file, and for going back.

use std::fs;

use mirrorbox::host::{AdapterChange, AdapterState, LastGood};
use mirrorbox_e2e::{Installation, Ran};

use crate::directory::{Directory, build, digest};

impl Directory {
    /// Runs the command.
    fn run(&self, arguments: &[&str]) -> Ran {
        let installation = Installation {
            config: self.config(),
            state: self.state(),
            store: self.folder("fs"),
        };
        installation.run(arguments)
    }

    fn kept(&self, name: &str) -> Vec<String> {
        let kept = LastGood::of(&self.state(), name).each().unwrap();
        kept.into_iter().map(|good| good.sha256).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_starts_with_a_bad_file_uses_the_last_good_one() {
    let directory = Directory::new();
    directory.install("fs", &build(0));
    directory.install("manifest", &build(0));
    let mut running = directory.start();
    for name in ["fs", "manifest"] {
        running.until_open(name).await;
    }
    running.append("session", 0..5).await;
    running.flush().await;
    running.close().await;
    directory.put("fs.wasm", &build(1)[..1000]);
    directory.put("manifest.toml", "[confg]");

    let mut running = directory.start();
    running.append("second", 0..5).await;
    running.flush().await;
    for (name, words) in [("fs", "incomplete"), ("manifest", "line 1")] {
        let status = running.adapter(name);
        assert_eq!(
            (status.state, status.digest),
            (AdapterState::LastGood, Some(digest(&build(0))))
        );
        assert!(status.cause.unwrap().contains(words));
        assert_eq!(status.events["fell_back"], 1);
    }
    directory.put("fs.wasm", build(1));
    running.replaced("fs", &digest(&build(1))).await;
    assert_eq!(running.adapter("fs").state, AdapterState::Open);
    running.close().await;
    for name in ["fs", "manifest"] {
        directory.check(name, &[("session", 5), ("second", 5)]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_manifest_holds_for_the_last_good_component_too() {
    let directory = Directory::new();
    directory.install("fs", &build(0));
    let mut running = directory.start();
    running.until_open("fs").await;
    running.close().await;
    // It is granted nothing any more.
    directory.put("fs.wasm", "hello");
    directory.put("fs.toml", "");
    let mut running = directory.start();
    let failed = running.failed("fs").await;
    assert!(failed.contains("not begin like"), "{failed}");
    running.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rollback_puts_the_one_before_back() {
    let directory = Directory::new();
    let nothing = directory.run(&["adapters", "rollback", "fs"]);
    assert_eq!(nothing.code, Some(1), "{nothing:?}");
    assert!(
        nothing.stderr.contains("no other component was opened as `fs`"),
        "{nothing:?}"
    );

    let [one, two] = [digest(&build(0)), digest(&build(1))];
    directory.install("fs", &build(0));
    let mut running = directory.start();
    running.until_open("fs").await;
    directory.put("fs.toml", directory.manifest("fs", "instances = 2"));
    directory.put("fs.wasm", build(1));
    running.replaced("fs", &two).await;
    running.append("session", 0..5).await;
    running.flush().await;
    running.close().await;
    assert_eq!(directory.kept("fs"), [two.clone(), one.clone()]);

    let mut running = directory.start();
    running.until_open("fs").await;
    let back = directory.run(&["adapters", "rollback", "fs"]);
    assert_eq!(back.code, Some(0), "{back:?}");
    assert!(
        back.stdout.contains(&one) && back.stdout.contains("manifest"),
        "{back:?}"
    );
    running.replaced("fs", &one).await;
    assert_eq!(fs::read(directory.path("fs.wasm")).unwrap(), build(0));
    assert_eq!(
        fs::read_to_string(directory.path("fs.toml")).unwrap(),
        directory.manifest("fs", "")
    );
    let aside = fs::read_to_string(directory.path("fs.toml.before-rollback")).unwrap();
    assert_eq!(aside, directory.manifest("fs", "instances = 2"));
    running.append("session", 5..8).await;
    running.flush().await;

    // What is bad was never opened: the one that runs is what to go back to.
    directory.put("fs.wasm", "hello");
    let kept = running.complains("fs", "not begin like").await;
    assert!(matches!(kept, AdapterChange::Kept { .. }));
    let back = directory.run(&["adapters", "rollback", "fs", "--json"]);
    assert!(back.stdout.contains(&one), "{back:?}");
    assert_eq!(fs::read(directory.path("fs.wasm")).unwrap(), build(0));
    running.close().await;
    directory.check("fs", &[("session", 8)]).await;
}
