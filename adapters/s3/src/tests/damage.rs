use super::*;

fn corrupt(result: Result<Vec<Batch>>) -> (u64, u64, String) {
    match result {
        Err(Error::Corrupt { first, last, reason }) => (first, last, reason),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_missing_batch_is_told_with_its_neighbours_that_are_missing_too() {
    let (backend, mut s3) = Backend::with(6);
    backend.remove(&slot(3));
    backend.remove(&slot(4));
    let before = s3.load(&key(), 0, 1 << 20).unwrap();
    assert_eq!(before.len(), 2, "what is good is given first");
    let (first, last, reason) = corrupt(s3.load(&key(), 2, 1 << 20));
    assert_eq!((first, last), (3, 4));
    assert!(
        reason.contains(&format!("s3://{}/team/-srv-app/session/", backend.config.bucket)),
        "{reason}"
    );
    assert_eq!(end(&mut s3), Some(6));
}

#[test]
fn a_payload_that_was_cut_or_replaced_is_told() {
    let (backend, mut s3) = Backend::with(3);
    backend.put(&slot(2), b"{}\n");
    let (first, last, reason) = corrupt(s3.load(&key(), 1, 1));
    assert_eq!((first, last), (2, 2));
    assert!(
        reason.contains(&slot(2)) && reason.contains("another program"),
        "{reason}"
    );
    let refused = s3.append(&key(), entries(2), None);
    assert!(matches!(refused, Err(Error::Corrupt { .. })), "{refused:?}");
}

#[test]
fn a_batch_that_was_moved_is_told() {
    let (backend, mut s3) = Backend::with(3);
    backend.copy(&slot(3), &slot(2));
    let (first, last, reason) = corrupt(s3.load(&key(), 1, 1));
    assert_eq!((first, last), (2, 2));
    assert!(reason.contains("another batch"), "{reason}");
}

#[test]
fn an_object_that_is_no_batch_is_told_by_its_name() {
    let (backend, mut s3) = Backend::with(3);
    backend.put("-srv-app/session/00000000000000000002.jsonl.bak", b"");
    let (first, last, reason) = corrupt(load(&mut s3, &key()));
    assert_eq!((first, last), (3, 3));
    assert!(reason.contains("00000000000000000002.jsonl.bak"), "{reason}");
    let refused = s3.compact(&key(), 3);
    assert!(matches!(refused, Err(Error::Corrupt { .. })), "{refused:?}");
    assert_eq!(s3.list_sessions("-srv-app", None, 9).unwrap().items.len(), 1);
}

#[test]
fn what_cannot_be_taken_for_a_batch_disturbs_nobody() {
    let (backend, mut s3) = Backend::with(3);
    for name in [
        "",
        "README",
        ".DS_Store",
        "~/notes",
        "~/compacted/readme",
        "~/summaries/",
    ] {
        backend.put(&format!("-srv-app/session/{name}"), b"");
    }
    assert_eq!(numbers(&mut s3), [1, 2, 3]);
    s3.append(&key(), entries(4), Some(summary(4))).unwrap();
    assert_eq!(stored_summary(&mut s3), Some(4));
}

#[test]
fn a_damaged_tombstone_is_told_and_hides_no_other_session() {
    let (backend, mut s3) = Backend::with(3);
    s3.append(&SessionKey::main("-srv-app", "other"), entries(1), None)
        .unwrap();
    s3.append(&key(), tombstone(4), None).unwrap();
    backend.put(&slot(4), b"");
    let (first, last, _) = corrupt(load(&mut s3, &key()));
    assert_eq!((first, last), (4, 4));
    assert_eq!(s3.list_sessions("-srv-app", None, 9).unwrap().items.len(), 2);
}

#[test]
fn a_format_of_a_newer_adapter_is_no_damage() {
    let (backend, mut s3) = Backend::with(1);
    let put = backend.client.put_object().bucket(&backend.config.bucket);
    let put = put.key(format!("team/{}", slot(2))).metadata("mirrorbox", "2").send();
    backend.runtime.block_on(put).unwrap();
    let refused = s3.load(&key(), 1, 1);
    assert!(
        matches!(&refused, Err(Error::Other(text)) if text.contains("newer")),
        "{refused:?}"
    );
}
