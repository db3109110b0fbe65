use super::*;

#[test]
fn what_was_appended_comes_back() {
    let (_backend, mut fs) = Backend::with(3);
    assert_eq!(load(&mut fs, &key()).unwrap(), [entries(1), entries(2), entries(3)]);
    assert_eq!(fs.end(&key()).unwrap(), Some(entries(3).position()));
}

#[test]
fn every_byte_comes_back() {
    let (_backend, mut fs) = Backend::with(0);
    let hostile: Vec<u8> = (0..=255).chain(*b"\r\n\n\0\xFF\xFE\n").collect();
    let batches = [
        batch(1, Kind::Entries, "w", &hostile),
        batch(2, Kind::Entries, "w", b""),
        batch(3, Kind::Claim, "\"\\\u{1}\u{2028}\u{fffd}", b""),
        batch(4, Kind::Entries, "w", &hostile.repeat(10_000)),
    ];
    for batch in &batches {
        fs.append(&key(), batch.clone(), None).unwrap();
    }
    assert_eq!(load(&mut fs, &key()).unwrap(), batches);
}

#[test]
fn a_retry_succeeds_and_changes_nothing() {
    let (_backend, mut fs) = Backend::with(2);
    fs.append(&key(), entries(1), None).unwrap();
    fs.append(&key(), entries(2), None).unwrap();
    assert_eq!(numbers(&mut fs), [1, 2]);
}

#[test]
fn a_taken_number_is_a_conflict_and_changes_nothing() {
    let (_backend, mut fs) = Backend::with(2);
    let refused = fs.append(&key(), foreign(2), Some(summary(7)));
    assert_eq!(refused, Err(Error::Conflict));
    assert_eq!(load(&mut fs, &key()).unwrap(), [entries(1), entries(2)]);
    assert_eq!(stored_summary(&mut fs), Some(2));
}

#[test]
fn a_retry_stores_the_summary() {
    let (_backend, mut fs) = Backend::with(0);
    fs.append(&key(), entries(1), None).unwrap();
    assert_eq!(stored_summary(&mut fs), None);
    fs.append(&key(), entries(1), Some(summary(1))).unwrap();
    assert_eq!(stored_summary(&mut fs), Some(1));
}

#[test]
fn the_summary_that_reaches_furthest_counts() {
    let (backend, mut fs) = Backend::with(3);
    fs.append(&key(), entries(2), Some(summary(2))).unwrap();
    assert_eq!(stored_summary(&mut fs), Some(3));
    let kept = std::fs::read_dir(backend.0.path().join("-srv-app/session/summary")).unwrap();
    assert_eq!(kept.count(), 1);
}

#[test]
fn a_batch_is_a_header_line_and_the_payload_as_it_came() {
    let (backend, mut fs) = Backend::with(0);
    fs.append(&key().with_subpath("subagents/agent-1"), entries(12), None)
        .unwrap();
    let file = "-srv-app/session/subpaths/subagents%2Fagent-1/00000000000000000012.jsonl";
    let text = std::fs::read_to_string(backend.0.path().join(file)).unwrap();
    assert_eq!(
        text,
        concat!(
            r#"{"mirrorbox":1,"number":12,"kind":"entries","writer":"us","line":120,"digest":"us-entries-12","bytes":12,"#,
            r#""project":"-srv-app","session":"session","subpath":"subagents/agent-1"}"#,
            "\n{\"line\":12}\n"
        )
    );
}

#[test]
fn nothing_stays_in_the_temporary_folder() {
    let (backend, mut fs) = Backend::with(2);
    fs.append(&key(), entries(2), None).unwrap();
    fs.append(&key(), foreign(2), None).unwrap_err();
    fs.delete(&key(), tombstone(3)).unwrap();
    let left = std::fs::read_dir(backend.0.path().join(".tmp")).unwrap();
    assert_eq!(left.count(), 0);
}

#[test]
fn a_folder_that_was_removed_by_hand_is_made_again() {
    let (backend, mut fs) = Backend::with(1);
    std::fs::remove_dir_all(backend.0.path().join("-srv-app")).unwrap();
    let refused = fs.append(&key(), entries(1), None);
    assert!(matches!(refused, Err(Error::Unavailable(_))), "{refused:?}");
    fs.append(&key(), entries(1), None).unwrap();
    assert_eq!(numbers(&mut fs), [1]);
}
