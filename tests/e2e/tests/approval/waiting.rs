//! Through the command: what is recorded, what waits, and how it is approved.

use std::fs;

use mirrorbox_e2e::{Installation, Ran, adapter, test_guest};

use crate::component::{
    another_build, is_empty, place, put_back, replace_by_one_that_imports_more, store_grant, write_manifest,
};

fn lock(installed: &Installation) -> String {
    fs::read_to_string(installed.lock()).unwrap()
}

/// How the only adapter stands, as `adapters --json` says it.
fn state(installed: &Installation, arguments: &[&str]) -> String {
    let ran = installed.run(["adapters", "--json"].iter().chain(arguments));
    let document: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{ran:?}"));
    document["adapters"][0]["state"].as_str().unwrap().to_owned()
}

fn waits(ran: &Ran, what: &str) {
    assert_ne!(ran.code, Some(0), "{ran:?}");
    for text in ["waits for approval", what, "mirrorbox adapters approve fs"] {
        assert!(ran.stderr.contains(text), "{text}: {ran:?}");
    }
}

#[test]
fn what_opens_first_is_recorded_once() {
    let dir = tempfile::tempdir().unwrap();
    let installed = Installation::at(dir.path());
    assert!(!installed.lock().exists());
    installed.succeeds(["adapters"]);
    let first = lock(&installed);
    for text in [
        "[adapters.\"fs\"]",
        "\"wasi:filesystem/preopens\",",
        "guest = \"/data\", mode = \"rw\"",
    ] {
        assert!(first.contains(text), "{text}: {first}");
    }
    assert!(!first.contains('@'), "imports are told without versions: {first}");
    let remarked = format!("# looked at\n{first}");
    fs::write(installed.lock(), &remarked).unwrap();
    installed.succeeds(["sessions"]);
    assert_eq!(
        lock(&installed),
        remarked,
        "it is not written where nothing has changed"
    );
}

#[test]
fn what_is_tried_is_recorded_before_it_runs_and_trusted_once() {
    let dir = tempfile::tempdir().unwrap();
    let installed = Installation::at(dir.path());
    // What is missing before anything of it runs can be mended.
    write_manifest(
        &installed,
        "[config]\nroot = { env = \"MIRRORBOX_NO_SUCH\" }",
        &store_grant(&installed),
    );
    assert_ne!(installed.run(["adapters"]).code, Some(0));
    assert!(!installed.lock().exists());
    // It runs with all of its grants, and says that it does not like its settings.
    write_manifest(&installed, "[config]\nno_such = \"setting\"", &store_grant(&installed));
    assert_ne!(installed.run(["adapters"]).code, Some(0));
    assert!(lock(&installed).contains("tried = true"), "{}", lock(&installed));
    // Whatever comes in its place was not looked at by anybody.
    let more = format!("{}\nnetwork = [\"https://a.example\"]", store_grant(&installed));
    write_manifest(&installed, "[config]\nno_such = \"setting\"", &more);
    waits(&installed.run(["adapters"]), "network \"https://a.example\"");
    write_manifest(&installed, "", &store_grant(&installed));
    installed.succeeds(["adapters"]);
    assert!(!lock(&installed).contains("tried"), "{}", lock(&installed));
}

#[test]
fn another_source_of_secrets_waits_and_so_does_a_raised_limit() {
    let dir = tempfile::tempdir().unwrap();
    let installed = Installation::at(dir.path());
    installed.succeeds(["adapters"]);
    let secret = dir.path().join("secret");
    fs::write(&secret, "/data").unwrap();
    write_manifest(
        &installed,
        &format!("[config]\nroot = {{ file = {secret:?} }}"),
        &store_grant(&installed),
    );
    let shown = format!("secrets file {}", secret.display());
    waits(&installed.run(["sessions"]), &shown);
    let approval = installed.succeeds(["adapters", "approve", "fs", "--dry-run"]);
    assert!(approval.contains(&format!("+ {shown}")), "{approval}");
    installed.succeeds(["adapters", "approve", "fs"]);
    assert_eq!(state(&installed, &[]), "open");
    write_manifest(&installed, "instances = 64", &store_grant(&installed));
    waits(&installed.run(["sessions"]), "limits instances 64");
}

