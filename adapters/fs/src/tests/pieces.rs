//! A removal that is too long for one call.

use std::time::{Duration, Instant};

use mirrorbox_adapter::Piece;

use super::*;

#[test]
fn a_removal_goes_on_where_the_piece_before_it_ended() {
    let (backend, mut fs) = Backend::with(20);
    fs.append(&key(), tombstone(21), None).unwrap();
    for left in (0..20).rev() {
        let piece = fs.stream(&key()).remove_before(21, || Piece::of(Duration::ZERO));
        let expected = if left == 0 { Ok(()) } else { Err(Piece::more()) };
        assert_eq!(piece, expected, "with {left} left");
        let names = std::fs::read_dir(backend.0.path().join("-srv-app/session")).unwrap();
        let batches = names.filter(|name| name.as_ref().unwrap().path().is_file());
        assert_eq!(batches.count(), left + 1, "the tombstone, and what is left");
        assert_eq!(numbers(&mut fs), [21], "nobody sees what is left");
        assert_eq!(stored_summary(&mut fs), None);
    }
    fs.append(&key(), entries(22), None).unwrap();
    fs.delete(&key(), tombstone(21)).unwrap();
    assert_eq!(numbers(&mut fs), [21, 22]);
}

/// As long as the longest that were seen, in the long form.
#[test]
fn a_delete_of_a_long_transcript_ends_whatever_one_call_can_do() {
    let (backend, mut fs) = Backend::with(1);
    let last = amount(3000, 100_000);
    let folder = backend.0.path().join("-srv-app/session");
    let name = |number: u64| folder.join(format!("{number:020}.jsonl"));
    // Appending them one by one would take much longer, and what is removed is not read.
    for number in 2..=last {
        std::fs::copy(name(1), name(number)).unwrap();
    }
    fs.append(&key(), tombstone(last + 1), None).unwrap();
    assert_eq!(numbers(&mut fs), [last + 1], "it is deleted before anything is removed");
    let (begun, mut pieces) = (Instant::now(), 1);
    while let Err(error) = fs.delete(&key(), tombstone(last + 1)) {
        assert_eq!(error, Piece::more());
        pieces += 1;
    }
    eprintln!("{last} batches: removed in {pieces} calls, {:?}", begun.elapsed());
    assert_eq!(
        std::fs::read_dir(&folder)
            .unwrap()
            .filter(|entry| entry.as_ref().unwrap().path().is_file())
            .count(),
        1
    );
}
