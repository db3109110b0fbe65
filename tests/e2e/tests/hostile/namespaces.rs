//! Tests that need mounts and a network of their own: they run themselves once more within namespaces.

use std::env;
use std::process::Command;

/// Says to a test that it runs within them.
const INSIDE: &str = "MIRRORBOX_TEST_WITHIN_NAMESPACES";

/// Runs `body`, the rest of the test of this name, where mounts and network are its own. Skipped where nobody may have
/// that.
pub(super) fn within(test: &str, body: impl FnOnce()) {
    if env::var_os(INSIDE).is_some() {
        return body();
    }
    let Some(flags) = flags() else {
        return println!("skipped: there can be no namespaces here");
    };
    let again = Command::new("unshare")
        .args(flags)
        .arg(env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture"])
        .env(INSIDE, "1")
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&again.stdout);
    println!("{told}");
    assert!(
        again.status.success(),
        "{told}\n{}",
        String::from_utf8_lossy(&again.stderr)
    );
    assert!(told.contains("1 passed"), "there is no test {test}: {told}");
}

/// As an administrator, or as one of a user namespace.
fn flags() -> Option<&'static [&'static str]> {
    const FLAGS: [&[&str]; 2] = [
        &["--mount", "--net", "--kill-child"],
        &["--map-root-user", "--mount", "--net", "--kill-child"],
    ];
    FLAGS.into_iter().find(|flags| {
        // One that is not permitted is not there.
        let tried = Command::new("unshare").args(*flags).arg("true").output();
        tried.is_ok_and(|tried| tried.status.success())
    })
}

/// Runs a program that must succeed.
pub(super) fn run(program: &str, arguments: &[&str]) {
    let ran = Command::new(program).args(arguments).output().unwrap();
    assert!(ran.status.success(), "{program} {arguments:?}: {ran:?}");
}
