//! Appending: retries, conflicts, gaps, summaries.

use std::thread;

use mirrorbox_adapter::{Adapter, Batch, Error, Kind, SessionKey};

use crate::streams::{append_up_to, batch, end, entries, foreign, fresh_key, load, numbers, reached, summary};

/// Bytes are bytes.
pub fn stored_bytes_come_back<A: Adapter>(open: impl Fn() -> A) {
    let (mut adapter, key) = (open(), fresh_key());
    let every_byte: Vec<u8> = (0..=u8::MAX).cycle().take(100_000).collect();
    let payloads: [&[u8]; 7] = [
        b"{\"a\":\"\\u0000\\ud800\",\"n\":1e308,\"a\":-0}\n",
        b"\x00\n",
        b"\xff\xfe\n",
        b"\r\n$3\r\n*1\n",
        "\u{2028}\u{1F600}é e\u{301}\n".as_bytes(),
        b"\n",
        &every_byte,
    ];
    let batches: Vec<_> = (1..)
        .zip(payloads)
        .map(|(number, payload)| Batch {
            line: u64::MAX - number,
            ..batch(number, Kind::Entries, "writer 'with' \"quotes\"\\", payload)
        })
        .collect();
    for batch in &batches {
        adapter.append(&key, batch.clone(), None).unwrap();
    }
    assert_eq!(load(&mut open(), &key), batches);
    assert_eq!(adapter.end(&key).unwrap(), batches.last().map(Batch::position));
}

/// No two keys share a place, whatever they hold.
pub fn hostile_keys_stay_apart<A: Adapter>(open: impl Fn() -> A) {
    let mut adapter = open();
    let base = fresh_key().project_key;
    let long = "é/{}:%' \\".repeat(410);
    let key = |project: &str, session: &str| SessionKey::main(format!("{base}{project}"), session);
    let keys = [
        key(":b", "c"),
        key("", "b:c"),
        key("/b", "c"),
        key("", "b/c"),
        key("", ".."),
        key("", "a").with_subpath("subagents/agent-1"),
        key("", "a").with_subpath("subagents").with_subpath("../a"),
        key("", "a"),
        key("", "A"),
        key("", "%61"),
        key("", "e\u{301}"),
        key("", "\u{e9}"),
        key("", "\u{FFFF}\u{10FFFF}\r\n\t"),
        key("", "'; DROP TABLE batches; --"),
        key("", &long[..4090]),
        key("", &long[..4080]),
        key("", "long").with_subpath(&long[..4090]),
        key(&long[..4000], "a"),
    ];
    for (at, key) in (1..).zip(&keys) {
        assert_eq!(adapter.end(key).unwrap(), None, "{key:?}");
        let writer = format!("writer {at}");
        adapter
            .append(key, batch(1, Kind::Entries, &writer, writer.as_bytes()), None)
            .unwrap();
    }
    for (at, key) in (1..).zip(&keys) {
        assert_eq!(load(&mut adapter, key)[0].writer, format!("writer {at}"));
    }
    let sessions = adapter.list_sessions(&base, None, 1000).unwrap().items;
    let wanted = keys
        .iter()
        .filter(|key| key.project_key == base && key.subpath.is_none());
    assert_eq!(sessions.len(), wanted.count());
}

/// The first try had landed: success, and the summary is stored all the same.
pub fn a_retry_succeeds<A: Adapter>(open: impl Fn() -> A) {
    let (mut adapter, key) = (open(), fresh_key());
    adapter.append(&key, entries(1), None).unwrap();
    adapter.append(&key, entries(1), Some(summary(1))).unwrap();
    assert_eq!(reached(&mut adapter, &key), Some(1));
    adapter.append(&key, entries(2), Some(summary(2))).unwrap();
    open().append(&key, entries(1), Some(summary(1))).unwrap();
    assert_eq!(
        (numbers(&mut adapter, &key), reached(&mut adapter, &key)),
        (vec![1, 2], Some(2))
    );
}

/// The number holds another batch.
pub fn a_conflict_changes_nothing<A: Adapter>(open: impl Fn() -> A) {
    let (mut adapter, key) = (open(), fresh_key());
    append_up_to(&mut adapter, &key, 3);
    let before = adapter.find_session(&key.project_key, &key.session_id).unwrap();
    for number in [1, 2, 3] {
        assert_eq!(
            adapter.append(&key, foreign(number), Some(summary(9))),
            Err(Error::Conflict)
        );
    }
    let after = adapter.find_session(&key.project_key, &key.session_id).unwrap();
    assert_eq!(before, after);
    assert_eq!(load(&mut adapter, &key), [entries(1), entries(2), entries(3)]);
}

