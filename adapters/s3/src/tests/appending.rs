use super::*;

#[test]
fn what_was_appended_comes_back() {
    let (_backend, mut s3) = Backend::with(3);
    assert_eq!(load(&mut s3, &key()).unwrap(), [entries(1), entries(2), entries(3)]);
    assert_eq!(s3.end(&key()).unwrap(), Some(entries(3).position()));
}

#[test]
fn every_byte_comes_back() {
    let (_backend, mut s3) = Backend::with(0);
    let hostile: Vec<u8> = (0..=255).chain(*b"\r\n\n\0\xFF\xFE\n").collect();
    let batches = [
        batch(1, Kind::Entries, "w", &hostile),
        batch(2, Kind::Entries, "w", b""),
        batch(3, Kind::Claim, " \"\\\u{1}\r\n\u{2028}\u{fffd}, ", b""),
        batch(4, Kind::Entries, "", &hostile.repeat(10_000)),
    ];
    for batch in &batches {
        s3.append(&key(), batch.clone(), None).unwrap();
    }
    assert_eq!(load(&mut s3, &key()).unwrap(), batches);
}

#[test]
fn a_payload_of_the_greatest_size_comes_back() {
    let (_backend, mut s3) = Backend::with(0);
    let payload = b"{\"long\":\"line\"}\n".repeat((128 << 20) / 16);
    let batch = batch(1, Kind::Entries, "us", &payload);
    s3.append(&key(), batch.clone(), None).unwrap();
    assert!(s3.load(&key(), 0, 1).unwrap() == [batch]);
}

#[test]
fn a_retry_succeeds_and_changes_nothing() {
    let (_backend, mut s3) = Backend::with(2);
    s3.append(&key(), entries(1), None).unwrap();
    s3.append(&key(), entries(2), None).unwrap();
    assert_eq!(numbers(&mut s3), [1, 2]);
}

#[test]
fn a_taken_number_is_a_conflict_and_changes_nothing() {
    let (_backend, mut s3) = Backend::with(2);
    let refused = s3.append(&key(), foreign(2), Some(summary(7)));
    assert_eq!(refused, Err(Error::Conflict));
    assert_eq!(load(&mut s3, &key()).unwrap(), [entries(1), entries(2)]);
    assert_eq!(stored_summary(&mut s3), Some(2));
}

#[test]
fn a_retry_stores_the_summary() {
    let (_backend, mut s3) = Backend::with(0);
    s3.append(&key(), entries(1), None).unwrap();
    assert_eq!(stored_summary(&mut s3), None);
    s3.append(&key(), entries(1), Some(summary(1))).unwrap();
    assert_eq!(stored_summary(&mut s3), Some(1));
}

#[test]
fn the_summary_that_reaches_furthest_counts() {
    let (backend, mut s3) = Backend::with(30);
    s3.append(&key(), entries(2), Some(summary(2))).unwrap();
    assert_eq!(stored_summary(&mut s3), Some(30));
    let kept = backend.beside("summaries");
    assert!(kept.len() < 12, "those that were replaced are removed: {kept:?}");
}

#[test]
fn a_batch_is_its_payload_and_metadata() {
    let (backend, mut s3) = Backend::with(0);
    let agent = key().with_subpath("subagents/agent-1");
    s3.append(&agent, entries(12), None).unwrap();
    let object = "-srv-app/session/subagents%2Fagent-1/00000000000000000012.jsonl";
    assert_eq!(backend.objects(), [object]);
    assert_eq!(backend.get(object), b"{\"line\":12}\n");
    let head = backend.client.head_object().bucket(&backend.config.bucket);
    let head = head.key(format!("team/{object}")).send();
    let mut metadata: Vec<_> = backend
        .runtime
        .block_on(head)
        .unwrap()
        .metadata
        .unwrap()
        .into_iter()
        .collect();
    metadata.sort();
    let expected = [
        ("bytes", "12"),
        ("digest", "us-entries-12"),
        ("kind", "entries"),
        ("line", "120"),
        ("mirrorbox", "1"),
        ("number", "12"),
        ("writer", "us"),
    ];
    assert_eq!(
        metadata,
        expected.map(|(name, value)| (name.to_owned(), value.to_owned()))
    );
}

#[test]
fn a_writer_that_no_metadata_can_carry_is_rejected() {
    let (backend, mut s3) = Backend::with(0);
    let refused = s3.append(&key(), batch(1, Kind::Claim, &"w".repeat(2000), b""), None);
    assert!(matches!(refused, Err(Error::Rejected(_))), "{refused:?}");
    assert!(backend.objects().is_empty());
}
