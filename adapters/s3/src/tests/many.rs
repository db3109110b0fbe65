//! What a call costs does not grow with what was stored before. Listings hold three objects here and not a thousand.

use std::time::{Duration, Instant};

use mirrorbox_adapter::Piece;

use super::*;
use crate::stream::Stream;

const PAGE: usize = 3;

/// Adds covers of two batches each, and a host whose listings are short.
fn grow(backend: &Backend, last: &mut u64, covers: u64) -> (S3, Wire) {
    let mut s3 = backend.host();
    for _ in 0..covers {
        for _ in 0..2 {
            *last += 1;
            s3.append(&key(), entries(*last), None).unwrap();
        }
        s3.compact(&key(), u64::MAX).unwrap();
    }
    let (s3, wire) = backend.wired();
    wire.set_page(PAGE);
    (s3, wire)
}

/// How many requests each of these takes: an append at the end, one in a slot that is covered, the first page and one
/// in the middle, the end, a session's row.
fn costs(backend: &Backend, last: &mut u64, covers: u64) -> [usize; 6] {
    let (mut s3, wire) = grow(backend, last, covers);
    // Where the end is, an instance remembers; looking for it first is another matter.
    end(&mut s3);
    wire.rest();
    let count = |done: Result<()>| {
        done.unwrap();
        wire.rest().len()
    };
    *last += 1;
    let appended = count(s3.append(&key(), entries(*last), None));
    let again = count(s3.append(&key(), entries(2), None));
    let first = count(s3.load(&key(), 0, 1).map(drop));
    let middle = count(s3.load(&key(), *last / 2, 1).map(drop));
    let end = count(s3.end(&key()).map(drop));
    let row = count(s3.find_session("-srv-app", "session").map(drop));
    [appended, again, first, middle, end, row]
}

#[test]
fn a_call_takes_few_requests_however_many_covers_there_are() {
    let backend = Backend::with_settings(&[("compact_after", "1")]);
    let mut last = 1;
    backend.host().append(&key(), entries(1), None).unwrap();
    let costs = costs(&backend, &mut last, 12);
    let covers = backend.beside("compacted").len();
    assert!(covers >= 4 * PAGE, "{covers} covers: four listings of them alone");
    for (cost, most) in costs.into_iter().zip([3, 5, 5, 5, 2, 3]) {
        assert!(cost <= most, "{costs:?} requests beside {covers} covers");
    }
    let (mut s3, wire) = backend.wired();
    wire.set_page(PAGE);
    assert_eq!(numbers(&mut s3), (1..=last).collect::<Vec<_>>());
}

/// A tombstone behind more covers than a listing shows, before anything is removed.
#[test]
fn covers_that_a_tombstone_hides_do_not_hide_those_behind_it() {
    let backend = Backend::with_settings(&[("compact_after", "1")]);
    let mut last = 1;
    backend.host().append(&key(), entries(1), None).unwrap();
    grow(&backend, &mut last, 5);
    last += 1;
    let deleted = last;
    backend.host().append(&key(), tombstone(deleted), None).unwrap();
    let (mut s3, wire) = backend.wired();
    wire.set_page(PAGE);
    for number in last + 1..=last + 6 {
        s3.append(&key(), entries(number), None).unwrap();
    }
    assert_eq!(numbers(&mut s3), (deleted..=deleted + 6).collect::<Vec<_>>());
    assert_eq!(s3.append(&key(), foreign(3), None), Err(Error::Conflict));
}

#[test]
fn a_removal_goes_on_where_the_piece_before_it_ended() {
    let (backend, mut s3) = Backend::with(10);
    s3.append(&key(), tombstone(11), None).unwrap();
    let (mut s3, wire) = backend.wired();
    wire.set_page(PAGE);
    let mut pieces = 0;
    let short = || Piece::of(Duration::ZERO);
    while s3
        .runtime
        .block_on(Stream::new(&s3.backend, &key()).remove_before(11, &short()))
        == Err(Piece::more())
    {
        pieces += 1;
        assert_eq!(numbers(&mut s3), [11], "nobody sees what is left");
        assert!(pieces < 20, "it does not end");
    }
    assert!(pieces >= 3, "only {pieces} pieces");
    assert_eq!(backend.batches(), ["00000000000000000011.jsonl"]);
    assert!(backend.beside("summaries").is_empty());
}

/// As long as the longest that were seen, in the long form. More than a listing shows in the short one, too.
#[test]
fn a_delete_of_a_long_transcript_ends_whatever_one_call_can_do() {
    let last = match std::env::var_os("MIRRORBOX_SOAK") {
        Some(_) => 100_000,
        None => 1_200,
    };
    let (backend, mut s3) = Backend::with(1);
    put_batches(&backend, 2, last);
    let begun = Instant::now();
    s3.append(&key(), tombstone(last + 1), None).unwrap();
    assert_eq!(numbers(&mut s3), [last + 1], "it is deleted before anything is removed");
    let (stood, mut pieces) = (begun.elapsed(), 1);
    while let Err(error) = s3.delete(&key(), tombstone(last + 1)) {
        assert_eq!(error, Piece::more());
        pieces += 1;
    }
    let all = begun.elapsed();
    eprintln!("{last} batches: the tombstone stood after {stood:?}; removed in {pieces} calls, {all:?}");
    assert_eq!(backend.batches(), [format!("{:020}.jsonl", last + 1)]);
}

/// Puts batches there without asking for anything: what is removed is not read.
fn put_batches(backend: &Backend, first: u64, last: u64) {
    let (client, config) = (&backend.client, &backend.config);
    std::thread::scope(|scope| {
        for start in first..first + 8 {
            scope.spawn(move || {
                let runtime = Runtime::new().unwrap();
                for number in (start..=last).step_by(8) {
                    let key = format!("{}-srv-app/session/{number:020}.jsonl", config.prefix);
                    let put = client.put_object().bucket(&config.bucket).key(key);
                    let body = ByteStream::from_static(b"{}\n");
                    runtime.block_on(put.body(body).send()).unwrap();
                }
            });
        }
    });
}
