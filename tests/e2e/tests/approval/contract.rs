//! Files that are no adapters, and what is said of them.

use std::fs;
use std::path::{Path, PathBuf};

use mirrorbox::adapter::{Adapter, AdapterError, ContractError, Inspection, Runtime};
use mirrorbox::config::Manifest;
use mirrorbox_e2e::{adapter, dummy_component};

/// A component that exports and imports what a changed contract says, and traps when it is called.
fn component(dir: &Path, change: impl FnOnce(String) -> String) -> PathBuf {
    let contract = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit/adapter.wit");
    write(dir, &[change(fs::read_to_string(contract).unwrap())])
}

/// A component of the world `adapter` in the last of these packages.
fn write(dir: &Path, packages: &[String]) -> PathBuf {
    let path = dir.join("mine.wasm");
    fs::write(&path, dummy_component(packages)).unwrap();
    path
}

fn verdict(change: impl FnOnce(String) -> String) -> Result<&'static str, ContractError> {
    let dir = tempfile::tempdir().unwrap();
    let runtime = Runtime::shared(None).unwrap();
    Inspection::of(&runtime, &component(dir.path(), change))
        .unwrap()
        .contract
}

fn differences(from: &str, to: &str) -> Vec<String> {
    match verdict(|text| {
        assert!(text.contains(from), "{from}");
        text.replacen(from, to, 1)
    }) {
        Err(ContractError::Mismatch { differences, .. }) => differences,
        other => panic!("{other:?}"),
    }
}

/// The contract as data in the host is the contract in `wit/`, and the one that real components export.
#[test]
fn the_contract_and_real_components_pass() {
    assert_eq!(verdict(|text| text), Ok("0.1.0"));
    let runtime = Runtime::shared(None).unwrap();
    let inspection = Inspection::of(&runtime, &adapter("fs")).unwrap();
    assert_eq!(inspection.contract, Ok("0.1.0"));
    assert_eq!(inspection.exports, ["mirrorbox:adapter/session-store@0.1.0"]);
    assert!(
        inspection
            .imports
            .iter()
            .any(|name| name.starts_with("wasi:filesystem/"))
    );
    assert_eq!(inspection.sha256.len(), 64);
}

/// The contract under another version; none: without any.
fn at_version(text: &str, version: &str) -> String {
    let package = match version {
        "" => "mirrorbox:adapter".to_owned(),
        version => format!("mirrorbox:adapter@{version}"),
    };
    assert!(text.contains("mirrorbox:adapter@0.1.0"));
    text.replacen("mirrorbox:adapter@0.1.0", &package, 1)
}

#[test]
fn every_other_version_is_told_with_what_to_do() {
    let version = |version: &str| verdict(|text| at_version(&text, version));
    assert_eq!(version("0.1.9"), Ok("0.1.0"));
    let found = |text: &str| vec![text.to_owned()];
    for (text, expected, words) in [
        (
            "0.0.9",
            ContractError::Older { found: found("0.0.9") },
            &[
                "version 0.0.9",
                "older than what this host speaks, 0.1.0",
                "from the contract 0.1.0",
            ][..],
        ),
        (
            "0.1.0-rc.1",
            ContractError::Older {
                found: found("0.1.0-rc.1"),
            },
            &["0.1.0-rc.1", "older"],
        ),
        (
            "0.2.0",
            ContractError::Newer { found: found("0.2.0") },
            &[
                "version 0.2.0",
                "newer than what this host speaks, 0.1.0",
                "newer Mirrorbox",
                "from the contract 0.1.0",
            ],
        ),
        (
            "1.0.0",
            ContractError::Newer { found: found("1.0.0") },
            &["version 1.0.0", "newer Mirrorbox"],
        ),
        (
            "",
            ContractError::Unversioned,
            &["without a version", "0.1.0", "from the contract 0.1.0"],
        ),
    ] {
        let error = version(text).unwrap_err();
        assert_eq!(error, expected);
        for word in words {
            assert!(error.to_string().contains(word), "{word}: {error}");
        }
    }
}

#[test]
fn of_several_versions_the_one_that_both_sides_speak_is_taken() {
    let contract = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit/adapter.wit");
    let contract = fs::read_to_string(contract).unwrap();
    let both = |exports: &[&str]| {
        let dir = tempfile::tempdir().unwrap();
        let mut packages: Vec<_> = exports.iter().map(|version| at_version(&contract, version)).collect();
        let lines: Vec<_> = exports
            .iter()
            .map(|version| format!("export mirrorbox:adapter/session-store@{version};"))
            .collect();
        packages.push(format!("package test:both;\nworld adapter {{ {} }}\n", lines.join(" ")));
        let runtime = Runtime::shared(None).unwrap();
        Inspection::of(&runtime, &write(dir.path(), &packages))
            .unwrap()
            .contract
    };
    assert_eq!(both(&["0.1.0", "0.2.0"]), Ok("0.1.0"));
    assert_eq!(both(&["0.2.0", "0.1.3"]), Ok("0.1.0"));
    let Err(ContractError::Newer { mut found }) = both(&["0.2.0", "0.0.9"]) else {
        panic!("no version is left that both speak");
    };
    found.sort();
    assert_eq!(found, ["0.0.9", "0.2.0"]);
}

