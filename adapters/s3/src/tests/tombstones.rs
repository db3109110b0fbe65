//! Deletes and tombstones.

use super::*;

#[test]
fn delete_leaves_the_tombstone_alone() {
    let (backend, mut s3) = Backend::with(3);
    s3.delete(&key(), tombstone(4)).unwrap();
    assert_eq!(backend.batches(), ["00000000000000000004.jsonl"]);
    assert_eq!(load(&mut s3, &key()).unwrap(), [tombstone(4)]);
    assert_eq!(end(&mut s3), Some(4));
    assert!(backend.beside("summaries").is_empty());
}

#[test]
fn delete_can_be_retried() {
    let (_backend, mut s3) = Backend::with(3);
    s3.delete(&key(), tombstone(4)).unwrap();
    s3.delete(&key(), tombstone(4)).unwrap();
    s3.append(&key(), entries(5), None).unwrap();
    s3.delete(&key(), tombstone(4)).unwrap();
    assert_eq!(numbers(&mut s3), [4, 5]);
}

#[test]
fn a_delete_that_comes_too_late_removes_nothing() {
    let (_backend, mut s3) = Backend::with(3);
    assert_eq!(s3.delete(&key(), tombstone(3)), Err(Error::Conflict));
    assert_eq!(numbers(&mut s3), [1, 2, 3]);
    assert_eq!(stored_summary(&mut s3), Some(3));
}

#[test]
fn delete_of_a_stream_that_never_was_makes_the_tombstone_its_first_batch() {
    let (_backend, mut s3) = Backend::with(0);
    s3.delete(&key(), tombstone(1)).unwrap();
    assert_eq!(numbers(&mut s3), [1]);
}

#[test]
fn an_appended_tombstone_hides_what_it_does_not_remove() {
    let (backend, mut s3) = Backend::with(3);
    s3.append(&key(), tombstone(4), None).unwrap();
    assert_eq!(backend.batches().len(), 4);
    assert_eq!(numbers(&mut s3), [4]);
    assert_eq!(stored_summary(&mut s3), None);
    let page = s3.load(&key(), 2, 100).unwrap();
    assert_eq!(page, [tombstone(4)]);
    s3.append(&key(), entries(5), None).unwrap();
    assert_eq!(stored_summary(&mut s3), None, "the summary is hidden too");
}

#[test]
fn numbers_up_to_a_tombstone_are_taken_for_ever() {
    let (backend, mut s3) = Backend::with(3);
    s3.delete(&key(), tombstone(4)).unwrap();
    for batch in [entries(2), foreign(2), tombstone(3), foreign(4)] {
        assert_eq!(s3.append(&key(), batch, Some(summary(9))), Err(Error::Conflict));
    }
    assert_eq!(backend.batches(), ["00000000000000000004.jsonl"]);
    assert_eq!(stored_summary(&mut s3), None);
}

#[test]
fn a_batch_that_landed_before_the_tombstone_cannot_be_retried() {
    let (_backend, mut s3) = Backend::with(3);
    s3.append(&key(), tombstone(4), None).unwrap();
    assert_eq!(s3.append(&key(), entries(2), None), Err(Error::Conflict));
}

#[test]
fn the_session_starts_anew_after_a_tombstone() {
    let (_backend, mut s3) = Backend::with(3);
    s3.delete(&key(), tombstone(4)).unwrap();
    s3.append(&key(), entries(5), Some(summary(5))).unwrap();
    assert_eq!(numbers(&mut s3), [4, 5]);
    assert_eq!(stored_summary(&mut s3), Some(5));
    s3.delete(&key(), tombstone(6)).unwrap();
    s3.append(&key(), entries(7), None).unwrap();
    assert_eq!(numbers(&mut s3), [6, 7]);
    assert_eq!(stored_summary(&mut s3), None);
}

#[test]
fn a_mark_without_its_tombstone_hides_nothing() {
    let (backend, mut s3) = Backend::with(3);
    for number in [2, 5] {
        backend.put(&format!("-srv-app/session/~/tombstones/{number:020}"), b"");
    }
    assert_eq!(numbers(&mut s3), [1, 2, 3]);
    s3.append(&key(), entries(4), None).unwrap();
    s3.append(&key(), entries(5), Some(summary(5))).unwrap();
    assert_eq!(numbers(&mut s3), [1, 2, 3, 4, 5]);
    assert_eq!(stored_summary(&mut s3), Some(5));
}

#[test]
fn a_batch_that_lands_in_a_slot_which_a_delete_emptied_is_a_conflict_for_every_host() {
    let (backend, mut s3) = Backend::with(3);
    let mut other = backend.host();
    assert_eq!(end(&mut s3), Some(3));
    other.append(&key(), entries(4), None).unwrap();
    other.delete(&key(), tombstone(5)).unwrap();
    other.delete(&key(), tombstone(6)).unwrap();
    assert_eq!(s3.append(&key(), foreign(4), Some(summary(4))), Err(Error::Conflict));
    assert_eq!(backend.batches(), ["00000000000000000006.jsonl"]);
    assert!(backend.beside("summaries").is_empty());
}

#[test]
fn delete_removes_more_than_one_request_can() {
    let (backend, mut s3) = Backend::with(0);
    for number in 1..=1020 {
        backend.put(&slot(number), b"");
    }
    s3.delete(&key(), tombstone(1021)).unwrap();
    assert_eq!(backend.batches(), ["00000000000000001021.jsonl"]);
}

#[test]
fn deleting_one_stream_leaves_the_others() {
    let (_backend, mut s3) = Backend::with(2);
    let agent = key().with_subpath("subagents/agent-1");
    s3.append(&agent, entries(1), None).unwrap();
    s3.delete(&key(), tombstone(3)).unwrap();
    assert_eq!(load(&mut s3, &agent).unwrap(), [entries(1)]);
    s3.delete(&agent, tombstone(2)).unwrap();
    assert_eq!(load(&mut s3, &agent).unwrap(), [tombstone(2)]);
}
