//! `adapters check FILE`: ways to break the contract, each by a real component, and what the command says of them.

use std::fs;
use std::path::{Path, PathBuf};

use mirrorbox_e2e::{Installation, adapter, test_guest};
use serde_json::Value;

/// What is wrong with a component, and the checks that are to find it.
const FAULTS: &[(&str, &[&str])] = &[
    ("boasts", &["capabilities-honest"]),
    ("fails-to-compact", &["compact"]),
    ("loses", &["append-load"]),
    ("spills", &["append-first"]),
    ("refuses-retries", &["append-retry", "race-same-batch"]),
    (
        "accepts-conflicts",
        &["append-conflict", "race-hosts", "race-tombstone"],
    ),
    ("looks-then-leaps", &["race-one-wins"]),
    ("cuts-long-payloads", &["payload-sizes"]),
    ("ends-lines", &["payload-bytes"]),
    ("refuses-large", &["payload-sizes"]),
    ("folds-writers", &["batch-fields"]),
    ("folds-sessions", &["keys-apart"]),
    ("answers-first", &["durable-append"]),
    ("syncs-nothing", &["durable-append", "durable-delete"]),
    ("syncs-no-folder", &["durable-append", "durable-delete"]),
    ("forgets-summaries", &["summary-further"]),
    ("forgets-summaries-of-retries", &["summary-retry"]),
    ("keeps-summaries-of-conflicts", &["summary-conflict"]),
    ("keeps-summaries", &["delete-session"]),
    ("ignores-limits", &["load-pages"]),
    ("fails-beyond-the-end", &["load-after"]),
    ("forgetful", &["load-repeats"]),
    ("stops-at-hundred", &["load-many"]),
    ("overlooks-tombstones", &["end"]),
    ("hides-nothing", &["tombstone-hides"]),
    ("counts-tombstones", &["tombstone-number", "race-delete"]),
    ("takes-late-batches", &["tombstone-late"]),
    ("never-revives", &["tombstone-revival"]),
    ("lists-main", &["subkeys"]),
    ("drops-subpath-pages", &["subkeys-pages"]),
    ("lists-buried", &["subkeys-tombstone", "session-tombstone"]),
    ("folds-listings", &["keys-listed"]),
    ("doubles-projects", &["projects"]),
    ("counts-one-too-many", &["sessions", "session-isolated"]),
    ("lists-subpaths-only", &["sessions-subpath-only"]),
    ("drops-session-pages", &["sessions-pages"]),
    ("finds-by-prefix", &["session-found"]),
    ("counts-seconds", &["session-modified"]),
    ("deletes-nothing", &["delete"]),
    ("refuses-second-deletes", &["delete-retry", "delete-resumed"]),
    ("accepts-delete-conflicts", &["delete-conflict"]),
    ("leaves-no-trace", &["delete-first"]),
    ("deletes-children", &["delete-one-key"]),
];

/// A component with one thing wrong with it, as its manifest says, and no configuration anywhere.
struct Bench {
    dir: tempfile::TempDir,
    installed: Installation,
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        // What it compiles is kept for the next run of the tests.
        let installed = Installation {
            config: dir.path().join("nowhere"),
            state: mirrorbox_e2e::target_dir().join("checked-by-tests"),
            store: dir.path().join("nowhere"),
        };
        Self { dir, installed }
    }

    fn manifest(&self, fault: &str) -> PathBuf {
        let path = self.dir.path().join(format!("{fault}.toml"));
        let text = format!(
            "memory = \"128MiB\"\n[config]\nfault = \"{fault}\"\n[grants]\ndirs = [{{ host = \"/var/lib/mine\", guest = \
             \"/data\" }}]\n"
        );
        fs::write(&path, text).unwrap();
        path
    }

    /// The document of a check, and its exit code.
    fn check(&self, component: &Path, fault: &str, only: &str) -> (Value, Option<i32>) {
        let manifest = self.manifest(fault);
        let arguments = [
            "adapters",
            "check",
            component.to_str().unwrap(),
            "--with",
            manifest.to_str().unwrap(),
            "--only",
            only,
            "--json",
        ];
        let ran = self.installed.run(arguments);
        let document = serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{fault}, {only}: {ran:?}"));
        (document, ran.code)
    }
}