#[test]
fn each_difference_is_named_by_function_and_field() {
    assert_eq!(
        differences("line: u64,", "line: u32,"),
        [
            "append: parameter `batch`, field `line`: expected u64, found u32",
            "load: result, ok, item, field `line`: expected u64, found u32",
            "delete: parameter `tombstone`, field `line`: expected u64, found u32",
        ]
    );
    assert_eq!(
        differences("\n  end: func(", "\n  finish: func("),
        ["end: the function is missing"]
    );
    let lines = differences("claim,", "claim,\n    lease,");
    assert_eq!(
        lines[0],
        "append: parameter `batch`, field `kind`, case `lease` is not in the contract"
    );
    let lines = differences("compaction,\n  }", "compacting,\n  }");
    assert_eq!(
        lines,
        [
            "open: result, ok, field `capabilities`, flag `compaction` is missing",
            "open: result, ok, field `capabilities`, flag `compacting` is not in the contract",
        ]
    );
    let lines = differences("throttled(u32)", "throttled(string)");
    assert_eq!(lines.len(), 10, "every function can fail: {lines:?}");
    assert!(
        lines[0].ends_with("error, case `throttled`: expected u32, found string"),
        "{lines:?}"
    );
}

/// Deep inside, and with what to do about it.
#[test]
fn a_mismatch_says_where_what_and_what_to_do() {
    let changed = |from: &str, to: &str| {
        let error = verdict(|text| {
            assert!(text.contains(from), "{from}");
            text.replacen(from, to, 1)
        });
        error.unwrap_err().to_string()
    };
    for (from, to, expected) in [
        (
            "json: string,",
            "json: list<u8>,",
            "list-sessions: result, ok, field `sessions`, item, field `summary`, field `json`: expected string, found \
             list<u8>",
        ),
        (
            "reason: string,",
            "reason: option<string>,",
            "end: result, error, case `corrupt`, field `reason`: expected string, found option<string>",
        ),
        (
            "max-bytes: u32)",
            "max-bytes: u64)",
            "load: parameter `max-bytes`: expected u32, found u64",
        ),
    ] {
        let error = changed(from, to);
        for text in [expected, "contract 0.1.0", "from the contract 0.1.0"] {
            assert!(error.contains(text), "{text}: {error}");
        }
    }
}

/// An interface that the host has, with a function that it does not have: told in the component's words.
#[test]
fn a_function_that_a_later_wasi_added_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let contract = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit/adapter.wit");
    let random = "package wasi:random@0.2.99;\ninterface random { get-random-fortune: func() -> string; }\n";
    let contract = fs::read_to_string(contract).unwrap();
    let importing = contract.replacen(
        "world adapter {",
        "world adapter {\n import wasi:random/random@0.2.99;",
        1,
    );
    assert_ne!(contract, importing);
    let path = write(dir.path(), &[random.to_owned(), importing]);
    let error = Inspection::of(&Runtime::shared(None).unwrap(), &path)
        .unwrap()
        .contract
        .unwrap_err();
    let imports = vec!["`get-random-fortune` of wasi:random/random@0.2.99".to_owned()];
    assert_eq!(error, ContractError::Imports { imports });
}

#[test]
fn more_functions_than_the_contract_has_pass() {
    let more = |text: String| text.replacen("compact: func", "ping: func();\n  compact: func", 1);
    assert_eq!(verdict(more), Ok("0.1.0"));
}

#[test]
fn what_does_not_export_the_contract_is_told_what_it_exports() {
    let error = verdict(|text| text.replace("session-store", "key-value")).unwrap_err();
    let ContractError::NotAnAdapter { exports } = error else {
        panic!("{error}");
    };
    assert_eq!(exports, ["mirrorbox:adapter/key-value@0.1.0"]);
}

#[test]
fn imports_that_nothing_provides_are_named() {
    let vault = |text: String| {
        text.replacen(
            "world adapter {",
            "interface vault { secret: func() -> string; }\nworld adapter {\n import vault;",
            1,
        )
    };
    let error = verdict(vault).unwrap_err();
    assert_eq!(
        error,
        ContractError::Imports {
            imports: vec!["mirrorbox:adapter/vault@0.1.0".into()]
        }
    );
}

#[tokio::test]
async fn what_is_no_component_is_refused_with_what_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let whole = fs::read(adapter("fs")).unwrap();
    let cut = &whole[..whole.len() / 2];
    for (content, expected) in [
        (&b""[..], "the file is empty"),
        (b"#!/bin/sh\n", "does not begin like WebAssembly"),
        (b"\0asm\x01\0\0\0", "core module"),
        (cut, "copy it again"),
    ] {
        let path = dir.path().join("mine.wasm");
        fs::write(&path, content).unwrap();
        let error = load(&path, &Manifest::default()).await.unwrap_err();
        assert!(matches!(error, AdapterError::NotAComponent { .. }), "{error}");
        let text = error.to_string();
        assert!(text.contains(expected) && text.contains("mine.wasm"), "{text}");
    }
    let error = load(&dir.path().join("absent.wasm"), &Manifest::default())
        .await
        .unwrap_err();
    assert!(matches!(error, AdapterError::Read { .. }), "{error}");
}

#[tokio::test]
async fn a_pinned_digest_refuses_every_other_file() {
    let pinned = format!("sha256 = \"{}\"", "0".repeat(64));
    let manifest = Manifest::parse(Path::new("/a/fs.toml"), &pinned).unwrap();
    let error = load(&adapter("fs"), &manifest).await.unwrap_err();
    assert!(matches!(error, AdapterError::Digest { .. }), "{error}");
}

async fn load(path: &Path, manifest: &Manifest) -> Result<Adapter, AdapterError> {
    Adapter::load(&Runtime::shared(None)?, "mine", path, manifest).await
}
