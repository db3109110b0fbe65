//! What the rules work with: keys of their own, batches, whole streams.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

use mirrorbox_adapter::{Adapter, Batch, Kind, SessionKey, Summary};

/// The main transcript of a session in a project that nobody else uses.
pub fn fresh_key() -> SessionKey {
    let unique = RandomState::new().hash_one("a project");
    SessionKey::main(format!("-srv-{unique:016x}"), "session")
}

/// A batch; its digest tells writer, kind and number.
pub fn batch(number: u64, kind: Kind, writer: &str, payload: &[u8]) -> Batch {
    Batch {
        number,
        kind,
        writer: writer.into(),
        line: number.saturating_mul(10),
        digest: format!("{writer}-{}-{number}", kind.name()),
        payload: payload.into(),
    }
}

/// Our batch of that number.
pub fn entries(number: u64) -> Batch {
    batch(
        number,
        Kind::Entries,
        "us",
        format!("{{\"line\":{number}}}\n").as_bytes(),
    )
}

/// Another writer's batch of that number.
pub fn foreign(number: u64) -> Batch {
    batch(number, Kind::Entries, "them", b"{}\n")
}

/// Our tombstone of that number.
pub fn tombstone(number: u64) -> Batch {
    batch(number, Kind::Tombstone, "us", b"")
}

/// A summary that reaches to that number.
pub fn summary(through: u64) -> Summary {
    Summary {
        through,
        json: format!("{{\"through\":{through}}}"),
    }
}

/// Appends batches up to that number, each with its summary if the transcript is a main one.
pub fn append_up_to<A: Adapter>(adapter: &mut A, key: &SessionKey, last: u64) {
    for number in 1..=last {
        let summary = key.subpath.is_none().then(|| summary(number));
        adapter.append(key, entries(number), summary).unwrap();
    }
}

/// Everything there is to load, a batch a page.
pub fn load<A: Adapter>(adapter: &mut A, key: &SessionKey) -> Vec<Batch> {
    let mut batches: Vec<Batch> = Vec::new();
    loop {
        let after = batches.last().map_or(0, |batch| batch.number);
        let page = adapter.load(key, after, 1).unwrap();
        if page.is_empty() {
            return batches;
        }
        batches.extend(page);
    }
}

/// The numbers of everything there is to load.
pub fn numbers<A: Adapter>(adapter: &mut A, key: &SessionKey) -> Vec<u64> {
    load(adapter, key).iter().map(|batch| batch.number).collect()
}

/// The number of the last batch.
pub fn end<A: Adapter>(adapter: &mut A, key: &SessionKey) -> Option<u64> {
    adapter.end(key).unwrap().map(|end| end.number)
}

/// How far the stored summary reaches.
pub fn reached<A: Adapter>(adapter: &mut A, key: &SessionKey) -> Option<u64> {
    let session = adapter.find_session(&key.project_key, &key.session_id).unwrap();
    session
        .and_then(|session| session.summary)
        .map(|summary| summary.through)
}
