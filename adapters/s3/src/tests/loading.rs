//! Pages of batches, and how the end of a stream is found.

use super::*;

fn page(s3: &mut S3, after: u64, max_bytes: u32) -> Vec<u64> {
    let page = s3.load(&key(), after, max_bytes).unwrap();
    page.iter().map(|batch| batch.number).collect()
}

#[test]
fn a_page_ends_when_enough_bytes_are_on_it() {
    let (_backend, mut s3) = Backend::with(9);
    let size = u32::try_from(entries(1).payload.len()).unwrap();
    assert_eq!(page(&mut s3, 0, size), [1]);
    assert_eq!(page(&mut s3, 0, size + 1), [1, 2]);
    assert_eq!(page(&mut s3, 4, 3 * size), [5, 6, 7]);
    assert_eq!(page(&mut s3, 7, u32::MAX), [8, 9]);
    assert_eq!(page(&mut s3, 3, 0), [4], "one at least");
}

#[test]
fn behind_the_end_there_is_nothing() {
    let (_backend, mut s3) = Backend::with(2);
    for after in [2, 3, 1000, u64::MAX - 1, u64::MAX] {
        assert!(page(&mut s3, after, 100).is_empty(), "after {after}");
    }
}

#[test]
fn an_unknown_stream_is_empty() {
    let (_backend, mut s3) = Backend::with(2);
    for key in [
        SessionKey::main("-srv-app", "other"),
        SessionKey::main("other", "session"),
        key().with_subpath("s"),
    ] {
        assert_eq!(s3.load(&key, 0, 100).unwrap(), []);
        assert_eq!(s3.end(&key).unwrap(), None);
    }
}

#[test]
fn the_last_number_there_is_can_be_used() {
    let (_backend, mut s3) = Backend::with(0);
    s3.append(&key(), entries(u64::MAX / 10), Some(summary(u64::MAX)))
        .unwrap();
    let last = Batch {
        line: u64::MAX,
        number: u64::MAX,
        ..entries(1)
    };
    s3.append(&key(), last.clone(), None).unwrap();
    assert_eq!(s3.load(&key(), u64::MAX - 1, 100).unwrap(), [last]);
    assert_eq!(end(&mut s3), Some(u64::MAX));
    s3.list_sessions("-srv-app", None, 9).unwrap();
}

#[test]
fn more_than_a_listing_shows_is_read_in_pages() {
    let (backend, mut s3) = Backend::with(0);
    for number in 1..=1100 {
        s3.append(&key(), batch(number, Kind::Claim, "us", b""), None).unwrap();
    }
    assert_eq!(numbers(&mut s3), (1..=1100).collect::<Vec<_>>());
    assert_eq!(end(&mut backend.host()), Some(1100));
}

#[test]
fn the_end_is_found_in_few_requests_however_far_it_is() {
    let (backend, _) = Backend::with(1);
    for first in [5_000, 9_000] {
        for number in first..first + 1010 {
            backend.put(&slot(number), b"");
        }
    }
    backend.host().append(&key(), entries(10_010), None).unwrap();
    let (mut s3, wire) = backend.wired();
    wire.rest();
    assert_eq!(end(&mut s3), Some(10_010));
    assert!(wire.rest().len() < 12);
    assert_eq!(end(&mut s3), Some(10_010));
    assert_eq!(wire.rest().len(), 2, "it remembers where it was");
    backend.host().append(&key(), entries(u64::MAX), None).unwrap();
    let (mut s3, wire) = backend.wired();
    wire.rest();
    assert_eq!(end(&mut s3), Some(u64::MAX));
    assert!(wire.rest().len() < 150);
}

#[test]
fn a_bucket_that_was_emptied_has_no_end() {
    let (backend, mut s3) = Backend::with(3);
    for number in 1..=3 {
        backend.remove(&slot(number));
    }
    assert_eq!(end(&mut s3), None);
}

#[test]
fn subpaths_are_in_the_way_of_no_main_transcript() {
    let (_backend, mut s3) = Backend::with(2);
    for name in ["0", "9/9", "%", "-", "z", "00000000000000000003.jsonl"] {
        s3.append(&key().with_subpath(name), entries(7), None).unwrap();
    }
    assert_eq!(numbers(&mut s3), [1, 2]);
    assert_eq!(end(&mut s3), Some(2));
    assert_eq!(s3.list_subkeys("-srv-app", "session", None, 99).unwrap().items.len(), 6);
}

#[test]
fn what_another_host_deleted_is_not_shown_by_a_listing_from_before() {
    let (backend, mut s3) = Backend::with(4);
    assert_eq!(s3.load(&key(), 0, 1).unwrap().len(), 1);
    backend.host().delete(&key(), tombstone(5)).unwrap();
    let rest = s3.load(&key(), 1, 1).unwrap();
    assert_eq!(rest.iter().map(|batch| batch.number).collect::<Vec<_>>(), [5]);
}

#[test]
fn a_tombstone_that_came_between_two_pages_hides_what_is_still_there() {
    let (backend, mut s3) = Backend::with(4);
    assert_eq!(s3.load(&key(), 0, 1).unwrap().len(), 1);
    backend.host().append(&key(), tombstone(5), None).unwrap();
    for after in [1, 2] {
        let rest = s3.load(&key(), after, 1).unwrap();
        assert_eq!(rest.iter().map(|batch| batch.number).collect::<Vec<_>>(), [5]);
    }
}
