//! Tombstones: what they hide, what deletes remove, what comes after.

use std::thread;

use mirrorbox_adapter::{Adapter, Error, Kind};

use crate::streams::{
    append_up_to, batch, end, entries, foreign, fresh_key, load, numbers, reached, summary, tombstone,
};

/// From the moment it is appended, and without anything being removed.
pub fn a_tombstone_hides_what_was_before<A: Adapter>(open: impl Fn() -> A) {
    let (mut adapter, key) = (open(), fresh_key());
    append_up_to(&mut adapter, &key, 3);
    adapter.append(&key, tombstone(4), None).unwrap();
    let mut other = open();
    assert_eq!(numbers(&mut other, &key), [4]);
    assert_eq!(other.load(&key, 2, 100).unwrap(), [tombstone(4)]);
    assert_eq!(end(&mut other, &key), Some(4));
    assert_eq!(other.find_session(&key.project_key, &key.session_id), Ok(None));
    adapter.append(&key, entries(5), None).unwrap();
    assert_eq!(reached(&mut other, &key), None, "the summary is hidden too");
}

/// For ever, also where their place is empty again.
pub fn numbers_before_it_are_taken<A: Adapter>(open: impl Fn() -> A) {
    let (mut adapter, key) = (open(), fresh_key());
    append_up_to(&mut adapter, &key, 3);
    adapter.delete(&key, tombstone(4)).unwrap();
    for batch in [entries(2), foreign(2), tombstone(3), foreign(4), entries(4)] {
        assert_eq!(adapter.append(&key, batch, Some(summary(9))), Err(Error::Conflict));
    }
    assert_eq!(load(&mut adapter, &key), [tombstone(4)]);
    assert_eq!(reached(&mut adapter, &key), None);
}

/// At any time, also when the session has begun anew.
pub fn a_delete_can_be_retried<A: Adapter>(open: impl Fn() -> A) {
    let (mut adapter, key) = (open(), fresh_key());
    append_up_to(&mut adapter, &key, 3);
    adapter.delete(&key, tombstone(4)).unwrap();
    adapter.delete(&key, tombstone(4)).unwrap();
    adapter.append(&key, entries(5), Some(summary(5))).unwrap();
    open().delete(&key, tombstone(4)).unwrap();
    assert_eq!(
        (numbers(&mut adapter, &key), reached(&mut adapter, &key)),
        (vec![4, 5], Some(5))
    );
    let listed = adapter.list_sessions(&key.project_key, None, 10).unwrap().items;
    assert_eq!(listed.len(), 1, "the new session is still listed");
}

/// Its number is taken: nothing is removed.
pub fn a_late_delete_is_a_conflict<A: Adapter>(open: impl Fn() -> A) {
    let (mut adapter, key) = (open(), fresh_key());
    append_up_to(&mut adapter, &key, 3);
    assert_eq!(adapter.delete(&key, tombstone(3)), Err(Error::Conflict));
    assert_eq!(
        (numbers(&mut adapter, &key), reached(&mut adapter, &key)),
        (vec![1, 2, 3], Some(3))
    );
}

/// A greater number starts the session anew.
pub fn a_session_starts_anew<A: Adapter>(open: impl Fn() -> A) {
    let (mut adapter, key) = (open(), fresh_key());
    append_up_to(&mut adapter, &key, 3);
    adapter.delete(&key, tombstone(4)).unwrap();
    adapter.append(&key, entries(5), Some(summary(5))).unwrap();
    assert_eq!(
        (numbers(&mut adapter, &key), reached(&mut adapter, &key)),
        (vec![4, 5], Some(5))
    );
    adapter.delete(&key, tombstone(6)).unwrap();
    adapter.append(&key, entries(7), None).unwrap();
    assert_eq!(
        (numbers(&mut adapter, &key), reached(&mut adapter, &key)),
        (vec![6, 7], None)
    );
}

/// The tombstone becomes batch 1.
pub fn an_empty_stream_can_be_deleted<A: Adapter>(open: impl Fn() -> A) {
    let (mut adapter, key) = (open(), fresh_key());
    adapter.delete(&key, tombstone(1)).unwrap();
    assert_eq!(load(&mut adapter, &key), [tombstone(1)]);
    assert_eq!(adapter.find_session(&key.project_key, &key.session_id), Ok(None));
}

