//! Granted directories that overlap each other, or the host's own files, are refused.

use std::fs;
use std::os::unix::fs::symlink;

use super::*;

/// A folder with folders in it.
fn folders(names: &[&str]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for name in names {
        fs::create_dir_all(dir.path().join(name)).unwrap();
    }
    dir
}

/// A manifest that grants these, a line each from the second on.
fn manifest(dir: &tempfile::TempDir, name: &str, grants: &[(&str, &str)]) -> Manifest {
    let mut text = "grants.dirs = [\n".to_owned();
    for (host, mode) in grants {
        let host = dir.path().join(host);
        text += &format!(
            "{{ host = {host:?}, guest = \"/{}\", mode = \"{mode}\" }},\n",
            text.len()
        );
    }
    Manifest::parse(&Path::new("/c").join(format!("{name}.toml")), &(text + "]\n")).unwrap()
}

/// What is reported of each adapter, without the folder that all of it lies in.
fn told(dir: &tempfile::TempDir, own: &[&str], adapters: &[(&str, &[(&str, &str)])]) -> Vec<Option<String>> {
    let own: Vec<_> = own.iter().map(|path| dir.path().join(path)).collect();
    let mut grounds = Grounds::new(own.iter().map(|path| (Own::State, path.as_path())));
    for (name, grants) in adapters {
        grounds.claim(name, &mut manifest(dir, name, grants));
    }
    let root = format!("{}/", dir.path().canonicalize().unwrap().display());
    let told = adapters.iter().map(|(name, _)| grounds.overlap(name));
    told.map(|overlap| overlap.map(|overlap| overlap.to_string().replace(&root, "")))
        .collect()
}

#[test]
fn side_by_side_is_fine() {
    let dir = folders(&["a", "ab", "state"]);
    let adapters: &[(&str, &[(&str, &str)])] = &[("one", &[("a", "rw"), ("new", "rw")]), ("two", &[("ab", "rw")])];
    assert_eq!(told(&dir, &["state"], adapters), [None, None]);
}

#[test]
fn a_grant_within_another_is_told_to_both_with_both_lines() {
    let dir = folders(&["a/b/c"]);
    let [one, two] = &told(
        &dir,
        &[],
        &[("one", &[("a", "rw")]), ("two", &[("x", "ro"), ("a/b/c", "ro")])],
    )[..] else {
        panic!();
    };
    let [one, two] = [one, two].map(|told| told.as_deref().unwrap());
    assert!(one.starts_with("/c/one.toml, line 2: the granted directory a holds a/b/c, which is granted to `two` in /c/two.toml, line 3: "), "{one}");
    assert!(two.starts_with("/c/two.toml, line 3: the granted directory a/b/c lies within a, which is granted to `one` in /c/one.toml, line 2: "), "{two}");
    // Of one adapter alone, too, and where the inner one is not there yet.
    let alone = told(&dir, &[], &[("one", &[("a/new", "ro"), ("a", "rw")])]);
    assert!(
        alone[0]
            .as_deref()
            .unwrap()
            .contains("/c/one.toml, line 3: the granted directory a holds a/new"),
        "{alone:?}"
    );
}

#[test]
fn links_hide_nothing() {
    let dir = folders(&["a/b", "elsewhere"]);
    symlink(dir.path().join("a/b"), dir.path().join("elsewhere/link")).unwrap();
    symlink("a", dir.path().join("also")).unwrap();
    for (outer, inner) in [
        ("a", "elsewhere/link"),
        ("also", "elsewhere/link"),
        ("also", "a/b"),
        ("a", "also/b"),
    ] {
        let told = told(&dir, &[], &[("one", &[(outer, "rw")]), ("two", &[(inner, "rw")])]);
        assert!(told.iter().all(Option::is_some), "{outer} {inner}: {told:?}");
    }
}

#[test]
fn the_very_same_directory_may_be_read_by_several() {
    let dir = folders(&["a"]);
    symlink("a", dir.path().join("same")).unwrap();
    for (one, two, is_fine) in [
        ("ro", "ro", true),
        ("rw", "ro", false),
        ("ro", "rw", false),
        ("rw", "rw", false),
    ] {
        let told = told(&dir, &[], &[("one", &[("a", one)]), ("two", &[("same", two)])]);
        assert_eq!(told.iter().all(Option::is_none), is_fine, "{one} {two}: {told:?}");
        assert_eq!(told.iter().any(Option::is_none), is_fine, "{one} {two}: {told:?}");
    }
}

#[test]
fn what_is_the_hosts_own_is_granted_to_nobody() {
    let dir = folders(&["home/state/cache", "home/data"]);
    symlink("home/state", dir.path().join("link")).unwrap();
    for (grant, own, words) in [
        (
            "home",
            "home/state",
            "home holds home/state, where Mirrorbox keeps its own files",
        ),
        ("home", "link", "home holds home/state"),
        ("home/state", "link", "home/state is the same as home/state"),
        ("home/state/cache", "link", "home/state/cache lies within home/state"),
        ("link/new", "home/state", "link/new lies within home/state"),
    ] {
        for mode in ["ro", "rw"] {
            let told = told(&dir, &[own], &[("one", &[(grant, mode)])]);
            assert!(
                told[0].as_deref().is_some_and(|told| told.contains(words)),
                "{grant} {own}: {told:?}"
            );
        }
    }
    assert_eq!(told(&dir, &["home/state"], &[("one", &[("home/data", "rw")])]), [None]);
}

#[test]
fn what_gives_way_is_granted_no_more() {
    let dir = folders(&["a/b"]);
    let mut grounds = Grounds::default();
    grounds.claim("one", &mut manifest(&dir, "one", &[("a", "rw")]));
    grounds.claim("two", &mut manifest(&dir, "two", &[("a/b", "rw")]));
    assert!(grounds.overlap("one").is_some() && grounds.overlap("two").is_some());
    grounds.claim("one", &mut manifest(&dir, "one", &[("c", "rw")]));
    assert!(grounds.overlap("one").is_none() && grounds.overlap("two").is_none());
    grounds.claim("one", &mut manifest(&dir, "one", &[("a", "rw")]));
    grounds.release("one");
    assert!(grounds.overlap("two").is_none());
}

#[cfg(feature = "wasm")]
#[test]
fn a_settled_place_is_opened_over_no_link() {
    let dir = folders(&["a/b", "victim/b"]);
    let root = dir.path().canonicalize().unwrap();
    open(&root.join("a/b")).unwrap();
    fs::rename(root.join("a"), root.join("moved")).unwrap();
    symlink("victim", root.join("a")).unwrap();
    let error = open(&root.join("a/b")).unwrap_err().to_string();
    assert!(error.contains("a link has taken its place"), "{error}");
    symlink("../victim", root.join("moved/link")).unwrap();
    open(&root.join("moved/link")).unwrap_err();
    assert_eq!(
        open(&root.join("nothing")).unwrap_err().kind(),
        std::io::ErrorKind::NotFound
    );
}
