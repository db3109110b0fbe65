//! What one adapter could do to all others once, by the number of its finding. Each deed is contained and named, and
//! costs a healthy adapter no time.

use std::ffi::OsString;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use mirrorbox::adapter::AdapterError;
use mirrorbox::config::{Config, ConfigError};
use mirrorbox::host::Destinations;
use mirrorbox::session;
use mirrorbox::store::{LONGEST_ASKED, StoreError};
use mirrorbox_e2e::{Installation, Ran, adapter, test_guest};
use tokio::time::timeout;

use crate::compiling::{bomb, fresh};
use crate::fixture::{ONE, ONE_IN_A_HURRY, answers, commit, load, told};
use crate::grounds::{self, CANARY};
use crate::raw::Raw;
use crate::usual_time::{has_its_usual_time, keeps_its_time};
use crate::witness::Healthy;

/// The session that is forged.
const FORGED: &str = "0b6c9f0e-0000-4000-8000-000000000001";

fn folder_grant(dir: &Path, guest: &str) -> String {
    format!("[grants]\ndirs = [{{ host = {dir:?}, guest = {guest:?} }}]\n")
}

/// An installation whose only destination is the hostile guest, under this manifest.
fn installed(dir: &Path, manifest: &str) -> Installation {
    let installed = Installation::at(dir);
    let adapters = installed.config.join("adapters");
    for file in ["fs.wasm", "fs.toml"] {
        fs::remove_file(adapters.join(file)).unwrap();
    }
    fs::copy(test_guest("hostile"), adapters.join("hostile.wasm")).unwrap();
    write_manifest(&installed, manifest);
    installed
}

fn write_manifest(installed: &Installation, manifest: &str) {
    fs::write(installed.config.join("adapters/hostile.toml"), manifest).unwrap();
}

/// Why the only destination does not open.
async fn refusal(installed: &Installation) -> String {
    let opened = Destinations::open(&installed.to_config()).await.unwrap();
    let refusal = opened.each()[0].store().unwrap_err().to_string();
    opened.close().await;
    refusal
}

