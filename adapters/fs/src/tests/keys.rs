use std::collections::BTreeSet;

use super::*;

/// Parts that a careless layout would confuse, lose, cut or follow out of the folder.
fn parts() -> Vec<String> {
    let mut parts: Vec<String> = [
        "a",
        "A",
        "a.",
        "a ",
        "a:b",
        "a/b",
        "a\\b",
        "..",
        ".",
        "../..",
        "/",
        "/etc",
        "C:",
        "%61",
        "a%2Fb",
        "~",
        "con",
        "CON",
        "nul.txt",
        ".tmp",
        ".key",
        "tombstones",
        "summary",
        "subpaths",
        "00000000000000000001.jsonl",
        "\u{e9}",
        "e\u{301}",
        "\u{1}",
        "\u{2028}",
        "\"",
        "*",
        "?",
        "-",
        "--",
        " ",
        "\u{feff}",
        "\u{1F980}",
    ]
    .map(str::to_owned)
    .into();
    for end in ["x", "X", "y"] {
        parts.push("x".repeat(4095) + end);
        parts.push("\u{e9}".repeat(2047) + end);
    }
    parts
}

fn keys() -> Vec<SessionKey> {
    let mut keys = Vec::new();
    for part in parts() {
        keys.push(SessionKey::main(part.clone(), "s"));
        keys.push(SessionKey::main("p", part.clone()));
        keys.push(SessionKey::main("p", "s").with_subpath(part.clone()));
        keys.push(SessionKey::main(part.clone(), part.clone()).with_subpath(part));
    }
    keys
}

#[test]
fn no_two_keys_share_a_place() {
    let (_backend, mut fs) = Backend::with(0);
    let batch = |at: usize| batch(1, Kind::Entries, &format!("writer-{at}"), format!("{at}\n").as_bytes());
    for (at, key) in keys().iter().enumerate() {
        fs.append(key, batch(at), None).unwrap();
    }
    for (at, key) in keys().iter().enumerate() {
        assert_eq!(load(&mut fs, key).unwrap(), [batch(at)], "{key:?}");
    }
}

#[test]
fn nothing_is_written_outside_the_folder() {
    let outside = tempfile::tempdir().unwrap();
    let root = outside.path().join("a/b/root");
    std::fs::create_dir_all(&root).unwrap();
    let mut fs = Fs::at(&root).unwrap();
    for key in keys() {
        fs.append(&key, entries(1), None).unwrap();
    }
    let count = |path: &str| std::fs::read_dir(outside.path().join(path)).unwrap().count();
    assert_eq!([count(""), count("a"), count("a/b")], [1, 1, 1]);
}

#[test]
fn listings_give_every_key_back() {
    let (_backend, mut fs) = Backend::with(0);
    for key in keys() {
        fs.append(&key, entries(1), None).unwrap();
    }
    let all: BTreeSet<_> = parts().into_iter().collect();
    let projects: BTreeSet<_> = fs.list_projects(None, 999).unwrap().items.into_iter().collect();
    assert!(projects.is_superset(&all), "{:?}", all.difference(&projects));
    let sessions = fs.list_sessions("p", None, 999).unwrap().items;
    let sessions: BTreeSet<_> = sessions.into_iter().map(|session| session.session_id).collect();
    assert!(sessions.is_superset(&all));
    let subpaths: BTreeSet<_> = fs
        .list_subkeys("p", "s", None, 999)
        .unwrap()
        .items
        .into_iter()
        .collect();
    assert_eq!(subpaths, all);
}
