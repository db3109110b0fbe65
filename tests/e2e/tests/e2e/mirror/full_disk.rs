//! A disk without room for the spool: each append fails with an error, nothing acknowledged is lost, and it goes on.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use mirrorbox_e2e::{Appender, Mirrored};

/// Runs what comes after its first argument with a small file system mounted there.
const SCRIPT: &str = r#"mount -t tmpfs -o size=24m none "$1" && shift && exec "$@""#;

/// What is left free at first.
const ROOM: u64 = 256 << 10;

fn with_small_disk(mount: &Path) -> Command {
    let mut shell = Command::new("unshare");
    shell
        .args(["--map-root-user", "--mount", "sh", "-c", SCRIPT, "sh"])
        .arg(mount);
    shell
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_told_and_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mirrored = Mirrored::at(dir.path());
    fs::create_dir(mirrored.state()).unwrap();
    let allowed = with_small_disk(&mirrored.state()).arg("true").output();
    if !allowed.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: no mount namespace to be had here");
        return;
    }
    let mut appender = Appender::start_within(&mirrored, "run", with_small_disk(&mirrored.state()));
    for destination in ["fs", "faulty"] {
        appender.wait_status(destination, |status| status["open"] == true);
    }
    // The same place as that process sees it.
    let state = mirrored.state();
    let seen = PathBuf::from(format!("/proc/{}/root", appender.id())).join(state.strip_prefix("/").unwrap());
    let ballast = seen.join("ballast");
    fill(&ballast);

    appender.append("one", 0, 100_000);
    let failed = appender.wait_for("failed ");
    let words: Vec<_> = failed.splitn(4, ' ').collect();
    let [session, next, kind, cause] = words.as_slice() else {
        panic!("{failed}")
    };
    assert_eq!((*session, *kind), ("one", "full"), "{failed}");
    assert!(cause.contains("make room"), "{failed}");
    let next: u64 = next.parse().unwrap();
    assert!(next > 0, "there was some room: {failed}");

    fs::remove_file(&ballast).unwrap();
    appender.append("one", next, 500);
    appender.wait_appended(1);
    assert_eq!(appender.flush(), 0);
    let (run, left) = appender.close(90);
    assert_eq!((run.acked["one"], left), (next + 500, 0));
    mirrored.check("one", &[run]).await;
}

/// Takes all room but a little.
fn fill(ballast: &Path) {
    let mut file = File::create(ballast).unwrap();
    while file.write_all(&[0; 64 << 10]).is_ok() {}
    let full = file.metadata().unwrap().len();
    file.set_len(full - ROOM).unwrap();
}
