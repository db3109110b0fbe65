//! Compaction changes nothing for readers, retries and late writers.

use super::*;

const ALL: u64 = 12;

/// A stream of twelve batches that is worth compacting from the third on, and a host.
fn long() -> (Backend, S3) {
    let backend = Backend::with_settings(&[("compact_after", "2")]);
    let mut s3 = backend.host();
    for number in 1..=ALL {
        s3.append(&key(), part(number), Some(summary(number))).unwrap();
    }
    (backend, s3)
}

/// Some are empty, some are claims.
fn part(number: u64) -> Batch {
    match number % 5 {
        0 => batch(number, Kind::Claim, "them, \u{1}", b""),
        1 => batch(number, Kind::Entries, "us", b""),
        _ => entries(number),
    }
}

fn parts(numbers: std::ops::RangeInclusive<u64>) -> Vec<Batch> {
    numbers.map(part).collect()
}

/// The same stream, whatever was compacted.
fn check(s3: &mut S3) {
    for bytes in [1, 30, 1 << 20] {
        assert_eq!(
            load_by(s3, &key(), bytes).unwrap(),
            parts(1..=ALL),
            "in pages of {bytes}"
        );
    }
    for after in 0..=ALL + 1 {
        let page = s3.load(&key(), after, 1).unwrap();
        assert_eq!(page.first(), parts(1..=ALL).get(usize::try_from(after).unwrap()));
    }
    assert_eq!(s3.end(&key()).unwrap(), Some(part(ALL).position()));
    assert_eq!(stored_summary(s3), Some(ALL));
}

/// Covers everything and, ten minutes later, removes what was covered.
fn compact_twice(backend: &Backend) -> S3 {
    let (mut s3, wire) = backend.wired();
    s3.compact(&key(), u64::MAX).unwrap();
    wire.pass_minutes(11);
    s3.compact(&key(), u64::MAX).unwrap();
    assert_eq!(backend.batches(), ["00000000000000000012.jsonl"]);
    s3
}

#[test]
fn nothing_changes_for_whoever_reads() {
    let (backend, mut s3) = long();
    let (mut other, wire) = backend.wired();
    other.compact(&key(), u64::MAX).unwrap();
    assert_eq!(
        backend.beside("compacted"),
        ["00000000000000000011-00000000000000000001.jsonl"]
    );
    assert_eq!(backend.batches().len(), 12, "sources stay for now");
    check(&mut s3);
    wire.pass_minutes(9);
    other.compact(&key(), u64::MAX).unwrap();
    assert_eq!(backend.batches().len(), 12, "nine minutes are not enough");
    wire.pass_minutes(2);
    other.compact(&key(), u64::MAX).unwrap();
    assert_eq!(backend.batches(), ["00000000000000000012.jsonl"]);
    check(&mut s3);
    check(&mut backend.host());
}

#[test]
fn a_cover_can_be_read_with_ordinary_tools() {
    let (backend, _) = long();
    compact_twice(&backend);
    let bytes = backend.get("-srv-app/session/~/compacted/00000000000000000011-00000000000000000001.jsonl");
    let (index, payloads) = bytes.split_at(bytes.iter().position(|byte| *byte == b'\n').unwrap() + 1);
    let index: serde_json::Value = serde_json::from_slice(index).unwrap();
    assert_eq!(index["project"], "-srv-app");
    let second = serde_json::json!({
        "number": 2, "kind": "entries", "writer": "us", "line": 20, "digest": "us-entries-2", "bytes": 11,
    });
    assert_eq!(index["batches"][1], second);
    assert_eq!(
        payloads,
        parts(1..=11)
            .iter()
            .flat_map(|part| part.payload.clone())
            .collect::<Vec<_>>()
    );
}

#[test]
fn only_what_is_asked_for_and_worth_it_is_covered() {
    let (backend, mut s3) = long();
    s3.compact(&key(), 2).unwrap();
    assert!(backend.beside("compacted").is_empty());
    s3.compact(&key(), 5).unwrap();
    assert_eq!(
        backend.beside("compacted"),
        ["00000000000000000005-00000000000000000001.jsonl"]
    );
    s3.compact(&key(), 7).unwrap();
    s3.compact(&key(), 12).unwrap();
    assert_eq!(backend.beside("compacted").len(), 2);
    check(&mut s3);
    s3.compact(&key().with_subpath("unknown"), 9).unwrap();
}