fn outcome<'a>(document: &'a Value, check: &str) -> &'a Value {
    let checks = document["checks"].as_array().unwrap();
    let named = checks.iter().find(|one| one["name"] == check);
    named.unwrap_or_else(|| panic!("no check {check}: {document}"))
}

#[test]
fn each_broken_rule_is_named_by_its_check() {
    let bench = Bench::new();
    let component = test_guest("broken");
    for (fault, rules) in FAULTS {
        for rule in *rules {
            let (document, code) = bench.check(&component, fault, rule);
            let found = outcome(&document, rule);
            assert_eq!(
                (&found["outcome"], code),
                (&"failed".into(), Some(1)),
                "{fault}: {document}"
            );
        }
    }
}

/// So that the faults above are what is found, and not the component around them.
#[test]
fn the_same_component_without_a_fault_passes_every_check() {
    let bench = Bench::new();
    let (document, code) = bench.check(&test_guest("broken"), "none", "");
    assert_eq!((&document["passed"], code), (&true.into(), Some(0)), "{document}");
    let checks = document["checks"].as_array().unwrap();
    assert!(checks.iter().all(|check| check["outcome"] == "passed"), "{document}");
    // Each rule has a component that breaks it, or more.
    let broken: Vec<_> = FAULTS.iter().flat_map(|(_, rules)| *rules).collect();
    for check in checks {
        assert!(
            broken.iter().any(|rule| check["name"] == **rule),
            "nothing breaks {check}"
        );
    }
    let pace = &document["pace"];
    assert!(
        pace["append_ratio"].as_f64().is_some_and(|ratio| ratio > 0.0),
        "{document}"
    );
}

