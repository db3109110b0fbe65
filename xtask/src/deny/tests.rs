//! Each rule is broken once.

use super::*;

const POLICY: &str = r#"
    graph.targets = []
    advisories.yanked = "deny"
    [licenses]
    allow = ["MIT", "Apache-2.0 WITH LLVM-exception"]
    include-build = true
    include-dev = true
    unused-allowed-license = "deny"
    [bans]
    multiple-versions = "deny"
    wildcards = "allow"
    deny = [{ crate = "openssl-sys", reason = "no C" }]
    skip = [{ crate = "twice@1.0.0", reason = "another needs it" }]
    [sources]
    unknown-registry = "deny"
    unknown-git = "deny"
    allow-registry = ["https://registry.example/index"]
"#;

fn policy() -> Policy {
    Policy::parse(POLICY).unwrap()
}

/// Packages given as name, version, licence; those without a licence name none.
fn dependencies(packages: &[(&str, &str, &str)]) -> Dependencies {
    let package = |(name, version, licence): &(&str, &str, &str)| {
        let licence = Some(*licence).filter(|licence| !licence.is_empty());
        serde_json::json!({
            "id": format!("{name}@{version}"), "name": name, "version": version, "license": licence,
            "source": "registry+https://registry.example/index", "repository": null, "targets": [],
        })
    };
    let packages: Vec<_> = packages.iter().map(package).collect();
    let metadata = serde_json::json!({ "packages": packages, "resolve": { "nodes": [] } });
    Dependencies::from_metadata(&metadata.to_string()).unwrap()
}

#[test]
fn licences_are_allowed_by_their_expressions() {
    let llvm = ("llvm", "1.0.0", "Apache-2.0 WITH LLVM-exception");
    let complain = |licence: &str| licences(&policy(), &dependencies(&[llvm, ("one", "1.0.0", licence)])).unwrap();
    for fine in ["MIT", "MIT/Apache-2.0", "GPL-3.0 OR MIT"] {
        let complaints = complain(fine);
        assert_eq!(complaints, [] as [&str; 0], "{fine}");
    }
    for refused in ["GPL-3.0-only", "MIT AND Apache-2.0", "Apache-2.0"] {
        let complaints = complain(refused);
        assert!(
            complaints.iter().any(|one| one.ends_with(refused)),
            "{refused}: {complaints:?}"
        );
    }
    assert_eq!(complain("")[0], "one 1.0.0 names no licence");
}

#[test]
fn a_licence_that_nothing_has_is_not_allowed_in_vain() {
    let complaints = licences(&policy(), &dependencies(&[("one", "1.0.0", "MIT")])).unwrap();
    assert_eq!(complaints.len(), 1);
    assert!(complaints[0].contains("LLVM-exception: take it out"), "{complaints:?}");
}

#[test]
fn bans_and_second_versions_are_found_and_lists_are_kept_short() {
    let complain = |packages: &[(&str, &str, &str)]| bans(&policy(), &dependencies(packages));
    let (old, new) = (("twice", "1.0.0+wasi", "MIT"), ("twice", "2.0.0", "MIT"));
    assert_eq!(complain(&[old, new]), [] as [&str; 0]);
    assert_eq!(
        complain(&[new]),
        ["twice@1.0.0 is no second version: take it out of `skip`"]
    );
    assert_eq!(complain(&[]), ["twice@1.0.0 is not depended on: take it out of `skip`"]);
    assert_eq!(
        complain(&[old, new, ("twice", "3.0.0", "MIT")]),
        ["twice is there in the versions 2.0.0 and 3.0.0"]
    );
    assert_eq!(
        complain(&[old, new, ("openssl-sys", "0.9.0", "MIT")]),
        ["openssl-sys 0.9.0 is banned: no C"]
    );
}

#[test]
fn only_named_registries_with_checksums_are_sources() {
    let locked = |source: &str, checksum: Option<&str>| Locked {
        name: "one".into(),
        version: "1.0.0".into(),
        source: Some(source.into()).filter(|source: &String| !source.is_empty()),
        checksum: checksum.map(str::to_owned),
    };
    let registry = "registry+https://registry.example/index";
    for (one, complaint) in [
        (locked("", None), None),
        (locked(registry, Some("00")), None),
        (locked(registry, None), Some("no checksum")),
        (
            locked("registry+https://other.example/index", Some("00")),
            Some("comes from"),
        ),
        (locked("git+https://git.example/one#1234", None), Some("comes from")),
    ] {
        let complaints = sources(&policy(), std::slice::from_ref(&one));
        assert_eq!(complaints.len(), complaint.iter().len(), "{one:?}");
        assert!(
            complaint.is_none_or(|part| complaints[0].contains(part)),
            "{complaints:?}"
        );
    }
}

#[test]
fn a_setting_that_would_not_be_checked_is_refused() {
    for (from, to) in [
        ("multiple-versions = \"deny\"", "multiple-versions = \"warn\""),
        ("[bans]", "[bans]\nskip-tree = []"),
        ("[licenses]", "[licenses]\nexceptions = []"),
        ("include-dev = true", "include-dev = false"),
    ] {
        assert!(POLICY.contains(from));
        Policy::parse(&POLICY.replace(from, to)).unwrap_err();
    }
}

#[test]
fn this_workspace_keeps_its_policy() {
    run(&Workspace::load().unwrap()).unwrap();
}
