//! A removal that is too long for one call.

use std::time::Duration;

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