/// However often it crashes, the next call reaches it, and its last words are in the failure.
#[test]
fn a_crash_is_explained_with_what_the_component_printed() {
    let bench = Bench::new();
    for (fault, printed, meaning) in [
        ("panics", "this adapter has no idea what to do", "a panic or an abort"),
        ("exits", "that is enough", "it ended by `exit`"),
        ("recurses", "", "its stack is full"),
        ("hungry", "", "more memory than its manifest allows"),
    ] {
        let (document, _) = bench.check(&test_guest("broken"), fault, "append");
        for check in document["checks"].as_array().unwrap() {
            if check["outcome"] == "skipped" {
                continue;
            }
            let reason = check["reason"].as_str().unwrap_or_default();
            assert!(reason.contains(meaning), "{fault}: {check}");
            assert!(!reason.contains("tried again in"), "{fault}: {check}");
            let call = &check["call"];
            assert!(
                call["function"].as_str().unwrap().starts_with("append of batch "),
                "{check}"
            );
            assert!(
                call["key"][0].as_str().unwrap().starts_with("mirrorbox-check-"),
                "{check}"
            );
            let said = call["said"].as_array().map(Vec::as_slice).unwrap_or_default();
            let is_said = said.iter().any(|line| line.as_str().unwrap().contains(printed));
            assert!(printed.is_empty() || is_said, "{fault}: {check}");
        }
    }
    let (document, _) = bench.check(&test_guest("broken"), "collects", "payload-sizes");
    let reason = outcome(&document, "payload-sizes")["reason"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(reason.contains("handing it its arguments"), "{reason}");
}

/// What people see: the rule, the call, the key and the component's own words.
#[test]
fn a_failure_says_what_where_and_what_was_printed() {
    let bench = Bench::new();
    let manifest = bench.manifest("panics");
    let component = test_guest("broken");
    let report = bench.dir.path().join("report.xml");
    let arguments = [
        "adapters",
        "check",
        component.to_str().unwrap(),
        "--with",
        manifest.to_str().unwrap(),
        "--only",
        "append-load",
        "--junit",
        report.to_str().unwrap(),
    ];
    let ran = bench.installed.run(arguments);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let lines: Vec<_> = ran.stdout.lines().collect();
    assert!(lines[0].starts_with("CHECK"), "{ran:?}");
    assert!(lines[1].starts_with("append-load  FAILED"), "{ran:?}");
    let failure = &lines[3..];
    assert!(
        failure[0].starts_with(
            "append-load: append of batch 1 failed: the adapter crashed: wasm trap: wasm `unreachable` instruction executed; \
             it gave up by itself: a panic or an abort"
        ),
        "{ran:?}"
    );
    assert!(
        failure[1].starts_with("  the rule: after an append, `load` returns the batch"),
        "{ran:?}"
    );
    assert!(
        failure[2].starts_with("  the call: append of batch 1, project \"mirrorbox-check-")
            && failure[2].ends_with(", session \"session\""),
        "{ran:?}"
    );
    assert_eq!(failure[3], "  it printed:");
    assert!(
        failure[4..].contains(&"    this adapter has no idea what to do"),
        "{ran:?}"
    );
    assert!(
        failure
            .last()
            .unwrap()
            .starts_with("broken: 0 passed, 1 failed, 0 skipped"),
        "{ran:?}"
    );
    assert!(!ran.stderr.contains("WARN"), "nothing is said twice: {ran:?}");
    let report = fs::read_to_string(report).unwrap();
    assert!(
        report.contains("failures=\"1\"") && report.contains("this adapter has no idea"),
        "{report}"
    );
}

/// No configuration, no manifest, no server: the folder that it can use is made up.
#[test]
fn a_component_alone_is_checked_in_a_folder_of_its_own() {
    let bench = Bench::new();
    let component = bench.dir.path().join("mine.wasm");
    fs::copy(adapter("fs"), &component).unwrap();
    let ran = bench.installed.run([
        "adapters",
        "check",
        component.to_str().unwrap(),
        "--only",
        "append-load",
    ]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(
        ran.stderr
            .contains("mine has no manifest: it is granted an empty folder as /data"),
        "{ran:?}"
    );
    // This one wants its folder named by a setting.
    let component = test_guest("plain");
    let ran = bench
        .installed
        .run(["adapters", "check", component.to_str().unwrap(), "--only", "durable"]);
    assert!(ran.stderr.contains("is taken to be its folder: /data"), "{ran:?}");
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(!bench.installed.config.exists(), "no configuration was made");
}

/// What a preview 1 component cannot do is a warning that names it, where another's neglect is a failure.
#[test]
fn a_component_of_preview_1_is_warned_that_it_cannot_sync_folders() {
    let bench = Bench::new();
    let component = bench.dir.path().join("adapted.wasm");
    let mut bytes = fs::read(test_guest("broken")).unwrap();
    bytes.extend(preview1_section());
    fs::write(&component, bytes).unwrap();
    let (document, code) = bench.check(&component, "syncs-no-folder", "durable-append");
    let found = outcome(&document, "durable-append");
    assert_eq!((&found["outcome"], code), (&"warned".into(), Some(0)), "{document}");
    let reason = found["reason"].as_str().unwrap();
    assert!(
        reason.contains("preview 1") && reason.contains("wasm32-wasip2"),
        "{reason}"
    );
    let (document, code) = bench.check(&component, "syncs-nothing", "durable-append");
    let found = outcome(&document, "durable-append");
    assert_eq!((&found["outcome"], code), (&"failed".into(), Some(1)), "{document}");
}

/// A core module that imports from preview 1, as a section of a component: id, length, module.
fn preview1_section() -> Vec<u8> {
    let module = b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x02\x22\x01\x16wasi_snapshot_preview1\x07fd_sync\0\0";
    let mut section = vec![1, module.len() as u8];
    section.extend(module);
    section
}

#[test]
fn what_is_inspected_is_compiled_for_what_follows() {
    let dir = tempfile::tempdir().unwrap();
    let installed = Installation::at(dir.path());
    let component = test_guest("plain");
    let cached = || fs::read_dir(installed.state.join("cache")).map_or(0, Iterator::count);
    assert_eq!(cached(), 0);
    let ran = installed.run(["adapters", "inspect", component.to_str().unwrap()]);
    assert!(ran.stdout.contains("language  Rust"), "{ran:?}");
    assert_eq!(cached(), 1);
    installed.run([
        "adapters",
        "check",
        component.to_str().unwrap(),
        "--only",
        "append-load",
    ]);
    installed.run(["adapters", "install", component.to_str().unwrap()]);
    assert_eq!(cached(), 1, "it was compiled once");
}