/// Neither the first number nor the next one.
pub fn a_gap_changes_nothing<A: Adapter>(open: impl Fn() -> A) {
    let (mut adapter, key) = (open(), fresh_key());
    assert_eq!(adapter.append(&key, entries(2), Some(summary(2))), Err(Error::Conflict));
    assert_eq!(end(&mut adapter, &key), None);
    append_up_to(&mut adapter, &key, 2);
    for number in [4, 9_007_199_254_740_993, u64::MAX] {
        assert_eq!(
            adapter.append(&key, entries(number), Some(summary(number))),
            Err(Error::Conflict)
        );
    }
    assert_eq!(
        (numbers(&mut adapter, &key), reached(&mut adapter, &key)),
        (vec![1, 2], Some(2))
    );
}

/// A slow writer does not bring an old summary back, and a summary is opaque.
pub fn the_furthest_summary_counts<A: Adapter>(open: impl Fn() -> A) {
    let (mut adapter, key) = (open(), fresh_key());
    append_up_to(&mut adapter, &key, 3);
    adapter.append(&key, entries(2), Some(summary(2))).unwrap();
    assert_eq!(reached(&mut adapter, &key), Some(3));
    let mut hostile = summary(4);
    hostile.json = "{\"s\":\"\\u0000\\ud800 \u{2028}'\",\"n\":1e999}".into();
    adapter.append(&key, entries(4), Some(hostile.clone())).unwrap();
    let found = adapter
        .find_session(&key.project_key, &key.session_id)
        .unwrap()
        .unwrap();
    assert_eq!((found.last, found.summary), (4, Some(hostile)));
    adapter.append(&key, entries(5), None).unwrap();
    assert_eq!(reached(&mut adapter, &key), Some(4));
}

/// A claim has no payload and counts like any batch.
pub fn a_claim_is_stored<A: Adapter>(open: impl Fn() -> A) {
    let (mut adapter, key) = (open(), fresh_key());
    let claim = batch(1, Kind::Claim, "them", b"");
    adapter.append(&key, claim.clone(), None).unwrap();
    adapter.append(&key, entries(2), None).unwrap();
    assert_eq!(adapter.load(&key, 0, 1 << 20).unwrap(), [claim, entries(2)]);
}

/// Two instances want the same numbers, a thousand times.
pub fn every_number_has_one_winner<A: Adapter + Send>(open: impl Fn() -> A) {
    const NUMBERS: u64 = 1000;
    let key = fresh_key();
    let race = |mut adapter: A, writer: &'static str| {
        let key = key.clone();
        move || {
            let mut won = Vec::new();
            for number in 1..=NUMBERS {
                match adapter.append(
                    &key,
                    batch(number, Kind::Entries, writer, b"{}\n"),
                    Some(summary(number)),
                ) {
                    Ok(()) => won.push(number),
                    Err(error) => assert_eq!(error, Error::Conflict),
                }
            }
            won
        }
    };
    let (ours, theirs) = (race(open(), "us"), race(open(), "them"));
    let (ours, theirs) = thread::scope(|scope| {
        let (ours, theirs) = (scope.spawn(ours), scope.spawn(theirs));
        (ours.join().unwrap(), theirs.join().unwrap())
    });
    let mut adapter = open();
    let stored = load(&mut adapter, &key);
    assert_eq!(stored.len() as u64, NUMBERS);
    assert_eq!((ours.len() + theirs.len()) as u64, NUMBERS);
    for batch in stored {
        let winners = if batch.writer == "us" { &ours } else { &theirs };
        assert!(winners.contains(&batch.number));
    }
    assert_eq!(reached(&mut adapter, &key), Some(NUMBERS));
}

/// The time of the last append does not go back, and a retry does not touch it.
pub fn modified_never_falls<A: Adapter>(open: impl Fn() -> A) {
    let (mut adapter, key) = (open(), fresh_key());
    let mut before = 0;
    for number in 1..=20 {
        adapter.append(&key, entries(number), None).unwrap();
        let found = adapter
            .find_session(&key.project_key, &key.session_id)
            .unwrap()
            .unwrap();
        assert!(
            found.modified >= before && found.modified > 1_600_000_000_000,
            "{found:?}"
        );
        before = found.modified;
    }
    adapter.append(&key, entries(1), None).unwrap();
    let found = adapter
        .find_session(&key.project_key, &key.session_id)
        .unwrap()
        .unwrap();
    assert_eq!(found.modified, before);
}
