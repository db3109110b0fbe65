//! What the command says of adapters and of components.

use std::fs;
use std::path::Path;

use mirrorbox::config::Manifest;
use mirrorbox_e2e::{Installation, adapter, test_guest};

#[test]
fn the_list_tells_each_adapter_apart() {
    let dir = tempfile::tempdir().unwrap();
    let installed = Installation::at(dir.path());
    let adapters = installed.config.join("adapters");
    fs::copy(test_guest("network"), adapters.join("net.wasm")).unwrap();
    fs::write(adapters.join("zero.wasm"), "text").unwrap();
    let ran = installed.run(["adapters", "--json"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let document: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    let row = |name: &str| {
        let rows = document["adapters"].as_array().unwrap();
        rows.iter().find(|row| row["name"] == name).unwrap()
    };
    let fs_row = row("fs");
    assert_eq!(fs_row["state"], "open");
    assert_eq!(fs_row["sha256"].as_str().unwrap().len(), 64);
    assert_eq!(fs_row["directories"], serde_json::json!([installed.store]));
    assert_eq!(fs_row["missing"], serde_json::json!([]));
    let imports = fs_row["imports"].as_array().unwrap();
    assert!(
        imports
            .iter()
            .any(|import| import.as_str().unwrap().starts_with("wasi:filesystem/types@"))
    );
    let missing = row("net")["missing"].to_string();
    assert!(missing.contains("HTTP") && missing.contains("TCP"), "{missing}");
    assert_eq!(row("zero")["state"], "failed");
    assert!(
        row("zero")["error"]
            .as_str()
            .unwrap()
            .contains("not begin like WebAssembly")
    );
    let table = installed.run(["adapters"]).stdout;
    let digest = &fs_row["sha256"].as_str().unwrap()[..12];
    let line = table.lines().find(|line| line.starts_with("fs ")).unwrap();
    assert!(line.contains(digest) && line.contains(" open "), "{table}");
}

#[test]
fn a_component_without_a_manifest_is_told_one() {
    let dir = tempfile::tempdir().unwrap();
    let installed = Installation::at(dir.path());
    let file = dir.path().join("mine.wasm");
    for (component, grant) in [
        (adapter("fs"), "# dirs = ["),
        (adapter("s3"), "# network = [\"https://"),
    ] {
        fs::copy(&component, &file).unwrap();
        let inspected = installed.json(["adapters", "inspect", file.to_str().unwrap()]);
        let text = inspected["manifest"].as_str().unwrap();
        let manifest = Manifest::parse(Path::new("/adapters/mine.toml"), text).unwrap();
        assert_eq!(manifest.sha256.as_deref(), inspected["sha256"].as_str());
        assert!(text.contains(grant), "{text}");
        if component == adapter("fs") {
            let printed = installed.succeeds(["adapters", "inspect", file.to_str().unwrap()]);
            assert!(printed.contains("# mine.toml") && printed.contains(text), "{printed}");
        }
    }
    fs::write(file.with_extension("toml"), "").unwrap();
    let inspected = installed.json(["adapters", "inspect", file.to_str().unwrap()]);
    assert!(inspected.get("manifest").is_none(), "{inspected}");
}
