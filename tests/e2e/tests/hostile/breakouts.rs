//! Guests that look for a way out of what their manifest grants.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::fixture::{ONE, load, told};
use crate::witness::beside_another;

/// What stands in files that nobody may change.
const SECRET: &str = "nobody writes here";

/// A folder `ro` and a folder `rw`, a secret outside of both, and links that lead there.
fn folders() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let at = |path: &str| dir.path().join(path);
    for folder in ["ro", "rw", "outside"] {
        fs::create_dir(at(folder)).unwrap();
    }
    for file in ["secret", "outside/secret", "ro/secret"] {
        fs::write(at(file), SECRET).unwrap();
    }
    fs::write(at("rw/own"), "own").unwrap();
    // The file system's rights would allow writing; the manifest does not.
    fs::set_permissions(at("ro/secret"), fs::Permissions::from_mode(0o666)).unwrap();
    for folder in ["ro", "rw"] {
        symlink(at("secret"), at(folder).join("out")).unwrap();
        symlink("../outside", at(folder).join("out-folder")).unwrap();
    }
    dir
}

fn grants(dir: &Path) -> String {
    let [ro, rw] = ["ro", "rw"].map(|folder| dir.join(folder));
    format!(
        "{ONE}[grants]\ndirs = [{{ host = {ro:?}, guest = \"/ro\", mode = \"ro\" }}, {{ host = {rw:?}, guest = \"/rw\" }}]"
    )
}

fn is_untouched(dir: &Path) {
    for file in ["secret", "outside/secret", "ro/secret"] {
        assert_eq!(fs::read_to_string(dir.join(file)).unwrap(), SECRET, "{file}");
    }
    let mut names: Vec<_> = fs::read_dir(dir.join("ro"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["out", "out-folder", "secret"]);
}

/// Every attempt is refused, and there were some.
fn all_refused(told: &str, attempts: usize) {
    assert!(told.lines().count() >= attempts, "{told}");
    for line in told.lines() {
        assert!(line.contains(": refused"), "{line}");
    }
}

#[tokio::test]
async fn no_path_leads_out_of_the_granted_folders() {
    let dir = folders();
    let adapter = load("hostile", &grants(dir.path())).await.unwrap();
    all_refused(&beside_another(told(&adapter, "files")).await, 36);
    is_untouched(dir.path());
}

#[tokio::test]
async fn a_link_that_the_guest_makes_leads_nowhere() {
    let dir = folders();
    let adapter = load("hostile", &grants(dir.path())).await.unwrap();
    all_refused(&told(&adapter, "symlinks-out").await, 4);
    is_untouched(dir.path());
}

/// CVE-2026-47261: truncating by the flags of an opening that only reads.
#[tokio::test]
async fn a_read_only_folder_stays_as_it_is() {
    let dir = folders();
    let adapter = load("hostile", &grants(dir.path())).await.unwrap();
    all_refused(&told(&adapter, "write-read-only").await, 12);
    is_untouched(dir.path());
}

/// CVE-2026-58494: a file of the read-only folder, reached through the other one by a hard link or a new name.
#[tokio::test]
async fn nothing_moves_between_a_read_only_and_a_writable_folder() {
    let dir = folders();
    let adapter = load("hostile", &grants(dir.path())).await.unwrap();
    all_refused(&told(&adapter, "across").await, 5);
    is_untouched(dir.path());
}

/// A fifo waits for a process at its other end, and would keep a thread for ever.
#[tokio::test]
async fn what_is_neither_a_file_nor_a_directory_is_not_opened() {
    let dir = folders();
    let made = Command::new("mkfifo").arg(dir.path().join("rw/fifo")).status().unwrap();
    assert!(made.success());
    let adapter = load("hostile", &grants(dir.path())).await.unwrap();
    all_refused(&beside_another(told(&adapter, "fifo")).await, 3);
    let refusals = adapter.refusals();
    assert!(
        refusals[0].refusal.what.contains("neither a file nor a directory"),
        "{refusals:?}"
    );
}

#[tokio::test]
async fn nobody_outside_is_reached() {
    let adapter = load("hostile", ONE).await.unwrap();
    all_refused(&beside_another(told(&adapter, "connections")).await, 12);
    all_refused(&told(&adapter, "requests").await, 24);
    let refusals = adapter.refusals();
    for what in [
        "169.254.169.254:80",
        "[fd00:ec2::254]:80",
        "http://169.254.169.254:80",
        "https://127.0.0.1:22",
        "a lookup of metadata.google.internal",
    ] {
        assert!(
            refusals.iter().any(|refused| refused.refusal.what.contains(what)),
            "{what}: {refusals:#?}"
        );
    }
}

#[tokio::test]
async fn there_is_no_environment_and_no_argument() {
    let adapter = load("faulty", ONE).await.unwrap();
    assert_eq!(told(&adapter, "env").await, "arguments: []; variables: []");
}