/// Runs the command without holding up what else this thread does.
async fn ran(mut command: Command) -> Ran {
    let output = tokio::task::spawn_blocking(move || command.output().unwrap());
    let output = output.await.unwrap();
    Ran {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

#[tokio::test]
async fn h1_a_granted_folder_that_is_turned_into_a_link() {
    let dir = tempfile::tempdir().unwrap();
    let (outer, victim) = (dir.path().join("t"), dir.path().join("victim"));
    for folder in [&outer.join("sub"), &victim] {
        fs::create_dir_all(folder).unwrap();
    }
    fs::write(victim.join("flag"), CANARY).unwrap();
    let inner = outer.join("sub");
    let text = format!(
        "{ONE}[grants]\ndirs = [{{ host = {outer:?}, guest = \"/a\" }}, {{ host = {inner:?}, guest = \"/sub\" }}]"
    );
    let adapter = load("hostile", &text).await.unwrap();
    let script =
        "rename /a/sub /a/moved\nlink ../victim /a/sub\nread /sub/flag\nread /a/sub/flag\nwrite /sub/by-guest\n";
    keeps_its_time("H1", async || {
        let told = grounds::perform(&adapter, &outer, script).await;
        assert!(!told.contains(CANARY), "{told}");
        assert!(!victim.join("by-guest").exists(), "{told}");
    })
    .await;
}

#[tokio::test]
async fn h2_a_component_that_anybody_could_have_put_there() {
    let dir = tempfile::tempdir().unwrap();
    let installed = installed(dir.path(), "");
    let adapters = installed.config.join("adapters");
    fs::set_permissions(&adapters, Permissions::from_mode(0o777)).unwrap();
    keeps_its_time("H2", async || {
        let error = Config::load(&installed.config, &installed.state).unwrap_err();
        assert!(matches!(error, ConfigError::Refused { .. }), "{error:?}");
        let error = error.to_string();
        assert!(error.contains(adapters.to_str().unwrap()), "{error}");
    })
    .await;
    assert!(!installed.lock().exists());
}

#[tokio::test]
async fn h3_descriptors_without_end() {
    let dir = tempfile::tempdir().unwrap();
    let manifest = format!("instances = 8\n{}", folder_grant(dir.path(), "/data"));
    let adapter = load("hostile", &manifest).await.unwrap();
    keeps_its_time("H3", async || {
        let told = join_all((0..8).map(|_| told(&adapter, "descriptors"))).await;
        assert!(told.iter().all(|told| told.contains("refused at")), "{told:?}");
    })
    .await;
    let refusals = adapter.refusals();
    assert!(refusals[0].refusal.what.contains("open files"), "{refusals:?}");
}

#[tokio::test]
async fn h4_a_destination_that_never_answers() {
    let adapter = load("faulty", "instances = 4\ntimeout = \"300ms\"").await.unwrap();
    keeps_its_time("H4", async || {
        for error in join_all((0..4).map(|_| commit(&adapter, "sleep"))).await {
            let is_late = matches!(error, StoreError::Timeout(_) | StoreError::Unavailable(_));
            assert!(is_late, "{error}");
        }
    })
    .await;
}

/// Whether it is refused in the end is for `compiling` to say: here, each is given up long before.
#[tokio::test]
async fn m1_a_component_that_takes_minutes_to_compile() {
    let (_dir, path) = fresh().with(&bomb()).write();
    keeps_its_time("M1", async || {
        let opened = timeout(Duration::from_secs(1), Raw::open_at(&path, "")).await;
        assert!(opened.is_err(), "{opened:?}");
    })
    .await;
}

#[tokio::test]
async fn m2_a_manifest_that_takes_another_secret() {
    let dir = tempfile::tempdir().unwrap();
    let installed = installed(dir.path(), "[config]\ndo = \"panic\"\n");
    let first = refusal(&installed).await;
    assert!(!first.contains("approve"), "{first}");
    let secret = dir.path().join("secret");
    fs::write(&secret, "panic").unwrap();
    write_manifest(&installed, &format!("[config]\ndo = {{ file = {secret:?} }}\n"));
    keeps_its_time("M2", async || {
        let waits = refusal(&installed).await;
        assert!(waits.contains("approve") && waits.contains("hostile"), "{waits}");
    })
    .await;
}

#[tokio::test]
async fn m3_a_file_that_never_opens() {
    let dir = tempfile::tempdir().unwrap();
    let made = Command::new("mkfifo").arg(dir.path().join("fifo")).status().unwrap();
    assert!(made.success());
    let manifest = format!("{ONE}{}", folder_grant(dir.path(), "/rw"));
    let adapter = load("hostile", &manifest).await.unwrap();
    keeps_its_time("M3", async || {
        let told = told(&adapter, "fifo").await;
        assert!(!told.contains("got it"), "{told}");
    })
    .await;
}

#[tokio::test]
async fn m4_an_error_that_would_rule_the_terminal() {
    let dir = tempfile::tempdir().unwrap();
    let installed = installed(dir.path(), "[config]\ndo = \"escape\"\n");
    keeps_its_time("M4", async || {
        let ran = ran(installed.command(["adapters"])).await;
        let told = format!("{}{}", ran.stdout, ran.stderr);
        assert!(ran.code != Some(0) && told.contains("PWNED"), "{ran:?}");
        let may_be_shown =
            |char: char| char == '\n' || !char.is_control() && !"\u{202e}\u{200b}\u{e0041}".contains(char);
        assert!(told.chars().all(may_be_shown), "{told:?}");
        assert!(!told.lines().any(|line| line.starts_with("error: forged")), "{told}");
    })
    .await;
}

#[tokio::test]
async fn m5_a_grant_over_compiled_code() {
    let dir = tempfile::tempdir().unwrap();
    let installed = installed(dir.path(), "");
    write_manifest(&installed, &folder_grant(&installed.state.join("cache"), "/data"));
    keeps_its_time("M5", async || {
        let refused = refusal(&installed).await;
        assert!(
            refused.contains("compiled code") && refused.contains("hostile.toml"),
            "{refused}"
        );
    })
    .await;
}

#[tokio::test]
async fn m6_what_only_ever_fails_to_open_is_trusted_once() {
    let dir = tempfile::tempdir().unwrap();
    let installed = installed(dir.path(), "[config]\ndo = \"panic\"\n");
    let first = refusal(&installed).await;
    assert!(!first.contains("approve"), "{first}");
    let more = "[config]\ndo = \"panic\"\n[grants]\nnetwork = [\"https://a.example\"]\n";
    write_manifest(&installed, more);
    keeps_its_time("M6", async || {
        let waits = refusal(&installed).await;
        assert!(
            waits.contains("https://a.example") && waits.contains("approve"),
            "{waits}"
        );
    })
    .await;
}

/// The honest destination, whose reads are timed, has each line of the session; the forger, which sorts first, claims
/// three times as many, with another content.
#[tokio::test]
async fn m7_a_destination_that_forges() {
    let dir = tempfile::tempdir().unwrap();
    let honest = Installation::at(&dir.path().join("honest"));
    let forger = Installation::at(&dir.path().join("forger"));
    let (truth, forgery) = (dir.path().join("truth"), dir.path().join("forgery"));
    forger.succeeds(import(&forgery, 9, "a forgery"));
    honest.succeeds(import(&truth, 2, "the truth"));
    let adapters = honest.config.join("adapters");
    fs::copy(adapter("fs"), adapters.join("aaa.wasm")).unwrap();
    fs::write(adapters.join("aaa.toml"), folder_grant(&forger.store, "/data")).unwrap();
    let healthy = Healthy::at(&honest.store).await;
    has_its_usual_time("M7", healthy, async || {
        let shown = ran(honest.command(["show", FORGED])).await;
        assert_eq!(shown.code, Some(1), "{shown:?}");
        let is_named = shown.stderr.contains("`aaa`") && shown.stderr.contains("--from");
        assert!(is_named && !shown.stdout.contains("a forgery"), "{shown:?}");
    })
    .await;
    honest.succeeds(import(&truth, 3, "the truth"));
    let shown = honest.succeeds(["show", FORGED, "--from", "fs"]);
    assert_eq!(shown.matches("the truth").count(), 3, "{shown}");
    assert!(!shown.contains("a forgery"), "{shown}");
}

/// The arguments that store so many rows of one content in `fs`.
fn import(projects: &Path, rows: usize, content: &str) -> Vec<OsString> {
    let row = |number| {
        format!(
            "{{\"type\":\"user\",\"uuid\":\"{number}\",\"sessionId\":{FORGED:?},\"message\":{{\"role\":\"user\",\
             \"content\":{content:?}}}}}\n"
        )
    };
    let project = projects.join("-srv-app");
    fs::create_dir_all(&project).unwrap();
    let rows: String = (0..rows).map(row).collect();
    fs::write(project.join(format!("{FORGED}.jsonl")), rows).unwrap();
    ["import", "--to", "fs", "--projects-dir"]
        .map(OsString::from)
        .into_iter()
        .chain([projects.into()])
        .collect()
}

/// The command, which keeps the whole of a listing: see `listing`.
#[tokio::test]
async fn m8_a_summary_that_is_too_large() {
    let adapter = Arc::new(load("hostile", ONE).await.unwrap());
    keeps_its_time("M8", async || {
        let error = session::list(adapter.clone(), Some("large"))
            .await
            .unwrap_err()
            .to_string();
        assert!(error.contains("summary of 2097152 bytes"), "{error}");
    })
    .await;
}

#[tokio::test]
async fn m9_an_adapter_made_of_many_memories() {
    let many = Raw::new().memories(60);
    keeps_its_time("M9", async || {
        let refused = many.open("instances = 4").await.unwrap_err();
        assert!(matches!(refused, AdapterError::NoRoom { .. }), "{refused}");
        assert!(refused.to_string().contains("memories"), "{refused}");
    })
    .await;
}

#[tokio::test]
async fn l2_a_pause_of_weeks() {
    let adapter = load("hostile", ONE_IN_A_HURRY).await.unwrap();
    keeps_its_time("L2", async || {
        let throttled = commit(&adapter, "throttle").await;
        assert!(matches!(throttled, StoreError::Throttled(_)), "{throttled}");
        assert_eq!(throttled.asked_pause(), LONGEST_ASKED);
    })
    .await;
    assert!(answers(&adapter).await);
}
