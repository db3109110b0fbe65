//! An adapter is let go where it wants, and what it used becomes its manifest.

use std::fs;

use mirrorbox::adapter::Adapter;
use mirrorbox_e2e::{Backend, Installation, runtime, test_guest};
use tokio::net::TcpListener;

use crate::fixture::{ONE, load, manifest, told};

#[tokio::test]
async fn what_an_audit_saw_is_a_manifest_that_allows_just_that() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let deeds = [format!("tcp 127.0.0.1:{port}"), format!("tcp localhost:{port}")];
    let unused = format!("{ONE}[grants]\nnetwork = [\"https://unused.example\"]");
    let mut audited = manifest(&unused);
    let audit = audited.audit();
    let adapter = Adapter::load(&runtime(), "network", &test_guest("network"), &audited)
        .await
        .unwrap();
    for deed in &deeds {
        assert_eq!(told(&adapter, deed).await, "connected", "{deed}");
    }
    let closed = told(&adapter, "GET http://169.254.169.254/latest/meta-data").await;
    assert_eq!(closed, "failed: ErrorCode::HttpRequestDenied");
    let text = audit.manifest();
    assert_eq!(
        text,
        format!("[grants]\nnetwork = [\n    \"tcp://127.0.0.1:{port}\",\n    \"tcp://localhost:{port}\",\n]\n")
    );
    let strict = load("network", &format!("{ONE}{text}")).await.unwrap();
    for deed in &deeds {
        assert_eq!(told(&strict, deed).await, "connected", "{deed}");
    }
    let elsewhere = format!("tcp {}:{port}", name.trim_end());
    assert!(told(&strict, &elsewhere).await.starts_with("failed: "));
    assert_eq!(strict.usage().refused, 1);
}

/// Through the command, which prints the grants; with those alone, the same checks pass.
#[test]
fn the_check_of_an_adapter_prints_the_grants_that_it_needs() {
    let dir = tempfile::tempdir().unwrap();
    let Some(backend) = Backend::start("redis", dir.path()) else {
        return;
    };
    let installed = Installation::with(dir.path(), &backend);
    let bare = backend.manifest().without_grants();
    installed.set_manifest(&backend, &bare);
    let check = |more: &[&'static str]| {
        let arguments = ["adapters", "check", backend.adapter(), "--only", "append"];
        installed.run(arguments.iter().chain(more))
    };
    assert_ne!(check(&[]).code, Some(0), "nothing is granted");
    let audited = check(&["--audit", "--json"]);
    assert_eq!(audited.code, Some(0), "{audited:?}");
    let document: serde_json::Value = serde_json::from_str(&audited.stdout).unwrap();
    let grants = document.get("grants").unwrap().as_str().unwrap();
    let path = installed
        .config
        .join("adapters")
        .join(backend.adapter())
        .with_extension("toml");
    let without = bare.to_string().replace("[grants]\n", "");
    fs::write(path, format!("{without}\n{grants}")).unwrap();
    // It was tried with nothing: what it is granted now is more than that.
    installed.succeeds(["adapters", "approve", backend.adapter()]);
    let ran = check(&[]);
    assert_eq!(ran.code, Some(0), "{grants}\n{ran:?}");
    let told = check(&["--audit"]).stdout;
    assert!(
        told.contains("What it used") && told.contains(grants.trim_end()),
        "{told}"
    );
}
