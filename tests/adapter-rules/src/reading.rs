//! Reading: pages, sizes, empty streams.

use mirrorbox_adapter::{Adapter, Batch, Kind};

use crate::streams::{append_up_to, batch, entries, fresh_key};

/// Until `max_bytes` are reached, and at least one.
pub fn pages_hold_what_was_asked_for<A: Adapter>(open: impl Fn() -> A) {
    let (mut adapter, key) = (open(), fresh_key());
    for number in 1..=6 {
        adapter
            .append(&key, batch(number, Kind::Entries, "us", &[b'x'; 100]), None)
            .unwrap();
    }
    let mut numbers = |after, max_bytes| -> Vec<u64> {
        let page = adapter.load(&key, after, max_bytes).unwrap();
        page.iter().map(|batch| batch.number).collect()
    };
    assert_eq!(numbers(0, 0), [1]);
    assert_eq!(numbers(0, 1), [1]);
    assert_eq!(numbers(0, 100), [1]);
    assert_eq!(numbers(0, 101), [1, 2]);
    assert_eq!(numbers(2, 250), [3, 4, 5]);
    assert_eq!(numbers(0, u32::MAX), [1, 2, 3, 4, 5, 6]);
    assert_eq!(numbers(5, 16 << 20), [6]);
    for after in [6, 7, u64::MAX - 1, u64::MAX] {
        assert!(numbers(after, 1000).is_empty(), "{after}");
    }
}

/// Where nothing was written there is nothing, and no error.
pub fn an_unknown_stream_is_empty<A: Adapter>(open: impl Fn() -> A) {
    let (mut adapter, key) = (open(), fresh_key());
    assert_eq!(adapter.end(&key), Ok(None));
    assert_eq!(adapter.load(&key, 0, 1000), Ok(Vec::new()));
    assert_eq!(adapter.load(&key, 5, 1000), Ok(Vec::new()));
    assert_eq!(adapter.find_session(&key.project_key, &key.session_id), Ok(None));
    assert!(
        adapter
            .list_sessions(&key.project_key, None, 10)
            .unwrap()
            .items
            .is_empty()
    );
    let subpaths = adapter
        .list_subkeys(&key.project_key, &key.session_id, None, 10)
        .unwrap();
    assert!(subpaths.items.is_empty() && subpaths.next.is_none());
}

/// More batches than any page holds.
pub fn many_small_batches_come_in_order<A: Adapter>(open: impl Fn() -> A) {
    const COUNT: u64 = 4200;
    let (mut adapter, key) = (open(), fresh_key());
    append_up_to(&mut adapter, &key, COUNT);
    let mut loaded: Vec<Batch> = Vec::new();
    loop {
        let page = adapter.load(&key, loaded.len() as u64, 16 << 20).unwrap();
        if page.is_empty() {
            break;
        }
        loaded.extend(page);
    }
    assert!(loaded.into_iter().eq((1..=COUNT).map(entries)));
}

/// 128 MiB is the most that a batch may have.
pub fn a_large_payload_comes_back<A: Adapter>(open: impl Fn() -> A) {
    let (mut adapter, key) = (open(), fresh_key());
    let mut large = batch(2, Kind::Entries, "us", b"");
    large.payload = (0..128_u32 << 20)
        .map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    adapter.append(&key, entries(1), None).unwrap();
    adapter.append(&key, large.clone(), None).unwrap();
    adapter.append(&key, entries(3), None).unwrap();
    // Not compared with `==` in an assertion: it would print the payload.
    let page = adapter.load(&key, 1, 1 << 20).unwrap();
    assert!(page == [large], "the large batch came back changed: {page:?}");
    assert_eq!(adapter.load(&key, 0, 1).unwrap(), [entries(1)]);
    assert_eq!(adapter.load(&key, 2, 1).unwrap(), [entries(3)]);
    adapter.delete(&key, crate::streams::tombstone(4)).unwrap();
}
