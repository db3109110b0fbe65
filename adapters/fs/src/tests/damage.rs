//! Damaged, moved and missing batch files are named when a transcript is loaded.

use std::fs;
use std::path::PathBuf;

use super::*;

fn slot(backend: &Backend, number: u64) -> PathBuf {
    backend.0.path().join(format!("-srv-app/session/{number:020}.jsonl"))
}

/// The range that loading says is damaged.
fn damaged(fs: &mut Fs) -> (u64, u64) {
    match load(fs, &key()) {
        Err(Error::Corrupt { first, last, .. }) => (first, last),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_batch_that_was_removed_is_named() {
    let (backend, mut fs) = Backend::with(6);
    fs::remove_file(slot(&backend, 3)).unwrap();
    fs::remove_file(slot(&backend, 4)).unwrap();
    assert_eq!(damaged(&mut fs), (3, 4));
    assert_eq!(
        fs.load(&key(), 0, u32::MAX).unwrap().len(),
        2,
        "what is good comes first"
    );
    assert_eq!(
        fs.load(&key(), 4, u32::MAX).unwrap().len(),
        2,
        "what is good comes after"
    );
    assert_eq!(end(&mut fs), Some(6));
}

#[test]
fn a_batch_that_was_removed_behind_a_tombstone_is_named() {
    let (backend, mut fs) = Backend::with(2);
    fs.delete(&key(), tombstone(3)).unwrap();
    fs.append(&key(), entries(4), None).unwrap();
    fs.append(&key(), entries(5), None).unwrap();
    fs::remove_file(slot(&backend, 4)).unwrap();
    assert_eq!(damaged(&mut fs), (4, 4));
}

#[test]
fn a_file_of_any_other_length_is_named() {
    let (backend, mut fs) = Backend::with(3);
    let whole = fs::read(slot(&backend, 2)).unwrap();
    for length in 0..whole.len() {
        fs::write(slot(&backend, 2), &whole[..length]).unwrap();
        assert_eq!(damaged(&mut fs), (2, 2), "cut to {length} bytes");
        let retried = fs.append(&key(), entries(2), None);
        assert!(
            matches!(retried, Err(Error::Corrupt { first: 2, last: 2, .. })),
            "{retried:?}"
        );
    }
    fs::write(slot(&backend, 2), [whole.as_slice(), b"\n"].concat()).unwrap();
    assert_eq!(damaged(&mut fs), (2, 2));
    assert_eq!(
        fs.load(&key(), 0, u32::MAX).unwrap().len(),
        1,
        "what is good comes first"
    );
    fs::write(slot(&backend, 2), whole).unwrap();
    assert_eq!(numbers(&mut fs), [1, 2, 3]);
}

#[test]
fn a_header_that_is_not_text_is_named() {
    let (backend, mut fs) = Backend::with(3);
    let whole = fs::read(slot(&backend, 2)).unwrap();
    let rest = whole.strip_prefix(b"{").unwrap();
    // In a member that is not ours, so that nothing of ours is looked at.
    fs::write(slot(&backend, 2), [b"{\"new\":\"\xff\",", rest].concat()).unwrap();
    assert_eq!(damaged(&mut fs), (2, 2));
    fs::write(slot(&backend, 2), [b"{\"new\":\"text\",", rest].concat()).unwrap();
    assert_eq!(numbers(&mut fs), [1, 2, 3]);
}

#[test]
fn two_files_that_were_swapped_are_named() {
    let (backend, mut fs) = Backend::with(3);
    let aside = backend.0.path().join("aside");
    fs::rename(slot(&backend, 1), &aside).unwrap();
    fs::rename(slot(&backend, 2), slot(&backend, 1)).unwrap();
    fs::rename(&aside, slot(&backend, 2)).unwrap();
    assert_eq!(damaged(&mut fs), (1, 1));
}

#[test]
fn a_file_from_another_stream_is_named() {
    let (backend, mut fs) = Backend::with(3);
    let strangers = [
        SessionKey::main("-srv-other", "session"),
        SessionKey::main("-srv-app", "other"),
        key().with_subpath("agent"),
    ];
    for stranger in strangers {
        fs.append(&stranger, entries(2), None).unwrap();
        fs::copy(fs.stream(&stranger).slot(2), slot(&backend, 2)).unwrap();
        assert_eq!(damaged(&mut fs), (2, 2));
    }
}

#[test]
fn a_folder_in_the_place_of_a_batch_is_named() {
    let (backend, mut fs) = Backend::with(3);
    fs::remove_file(slot(&backend, 2)).unwrap();
    fs::create_dir(slot(&backend, 2)).unwrap();
    assert_eq!(damaged(&mut fs), (2, 2));
}

#[test]
fn a_damaged_end_is_named() {
    let (backend, mut fs) = Backend::with(3);
    fs::write(slot(&backend, 3), "{}\n").unwrap();
    let end = fs.end(&key());
    assert!(matches!(end, Err(Error::Corrupt { first: 3, last: 3, .. })), "{end:?}");
}

#[test]
fn a_damaged_tombstone_does_not_bring_anything_back() {
    let (backend, mut fs) = Backend::with(3);
    fs.append(&key(), tombstone(4), None).unwrap();
    fs::write(slot(&backend, 4), "").unwrap();
    assert_eq!(damaged(&mut fs), (4, 4));
    assert_eq!(
        fs.list_sessions("-srv-app", None, 9).unwrap().items.len(),
        1,
        "and hides no session"
    );
}

#[test]
fn a_header_that_lies_about_the_length_costs_no_memory() {
    let (backend, mut fs) = Backend::with(1);
    let whole = fs::read_to_string(slot(&backend, 1)).unwrap();
    let lie = whole.replace(r#""bytes":11"#, r#""bytes":18446744073709551615"#);
    assert_ne!(lie, whole);
    fs::write(slot(&backend, 1), lie).unwrap();
    assert_eq!(damaged(&mut fs), (1, 1));
}

#[test]
fn a_format_of_the_future_is_not_called_damage() {
    let (backend, mut fs) = Backend::with(1);
    let whole = fs::read_to_string(slot(&backend, 1)).unwrap();
    fs::write(
        slot(&backend, 1),
        whole.replacen(r#""mirrorbox":1"#, r#""mirrorbox":2"#, 1),
    )
    .unwrap();
    let error = load(&mut fs, &key()).unwrap_err();
    assert!(
        matches!(&error, Error::Other(text) if text.contains("format 2")),
        "{error}"
    );
}

#[test]
fn a_summary_that_is_not_text_is_ignored() {
    let (backend, mut fs) = Backend::with(1);
    let path = backend
        .0
        .path()
        .join("-srv-app/session/summary/00000000000000000001.json");
    fs::write(path, b"\xFF").unwrap();
    let session = fs.find_session("-srv-app", "session").unwrap().unwrap();
    assert_eq!((session.last, session.summary), (1, None));
}
