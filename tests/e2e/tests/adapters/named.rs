//! A destination is what was named once: its lines are kept whatever becomes of its component and its manifest.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use mirrorbox::host::AdapterState;
use mirrorbox_e2e::target_dir;

use crate::directory::{Directory, PATIENCE, build};

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Two destinations, of which the second one has never opened: its folder is missing. The first one has a session.
async fn one_is_away() -> Directory {
    let directory = Directory::new();
    fs::write(
        directory.config().join("mirrorbox.toml"),
        "keep = \"until-delivered\"\n",
    )
    .unwrap();
    directory.install("a", &build(0));
    directory.install("b", &build(0));
    fs::remove_dir(directory.folder("b")).unwrap();
    let mut running = directory.start();
    running.until_open("a").await;
    running.failed("b").await;
    running.append("session", 0..5).await;
    let left = running.host.close(Duration::from_secs(2)).await.unwrap();
    assert!(left.left.iter().all(|left| left.destination == "b"), "{left:?}");
    directory.check("a", &[("session", 5)]).await;
    directory
}

/// A host comes and goes while something is wrong; then it is mended, and nothing is missing.
async fn is_kept(directory: &Directory, words: &str, mend: impl FnOnce()) {
    let mut running = directory.start();
    loop {
        let status = running.host.status();
        let b = status
            .iter()
            .find(|status| status.destination == "b")
            .expect("it is a destination");
        if b.trouble.as_ref().is_some_and(|cause| cause.contains(words)) {
            break;
        }
        running.next().await;
    }
    drop(running.host.close(Duration::ZERO).await.unwrap());
    mend();
    directory.folder("b");
    let mut running = directory.start();
    while running.adapter("b").state != AdapterState::Open {
        running.next().await;
    }
    running.flush().await;
    running.close().await;
    directory.check("b", &[("session", 5)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_are_kept_while_a_manifest_has_a_mistake() {
    let directory = one_is_away().await;
    let right = directory.manifest("b", "");
    directory.put("b.toml", "[confg]\n");
    is_kept(&directory, "line 1", || directory.put("b.toml", right)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_are_kept_while_nothing_is_left_of_an_adapter() {
    let directory = one_is_away().await;
    let right = directory.manifest("b", "");
    for file in ["b.toml", "b.wasm"] {
        fs::remove_file(directory.path(file)).unwrap();
    }
    let put_back = || {
        directory.put("b.toml", right);
        directory.put("b.wasm", build(0));
    };
    is_kept(&directory, "adapters remove b", put_back).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_are_kept_while_the_directory_is_open_to_others() {
    let directory = one_is_away().await;
    let adapters = directory.config().join("adapters");
    set_mode(&adapters, 0o777);
    is_kept(&directory, "chmod o-w", || set_mode(&adapters, 0o755)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_removed_by_command_waits_for_nothing_any_more() {
    let directory = one_is_away().await;
    let command = |arguments: &[&str]| {
        let mut command = Command::new(target_dir().join("debug/mirrorbox"));
        command
            .arg("--config")
            .arg(directory.config())
            .arg("--state")
            .arg(directory.state());
        let output = command
            .args(arguments)
            .stdin(std::process::Stdio::null())
            .output()
            .unwrap();
        (
            output.status.code(),
            String::from_utf8(output.stdout).unwrap(),
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    assert_eq!(command(&["status"]).0, Some(3));
    let (code, _, told) = command(&["adapters", "remove", "b"]);
    assert_eq!(code, Some(2), "{told}");
    assert!(told.contains("never got 5 entries") && told.contains("--yes"), "{told}");
    assert_eq!(command(&["adapters", "remove", "c", "--yes"]).0, Some(2));
    // Its files were removed by hand: it is waited for all the same.
    fs::remove_file(directory.path("b.wasm")).unwrap();
    fs::remove_file(directory.path("b.toml")).unwrap();
    assert_eq!(command(&["status"]).0, Some(3));
    let (code, told, _) = command(&["adapters", "remove", "b", "--yes", "--json"]);
    assert_eq!(code, Some(0), "{told}");
    assert!(
        told.contains("\"entries\": 5") || told.contains("\"entries\":5"),
        "{told}"
    );
    assert_eq!(command(&["status"]).0, Some(0));
    assert_eq!(command(&["adapters", "remove", "b", "--yes"]).0, Some(2));
    let mut running = directory.start();
    running.until_open("a").await;
    assert!(
        tokio::time::timeout(PATIENCE, running.host.flush(PATIENCE))
            .await
            .unwrap()
            .unwrap()
            .is_empty()
    );
    running.close().await;
}
