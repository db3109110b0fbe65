use super::*;

fn batch(number: u64, digest: &str) -> Batch {
    Batch {
        number,
        kind: mirrorbox_adapter::Kind::Entries,
        writer: "writer".to_owned(),
        line: 0,
        digest: digest.to_owned(),
        payload: b"{}\n".to_vec(),
    }
}

/// Natively an adapter is an ordinary value. `mirrorbox adapters check` tries every rule on the component.
#[test]
fn a_retry_is_no_conflict_and_another_batch_is_one() {
    let root = tempfile::tempdir().unwrap();
    let mut plain = Plain::open(&Settings::from_pairs([("root", root.path().display())])).unwrap();
    let key = SessionKey::main("-srv-app", "session");
    assert_eq!(plain.end(&key), Ok(None));
    plain.append(&key, batch(1, "a"), None).unwrap();
    plain.append(&key, batch(1, "a"), None).unwrap();
    assert_eq!(plain.append(&key, batch(1, "b"), None), Err(Error::Conflict));
    assert_eq!(plain.load(&key, 0, 0).unwrap(), [batch(1, "a")]);
}

#[test]
fn subpaths_come_in_pages() {
    let root = tempfile::tempdir().unwrap();
    let mut plain = Plain::open(&Settings::from_pairs([("root", root.path().display())])).unwrap();
    let main = SessionKey::main("-srv-app", "session");
    for subpath in ["a", "b/c", "d"] {
        plain
            .append(&main.with_subpath(subpath), batch(1, subpath), None)
            .unwrap();
    }
    let first = plain.list_subkeys("-srv-app", "session", None, 2).unwrap();
    assert_eq!(first.items, ["a", "b/c"]);
    let rest = plain
        .list_subkeys("-srv-app", "session", first.next.as_deref(), 2)
        .unwrap();
    assert_eq!((rest.items, rest.next), (vec!["d".to_owned()], None));
}
