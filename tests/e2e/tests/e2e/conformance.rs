//! Every adapter keeps the contract: the component in its sandbox, before a real backend, with two hosts at work.

use std::any::Any;
use std::path::Path;
use std::sync::Arc;

use mirrorbox::adapter::{Adapter, Runtime};
use mirrorbox::config::Manifest;
use mirrorbox::store::Store;
use mirrorbox_conformance::{Options, check};
use mirrorbox_e2e::{Installation, adapter, seed, test_guest};
use mirrorbox_servers::{ServerError, if_installed};

/// Where an adapter's transcripts go, and the manifest that lets it.
struct Backend {
    manifest: String,
    /// Runs while this value is there.
    _server: Box<dyn Any>,
}

/// A test for each adapter: `name: what makes its backend, given an empty folder`.
macro_rules! adapters {
    ($($name:ident: $backend:expr;)*) => {
        mod keeps_the_contract {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::keeps_the_contract(stringify!($name), $backend).await;
            })*
        }
    };
}

adapters! {
    fs: super::folder;
}

fn folder(dir: &Path) -> Result<Backend, ServerError> {
    Ok(Backend {
        manifest: format!("[grants]\ndirs = [{{ host = {dir:?}, guest = \"/data\" }}]"),
        _server: Box::new(()),
    })
}

async fn keeps_the_contract(name: &str, backend: fn(&Path) -> Result<Backend, ServerError>) {
    let dir = tempfile::tempdir().unwrap();
    let Some(backend) = if_installed(backend(dir.path())).unwrap() else {
        return;
    };
    let manifest = Manifest::parse(&dir.path().join("manifest.toml"), &backend.manifest).unwrap();
    let runtime = Runtime::shared(None).unwrap();
    let (path, mut hosts) = (adapter(name), Vec::new());
    for _ in 0..2 {
        hosts.push(Arc::new(Adapter::load(&runtime, name, &path, &manifest).await.unwrap()));
    }
    let stores: [Arc<dyn Store>; 2] = [hosts[0].clone(), hosts[1].clone()];
    let options = Options {
        seed: Some(seed()),
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