#[test]
fn large_batches_are_covered_in_pieces_or_not_at_all() {
    let backend = Backend::with_settings(&[("compact_after", "2")]);
    let mut s3 = backend.host();
    let sizes = [1, 17, 5, 5, 5, 5, 1];
    let batches: Vec<_> = (1..)
        .zip(sizes)
        .map(|(number, size)| batch(number, Kind::Entries, "us", &vec![b'x'; size << 20]))
        .collect();
    for batch in &batches {
        s3.append(&key(), batch.clone(), None).unwrap();
    }
    s3.compact(&key(), u64::MAX).unwrap();
    assert_eq!(
        backend.beside("compacted"),
        ["00000000000000000005-00000000000000000003.jsonl"]
    );
    assert!(load(&mut s3, &key()).unwrap() == batches);
}

#[test]
fn a_retry_finds_its_batch_in_the_cover() {
    let (backend, _) = long();
    let mut s3 = compact_twice(&backend);
    let (mut late, _) = backend.wired();
    for number in 1..=11 {
        late.append(&key(), part(number), Some(summary(number))).unwrap();
        assert_eq!(
            late.append(&key(), foreign(number), None),
            Err(Error::Conflict),
            "{number}"
        );
    }
    check(&mut s3);
}

#[test]
fn a_late_batch_that_lands_in_a_slot_which_compaction_emptied_is_a_conflict_and_is_never_seen() {
    let (backend, _) = long();
    let mut s3 = compact_twice(&backend);
    let late = s3.append(&key(), foreign(4), Some(summary(4)));
    assert_eq!(late, Err(Error::Conflict));
    assert_eq!(backend.batches(), ["00000000000000000012.jsonl"]);
    let summaries = backend.beside("summaries");
    assert!(
        !summaries.contains(&"00000000000000000004.json".to_owned()),
        "its summary went with it"
    );
    // Its host dies before it looks.
    let (mut late, wire) = backend.wired();
    wire.crash_at(0, true, || late.append(&key(), foreign(4), None));
    assert_eq!(backend.batches().len(), 2);
    check(&mut s3);
    assert_eq!(
        s3.append(&key(), part(4), None),
        Ok(()),
        "the true one is stored, whatever the slot holds"
    );
    compact_twice(&backend);
    check(&mut s3);
}

#[test]
fn a_host_may_die_at_any_request() {
    for (at, arrives) in (0..).flat_map(|at| [(at, false), (at, true)]) {
        let (backend, mut s3) = long();
        let (mut dying, wire) = backend.wired();
        let first = wire.crash_at(at, arrives, || dying.compact(&key(), u64::MAX));
        assert_eq!(load(&mut s3, &key()).unwrap(), parts(1..=ALL));
        dying.compact(&key(), u64::MAX).unwrap();
        wire.pass_minutes(11);
        let second = wire.crash_at(at, arrives, || dying.compact(&key(), u64::MAX));
        assert_eq!(load(&mut s3, &key()).unwrap(), parts(1..=ALL));
        compact_twice(&backend);
        check(&mut s3);
        if let (Some(first), Some(second)) = (first, second) {
            first.and(second).unwrap();
            assert!(at > 4, "only {at} requests were seen");
            return;
        }
    }
}

#[test]
fn reading_meets_compaction_at_any_request() {
    for at in 0.. {
        let (backend, _) = long();
        let (mut s3, wire) = backend.wired();
        let act = move || drop(compact_twice(&backend));
        let (batches, came_that_far) = wire.meanwhile(at, act, || load_by(&mut s3, &key(), 20));
        assert_eq!(batches.unwrap(), parts(1..=ALL));
        if !came_that_far {
            assert!(at > 10, "only {at} requests were seen");
            return;
        }
    }
}

#[test]
fn an_append_meets_compaction_at_any_request() {
    for (number, expected) in [(4, Ok(())), (ALL + 1, Ok(()))] {
        for at in 0..3 {
            let (backend, _) = long();
            let (mut s3, wire) = backend.wired();
            let act = move || {
                let (mut other, wire) = backend.wired();
                for _ in 0..2 {
                    other.compact(&key(), u64::MAX).unwrap();
                    wire.pass_minutes(11);
                }
            };
            let (appended, _) = wire.meanwhile(at, act, || s3.append(&key(), part(number), None));
            assert_eq!(appended, expected);
            assert_eq!(load(&mut s3, &key()).unwrap(), parts(1..=number.max(ALL)));
        }
    }
}

