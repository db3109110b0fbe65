use super::*;

fn page(fs: &mut Fs, after: u64, max_bytes: u32) -> Vec<u64> {
    let page = fs.load(&key(), after, max_bytes).unwrap();
    page.iter().map(|batch| batch.number).collect()
}

#[test]
fn a_page_ends_when_enough_bytes_are_on_it() {
    let (_backend, mut fs) = Backend::with(9);
    let size = u32::try_from(entries(1).payload.len()).unwrap();
    assert_eq!(page(&mut fs, 0, size), [1]);
    assert_eq!(page(&mut fs, 0, size + 1), [1, 2]);
    assert_eq!(page(&mut fs, 4, 3 * size), [5, 6, 7]);
    assert_eq!(page(&mut fs, 7, u32::MAX), [8, 9]);
    assert_eq!(page(&mut fs, 3, 0), [4], "one at least");
}

#[test]
fn behind_the_end_there_is_nothing() {
    let (_backend, mut fs) = Backend::with(2);
    for after in [2, 3, 1000, u64::MAX - 1, u64::MAX] {
        assert!(page(&mut fs, after, 100).is_empty(), "after {after}");
    }
}

#[test]
fn an_unknown_stream_is_empty() {
    let (_backend, mut fs) = Backend::with(2);
    for key in [
        SessionKey::main("-srv-app", "other"),
        SessionKey::main("other", "session"),
        key().with_subpath("s"),
    ] {
        assert_eq!(fs.load(&key, 0, 100).unwrap(), []);
        assert_eq!(fs.end(&key).unwrap(), None);
    }
}

#[test]
fn the_last_number_there_is_can_be_used() {
    let (_backend, mut fs) = Backend::with(0);
    fs.append(&key(), entries(u64::MAX / 10), Some(summary(u64::MAX)))
        .unwrap();
    let last = Batch {
        line: u64::MAX,
        number: u64::MAX,
        ..entries(1)
    };
    fs.append(&key(), last.clone(), None).unwrap();
    assert_eq!(fs.load(&key(), u64::MAX - 1, 100).unwrap(), [last]);
    assert_eq!(end(&mut fs), Some(u64::MAX));
    fs.list_sessions("-srv-app", None, 9).unwrap();
}

#[test]
fn what_an_empty_page_would_hide_is_read_on_the_next_one() {
    let (_backend, mut fs) = Backend::with(1);
    for number in 2..300 {
        fs.append(&key(), batch(number, Kind::Claim, "us", b""), None).unwrap();
    }
    assert_eq!(numbers(&mut fs), (1..300).collect::<Vec<_>>());
}
