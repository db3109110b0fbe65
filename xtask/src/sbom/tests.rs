//! The bill of this very workspace.

use serde_json::Value;

use super::*;

#[test]
fn what_is_released_is_listed_in_the_same_bytes_each_time() {
    let workspace = Workspace::load().unwrap();
    let text = text(&workspace).unwrap();
    assert_eq!(text, super::text(&workspace).unwrap());
    let here = workspace.root.to_str().unwrap();
    assert!(!text.contains(here), "it says where it was made");

    let bill: Value = serde_json::from_str(&text).unwrap();
    let components = bill["components"].as_array().unwrap();
    let named = |name: &str| components.iter().find(|component| component["name"] == name);
    for (name, scope) in [
        ("wasmtime", "required"),
        ("mirrorbox", "required"),
        ("mirrorbox-adapter-redis", "required"),
        ("serde_derive", "excluded"),
    ] {
        assert_eq!(named(name).unwrap()["scope"], scope, "{name}");
    }
    for name in ["proptest", "mirrorbox-e2e", "xtask"] {
        assert!(named(name).is_none(), "{name} is for tests");
    }
    every_reference_leads_somewhere(&bill);
    for component in components {
        assert!(component["licenses"][0]["expression"].is_string(), "{component}");
        let is_ours = component["purl"].is_null();
        assert_eq!(is_ours, component["hashes"].is_null(), "{component}");
    }
}

fn every_reference_leads_somewhere(bill: &Value) {
    let components = bill["components"].as_array().unwrap();
    let released = [&bill["metadata"]["component"]];
    let mut references = BTreeSet::new();
    for component in components.iter().chain(released) {
        let reference = component["bom-ref"].as_str().unwrap();
        assert!(references.insert(reference), "{reference} is there twice");
    }
    let needs = bill["dependencies"].as_array().unwrap();
    assert_eq!(needs.len(), references.len());
    for needs in needs {
        let to = needs["dependsOn"].as_array().unwrap().iter().chain([&needs["ref"]]);
        for reference in to {
            assert!(
                references.contains(reference.as_str().unwrap()),
                "{reference} is not listed"
            );
        }
    }
}

#[test]
fn licences_are_spelt_as_they_are_today() {
    assert_eq!(expression("MIT/Apache-2.0").unwrap().expression, "MIT OR Apache-2.0");
    assert_eq!(
        expression("Apache-2.0 WITH LLVM-exception").unwrap().expression,
        "Apache-2.0 WITH LLVM-exception"
    );
    expression("whatever").unwrap_err();
}