#[test]
fn a_lock_of_an_older_version_is_taken_over() {
    let dir = tempfile::tempdir().unwrap();
    let installed = Installation::at(dir.path());
    write_manifest(&installed, "instances = 8", &store_grant(&installed));
    installed.succeeds(["adapters"]);
    let new = lock(&installed);
    // As the version before wrote it: the same without its last two lists.
    let end = new.find("secrets = ").unwrap();
    fs::write(installed.lock(), &new[..end]).unwrap();
    assert_eq!(state(&installed, &[]), "open");
    assert_eq!(lock(&installed), new);
}

#[test]
fn another_build_with_the_same_imports_opens_and_is_recorded() {
    let dir = tempfile::tempdir().unwrap();
    let installed = Installation::at(dir.path());
    installed.succeeds(["adapters"]);
    let first = lock(&installed);
    fs::write(place(&installed), another_build(&adapter("fs"))).unwrap();
    installed.succeeds(["adapters"]);
    let second = lock(&installed);
    let differ = |(a, b): &(&str, &str)| a != b;
    let changed: Vec<_> = first.lines().zip(second.lines()).filter(differ).collect();
    assert!(
        changed.len() == 1 && changed[0].1.starts_with("sha256 = "),
        "{changed:?}"
    );
}

#[test]
fn a_component_that_imports_more_waits_until_it_is_approved() {
    let dir = tempfile::tempdir().unwrap();
    let installed = Installation::at(dir.path());
    installed.succeeds(["adapters"]);
    let before = lock(&installed);
    replace_by_one_that_imports_more(&installed);
    waits(&installed.run(["sessions"]), "imports wasi:sockets/tcp");
    assert_eq!(state(&installed, &[]), "waiting");
    let shown = installed.succeeds(["adapters", "approve", "fs", "--dry-run"]);
    assert!(
        shown.contains("  + imports wasi:sockets/tcp\n") && shown.contains("not recorded"),
        "{shown}"
    );
    assert_eq!(lock(&installed), before);
    let approved = installed.json(["adapters", "approve", "fs"]);
    assert_eq!(
        (&approved["state"], &approved["recorded"]),
        (&"wider".into(), &true.into())
    );
    assert_eq!(state(&installed, &[]), "open");
    assert_eq!(installed.json(["adapters", "approve", "fs"])["state"], "same");
    // Back again: that is less, and taken over without asking.
    put_back(&installed);
    assert_eq!(state(&installed, &[]), "open");
    assert_eq!(lock(&installed), before);
    replace_by_one_that_imports_more(&installed);
    assert_eq!(state(&installed, &[]), "waiting");
}

#[test]
fn a_manifest_that_grants_more_waits_and_one_that_grants_less_does_not() {
    let dir = tempfile::tempdir().unwrap();
    let installed = Installation::at(dir.path());
    let with_network = |network: &str| {
        let grants = format!("{}\nnetwork = [{network}]", store_grant(&installed));
        write_manifest(&installed, "", &grants);
    };
    with_network("\"https://*.example.com\"");
    installed.succeeds(["adapters"]);
    with_network("\"https://a.example.com\"");
    installed.succeeds(["adapters"]);
    assert!(lock(&installed).contains("\"https://a.example.com\""));
    with_network("{ to = \"https://a.example.com\", private = true }");
    waits(
        &installed.run(["sessions"]),
        "network { to = \"https://a.example.com\", private = true }",
    );
    with_network("\"https://a.example.com\"");
    assert_eq!(state(&installed, &[]), "open");
    // Another folder.
    let other = dir.path().join("other");
    fs::create_dir(&other).unwrap();
    write_manifest(
        &installed,
        "",
        &format!("dirs = [{{ host = {other:?}, guest = \"/data\" }}]"),
    );
    waits(&installed.run(["sessions"]), "dirs { host = ");
}

#[test]
fn who_wants_no_approvals_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let installed = Installation::at(dir.path());
    installed.succeeds(["adapters"]);
    replace_by_one_that_imports_more(&installed);
    assert_eq!(state(&installed, &[]), "waiting");
    assert_eq!(state(&installed, &["--auto-approve"]), "open");
    assert_eq!(state(&installed, &[]), "open", "it was recorded");
    fs::remove_file(installed.lock()).unwrap();
    put_back(&installed);
    installed.succeeds(["adapters"]);
    replace_by_one_that_imports_more(&installed);
    fs::write(installed.config.join("mirrorbox.toml"), "auto_approve = true\n").unwrap();
    assert_eq!(state(&installed, &[]), "open");
}

