//! Files that are no adapters, and what is said of them.

use std::fs;
use std::path::{Path, PathBuf};

use mirrorbox::adapter::{Adapter, AdapterError, ContractError, Inspection, Runtime};
use mirrorbox::config::Manifest;
use mirrorbox_e2e::adapter;
use wit_component::{ComponentEncoder, StringEncoding, dummy_module, embed_component_metadata};
use wit_parser::{ManglingAndAbi, Resolve};

/// A component that exports and imports what a changed contract says, and traps when it is called.
fn component(dir: &Path, change: impl FnOnce(String) -> String) -> PathBuf {
    let contract = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit/adapter.wit");
    let text = change(fs::read_to_string(contract).unwrap());
    let mut resolve = Resolve::default();
    let package = resolve.push_str("adapter.wit", &text).unwrap();
    let world = resolve.select_world(&[package], Some("adapter")).unwrap();
    let mut module = dummy_module(&resolve, world, ManglingAndAbi::Standard32);
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8, false).unwrap();
    let bytes = ComponentEncoder::default().module(&module).unwrap().encode().unwrap();
    let path = dir.join("mine.wasm");
    fs::write(&path, bytes).unwrap();
    path
}

fn verdict(change: impl FnOnce(String) -> String) -> Result<(), ContractError> {
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
        Err(ContractError::Mismatch { differences }) => differences,
        other => panic!("{other:?}"),
    }
}

/// The contract as data in the host is the contract in `wit/`, and the one that real components export.
#[test]
fn the_contract_and_real_components_pass() {
    assert_eq!(verdict(|text| text), Ok(()));
    let runtime = Runtime::shared(None).unwrap();
    let inspection = Inspection::of(&runtime, &adapter("fs")).unwrap();
    assert_eq!(inspection.contract, Ok(()));
    assert_eq!(inspection.exports, ["mirrorbox:adapter/session-store@0.1.0"]);
    assert!(
        inspection
            .imports
            .iter()
            .any(|name| name.starts_with("wasi:filesystem/"))
    );
    assert_eq!(inspection.sha256.len(), 64);
}

#[test]
fn another_patch_version_passes_and_another_minor_names_both() {
    let version = |version: &str| {
        let version = format!("mirrorbox:adapter@{version}");
        verdict(|text| text.replacen("mirrorbox:adapter@0.1.0", &version, 1))
    };
    assert_eq!(version("0.1.9"), Ok(()));
    let error = version("0.2.0").unwrap_err();
    assert_eq!(error, ContractError::Version { found: "0.2.0".into() });
    assert!(
        error.to_string().contains("0.2.0") && error.to_string().contains("0.1.0"),
        "{error}"
    );
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

#[test]
fn more_functions_than_the_contract_has_pass() {
    let more = |text: String| text.replacen("compact: func", "ping: func();\n  compact: func", 1);
    assert_eq!(verdict(more), Ok(()));
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