/// Any number behind the end will do.
pub fn a_tombstone_may_leave_a_gap<A: Adapter>(open: impl Fn() -> A) {
    let (mut adapter, key) = (open(), fresh_key());
    append_up_to(&mut adapter, &key, 2);
    let far = 9_007_199_254_740_993;
    adapter.append(&key, tombstone(far), None).unwrap();
    assert_eq!(adapter.append(&key, entries(far - 1), None), Err(Error::Conflict));
    adapter.append(&key, entries(far + 1), None).unwrap();
    assert_eq!(numbers(&mut adapter, &key), [far, far + 1]);
    adapter.delete(&key, tombstone(u64::MAX)).unwrap();
    assert_eq!(load(&mut adapter, &key), [tombstone(u64::MAX)]);
    adapter.delete(&key, tombstone(u64::MAX)).unwrap();
}

/// Of this one key.
pub fn deleting_one_stream_leaves_the_others<A: Adapter>(open: impl Fn() -> A) {
    let (mut adapter, key) = (open(), fresh_key());
    let agent = key.with_subpath("subagents/agent-1");
    append_up_to(&mut adapter, &key, 2);
    append_up_to(&mut adapter, &agent, 1);
    adapter.delete(&key, tombstone(3)).unwrap();
    assert_eq!(load(&mut adapter, &agent), [entries(1)]);
    append_up_to(&mut adapter, &key.with_subpath("other"), 1);
    adapter.delete(&agent, tombstone(2)).unwrap();
    assert_eq!(load(&mut adapter, &agent), [tombstone(2)]);
    let left = adapter
        .list_subkeys(&key.project_key, &key.session_id, None, 10)
        .unwrap()
        .items;
    assert_eq!(left, ["other"]);
}

/// An interrupted delete has appended its tombstone and removed nothing.
pub fn a_delete_goes_on_after_an_append<A: Adapter>(open: impl Fn() -> A) {
    let (mut adapter, key) = (open(), fresh_key());
    append_up_to(&mut adapter, &key, 3);
    adapter.append(&key, tombstone(4), None).unwrap();
    adapter.append(&key, entries(5), None).unwrap();
    adapter.delete(&key, tombstone(4)).unwrap();
    assert_eq!(numbers(&mut adapter, &key), [4, 5]);
    adapter.delete(&key, tombstone(6)).unwrap();
    assert!(
        adapter
            .list_projects(None, 1000)
            .unwrap()
            .items
            .iter()
            .all(|project| *project != key.project_key)
    );
}

/// One instance deletes again and again while another appends behind what it finds: whatever was answered holds, and a
/// session that holds batches is listed.
pub fn appends_and_deletes_race_and_no_session_is_lost<A: Adapter + Send>(open: impl Fn() -> A) {
    const ROUNDS: u32 = 200;
    let key = fresh_key();
    let work = |mut adapter: A, kind: Kind| {
        let key = key.clone();
        move || {
            for _ in 0..ROUNDS {
                let next = adapter.end(&key).unwrap().map_or(0, |end| end.number) + 1;
                let batch = batch(next, kind, kind.name(), b"");
                let done = match kind {
                    Kind::Tombstone => adapter.delete(&key, batch),
                    _ => adapter.append(&key, batch, Some(summary(next))),
                };
                assert!(matches!(done, Ok(()) | Err(Error::Conflict)), "{done:?}");
                let listed = adapter.list_sessions(&key.project_key, None, 10).unwrap().items;
                assert!(listed.len() <= 1);
            }
        }
    };
    let jobs = [
        work(open(), Kind::Entries),
        work(open(), Kind::Entries),
        work(open(), Kind::Tombstone),
    ];
    thread::scope(|scope| jobs.map(|job| scope.spawn(job)).map(|job| job.join().unwrap()));
    let mut adapter = open();
    let next = end(&mut adapter, &key).unwrap() + 1;
    adapter.append(&key, entries(next), Some(summary(next))).unwrap();
    let stored = load(&mut adapter, &key);
    assert_eq!(stored[0].kind, Kind::Tombstone);
    assert_eq!(stored.iter().filter(|batch| batch.kind == Kind::Tombstone).count(), 1);
    let listed = adapter.list_sessions(&key.project_key, None, 10).unwrap().items;
    assert_eq!(listed.iter().map(|session| session.last).collect::<Vec<_>>(), [next]);
}