#[test]
fn what_waits_receives_nothing_and_the_command_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let installed = Installation::at(dir.path());
    let projects = dir.path().join("projects");
    fs::create_dir_all(projects.join("-srv-app")).unwrap();
    let line = "{\"type\":\"user\",\"uuid\":\"u1\",\"message\":{\"content\":\"hello\"}}\n";
    fs::write(projects.join("-srv-app/5a1e.jsonl"), line).unwrap();
    installed.succeeds(["adapters"]);
    replace_by_one_that_imports_more(&installed);
    let import = ["import", "--projects-dir", projects.to_str().unwrap()];
    let ran = installed.run(import);
    assert_ne!(ran.code, Some(0), "{ran:?}");
    assert!(ran.stderr.contains("adapters approve fs"), "{ran:?}");
    assert!(is_empty(&installed));
    installed.succeeds(["adapters", "approve", "fs"]);
    installed.succeeds(import);
    assert!(!is_empty(&installed));
}

#[test]
fn a_lock_that_was_broken_by_hand_is_told_with_its_line() {
    let dir = tempfile::tempdir().unwrap();
    let installed = Installation::at(dir.path());
    installed.succeeds(["adapters"]);
    let broken = format!("<<<<<<< HEAD\n{}", lock(&installed));
    fs::write(installed.lock(), &broken).unwrap();
    for arguments in [
        &["adapters"][..],
        &["sessions", "--auto-approve"],
        &["adapters", "approve", "fs"],
    ] {
        let ran = installed.run(arguments);
        assert_ne!(ran.code, Some(0), "{ran:?}");
        assert!(ran.stderr.contains("adapters.lock, line 1"), "{ran:?}");
    }
    assert_eq!(lock(&installed), broken);
}

#[test]
fn a_pinned_component_is_replaced_only_with_its_pin() {
    let dir = tempfile::tempdir().unwrap();
    let installed = Installation::at(dir.path());
    let inspected = installed.json(["adapters", "inspect", adapter("fs").to_str().unwrap()]);
    let pin = format!("sha256 = {}", inspected["sha256"]);
    write_manifest(&installed, &pin, &store_grant(&installed));
    installed.succeeds(["adapters"]);
    fs::write(place(&installed), another_build(&adapter("fs"))).unwrap();
    let ran = installed.run(["adapters"]);
    assert_ne!(ran.code, Some(0), "{ran:?}");
    assert!(
        ran.stderr.contains("not the component that its manifest pins"),
        "{ran:?}"
    );
    // Not even approval goes past the pin.
    assert_ne!(installed.run(["adapters", "approve", "fs"]).code, Some(0));
    assert_ne!(installed.run(["adapters", "--auto-approve"]).code, Some(0));
    put_back(&installed);
    write_manifest(&installed, &pin, &store_grant(&installed));
    installed.succeeds(["adapters"]);
}

#[test]
fn installing_what_comes_with_the_command_approves_it() {
    let dir = tempfile::tempdir().unwrap();
    let installed = Installation::at(dir.path());
    fs::write(
        installed.lock(),
        format!("[adapters.fs]\nsha256 = \"{}\"\n", "0".repeat(64)),
    )
    .unwrap();
    assert_eq!(state(&installed, &[]), "waiting");
    installed.succeeds(["adapters", "install", "fs"]);
    assert_eq!(state(&installed, &[]), "open");
    assert!(lock(&installed).contains("\"wasi:filesystem/types\""));
    // A file that a user wrote is checked like one that was copied.
    installed.succeeds([
        "adapters",
        "install",
        test_guest("faulty").to_str().unwrap(),
        "--as",
        "fs",
    ]);
    write_manifest(&installed, "[config]\nfolder = \"/data\"", &store_grant(&installed));
    assert_eq!(state(&installed, &[]), "waiting");
}

#[test]
fn an_adapter_that_is_not_there_cannot_be_approved() {
    let dir = tempfile::tempdir().unwrap();
    let installed = Installation::at(dir.path());
    let ran = installed.run(["adapters", "approve", "s3"]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(
        ran.stderr.contains("there is no adapter `s3`") && ran.stderr.contains("there are: fs"),
        "{ran:?}"
    );
}