#[test]
fn two_that_compact_at_once_do_no_harm() {
    for at in 0.. {
        let (backend, mut s3) = long();
        let (mut one, wire) = backend.wired();
        let mut other = backend.host();
        let act = move || other.compact(&key(), 8).unwrap();
        let (compacted, came_that_far) = wire.meanwhile(at, act, || one.compact(&key(), u64::MAX));
        compacted.unwrap();
        check(&mut s3);
        if !came_that_far {
            return;
        }
    }
}

#[test]
fn a_delete_takes_the_covers_with_it() {
    let (backend, _) = long();
    let mut s3 = compact_twice(&backend);
    s3.delete(&key(), tombstone(13)).unwrap();
    assert_eq!(backend.batches(), ["00000000000000000013.jsonl"]);
    assert!(backend.beside("compacted").is_empty());
    assert_eq!(load(&mut s3, &key()).unwrap(), [tombstone(13)]);
    assert_eq!(s3.append(&key(), part(3), None), Err(Error::Conflict));
}

#[test]
fn a_delete_meets_compaction_at_any_request() {
    for at in 0.. {
        let (backend, mut s3) = long();
        let (mut one, wire) = backend.wired();
        let mut other = backend.host();
        let act = move || other.delete(&key(), tombstone(13)).unwrap();
        let (compacted, came_that_far) = wire.meanwhile(at, act, || one.compact(&key(), u64::MAX));
        compacted.unwrap();
        assert_eq!(
            load(&mut s3, &key()).unwrap().last(),
            Some(&tombstone(13)).filter(|_| came_that_far).or(Some(&part(12)))
        );
        if !came_that_far {
            return;
        }
        assert!(
            backend.beside("compacted").is_empty(),
            "what was deleted is left in a cover"
        );
    }
}

/// What a process that died, or slept, left of a deleted transcript: an append that landed late, and a cover.
#[test]
fn what_a_crash_left_of_a_deleted_transcript_goes_with_the_next_call() {
    let (backend, mut s3) = long();
    s3.delete(&key(), tombstone(13)).unwrap();
    let (mut late, wire) = backend.wired();
    wire.crash_at(0, true, || late.append(&key(), foreign(4), None));
    backend.put(
        "-srv-app/session/~/compacted/00000000000000000011-00000000000000000001.jsonl",
        b"{}\n",
    );
    assert_eq!((backend.batches().len(), backend.beside("compacted").len()), (2, 1));
    // As the mirror makes it eleven minutes after a delete.
    s3.compact(&key(), 13).unwrap();
    assert_eq!(backend.batches(), ["00000000000000000013.jsonl"]);
    assert!(backend.beside("compacted").is_empty());
}

#[test]
fn a_tombstone_is_never_covered() {
    let (backend, mut s3) = long();
    s3.append(&key(), tombstone(13), None).unwrap();
    for number in 14..=20 {
        s3.append(&key(), part(number), None).unwrap();
    }
    let (mut other, wire) = backend.wired();
    for _ in 0..2 {
        other.compact(&key(), u64::MAX).unwrap();
        wire.pass_minutes(11);
    }
    assert_eq!(
        backend.beside("compacted"),
        ["00000000000000000019-00000000000000000014.jsonl"]
    );
    assert_eq!(backend.batches().len(), 2, "the tombstone and the last");
    assert_eq!(
        load(&mut s3, &key()).unwrap(),
        [vec![tombstone(13)], parts(14..=20)].concat()
    );
}

#[test]
fn a_cover_that_is_damaged_is_told() {
    let cover = "-srv-app/session/~/compacted/00000000000000000011-00000000000000000001.jsonl";
    for damage in [b"".as_slice(), b"{}\n", b"not ours"] {
        let (backend, _) = long();
        let mut s3 = compact_twice(&backend);
        backend.put(cover, damage);
        let told = load(&mut s3, &key());
        let Err(Error::Corrupt { first, last, reason }) = told else {
            panic!("{told:?}");
        };
        assert_eq!((first, last), (1, 11));
        assert!(reason.contains(cover), "{reason}");
    }
    let (backend, _) = long();
    let mut s3 = compact_twice(&backend);
    backend.remove(cover);
    let told = s3.load(&key(), 1, 1);
    assert!(
        matches!(told, Err(Error::Corrupt { first: 2, last: 11, .. })),
        "{told:?}"
    );
}
