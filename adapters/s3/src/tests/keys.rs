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
        "~/key",
        "0",
        "%30",
        "compacted",
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
        parts.push("7".repeat(4095) + end);
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
    let (_backend, mut s3) = Backend::with(0);
    let batch = |at: usize| batch(1, Kind::Entries, &format!("writer-{at}"), format!("{at}\n").as_bytes());
    for (at, key) in keys().iter().enumerate() {
        s3.append(key, batch(at), None).unwrap();
    }
    for (at, key) in keys().iter().enumerate() {
        assert_eq!(load(&mut s3, key).unwrap(), [batch(at)], "{key:?}");
    }
}

#[test]
fn nothing_is_written_outside_the_prefix() {
    let (backend, mut s3) = Backend::with(0);
    for key in keys() {
        s3.append(&key, entries(1), None).unwrap();
    }
    // Strips the prefix, or fails.
    for key in backend.objects() {
        assert!(key.len() + "team/".len() <= 1024, "{key}");
        let folders: Vec<_> = key.split('/').collect();
        assert!(folders.iter().all(|name| !matches!(*name, "" | "." | "..")), "{key}");
    }
}

#[test]
fn listings_give_every_key_back() {
    let (_backend, mut s3) = Backend::with(0);
    for key in keys() {
        s3.append(&key, entries(1), None).unwrap();
    }
    let all: BTreeSet<_> = parts().into_iter().collect();
    let projects: BTreeSet<_> = s3.list_projects(None, 999).unwrap().items.into_iter().collect();
    assert!(projects.is_superset(&all), "{:?}", all.difference(&projects));
    let sessions = s3.list_sessions("p", None, 999).unwrap().items;
    let sessions: BTreeSet<_> = sessions.into_iter().map(|session| session.session_id).collect();
    assert!(sessions.is_superset(&all));
    let subpaths: BTreeSet<_> = s3
        .list_subkeys("p", "s", None, 999)
        .unwrap()
        .items
        .into_iter()
        .collect();
    assert_eq!(subpaths, all);
}
