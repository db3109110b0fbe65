//! Every adapter keeps the contract: the component in its sandbox, before a real backend, with two hosts at work.

use std::fs;
use std::sync::Arc;

use mirrorbox::store::Store;
use mirrorbox_conformance::{Options, check};
use mirrorbox_e2e::{Backend, Installation, seed, soak, test_guest};

/// A test for each adapter.
macro_rules! adapters {
    ($($name:ident)*) => {
        mod keeps_the_contract {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::keeps_the_contract(stringify!($name)).await;
            })*
        }
    };
}

adapters! { fs s3 redis postgres }

async fn keeps_the_contract(name: &str) {
    let dir = tempfile::tempdir().unwrap();
    let Some(backend) = Backend::start(name, dir.path()) else {
        return;
    };
    // Payloads of 128 MiB, in the long form, and machines with other work.
    let manifest = backend.manifest().limit("timeout = \"300s\"");
    let [one, other] = [backend.load(&manifest), backend.load(&manifest)];
    let hosts = [one.await.unwrap(), other.await.unwrap()];
    let stores: [Arc<dyn Store>; 2] = [hosts[0].clone(), hosts[1].clone()];
    let options = Options {
        seed: Some(seed()),
        long: soak(),
        ..Options::default()
    };
    let report = check(stores, &options).await;
    println!("{report}");
    assert!(report.passed(), "{report}");
    for host in hosts {
        host.close().await;
    }
}

#[test]
fn the_command_checks_an_adapter_of_the_configuration() {
    let dir = tempfile::tempdir().unwrap();
    let installed = Installation::at(dir.path());
    let checked = installed.json(["adapters", "check", "fs", "--only", "append", "--seed", "7"]);
    assert_eq!((&checked["passed"], &checked["seed"]), (&true.into(), &7.into()));
    let checks = checked["checks"].as_array().unwrap();
    assert!(checks.len() > 3 && checks.iter().all(|check| check["outcome"] == "passed"));
    assert_eq!(
        installed.json(["sessions"])["sessions"],
        serde_json::json!([]),
        "it leaves nothing"
    );
    let unknown = installed.run(["adapters", "check", "fs", "--only", "no such check"]);
    assert_eq!(unknown.code, Some(2), "{unknown:?}");
}

/// This one says yes to everything and stores nothing. It needs no manifest: nothing is granted.
#[test]
fn the_command_names_the_rules_that_a_component_breaks() {
    let dir = tempfile::tempdir().unwrap();
    let installed = Installation::at(dir.path());
    let component = test_guest("faulty");
    let ran = installed.run(["adapters", "check", component.to_str().unwrap()]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    for broken in [
        "append-load: after an append: 0 batches came, and there are 1",
        "append-conflict: an append of another batch 3 of 3 succeeded and must be a conflict",
        "race-one-wins: two batches 1 were both accepted",
    ] {
        assert!(ran.stdout.contains(broken), "{ran:?}");
    }
}

/// `examples/adapter`, installed and granted its folder as its README says.
#[test]
fn the_example_to_begin_with_keeps_the_contract() {
    let dir = tempfile::tempdir().unwrap();
    let installed = Installation::at(dir.path());
    let folder = dir.path().join("plain");
    fs::create_dir(&folder).unwrap();
    let manifest = include_str!("../../../../examples/adapter/manifest.toml");
    let manifest = manifest.replace("/var/lib/plain", folder.to_str().unwrap());
    fs::write(installed.config.join("adapters/plain.toml"), manifest).unwrap();
    let component = test_guest("plain");
    installed.succeeds(["adapters", "install", component.to_str().unwrap(), "--as", "plain"]);
    let checked = installed.json(["adapters", "check", "plain"]);
    assert_eq!(checked["passed"], true, "{checked}");
}
