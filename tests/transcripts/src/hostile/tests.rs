use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use serde_json::value::RawValue;

use super::*;

#[test]
fn entries_are_one_line_and_an_object() {
    let mut runner = TestRunner::deterministic();
    for _ in 0..500 {
        let line = entry().new_tree(&mut runner).unwrap().current();
        assert!(!line.contains('\n'), "{line}");
        let raw: &RawValue = serde_json::from_str(&line).unwrap();
        assert!(raw.get().starts_with('{'), "{line}");
    }
}

#[test]
fn the_worst_comes_up() {
    let mut runner = TestRunner::deterministic();
    let all: String = (0..500)
        .map(|_| entry().new_tree(&mut runner).unwrap().current())
        .collect();
    for piece in [
        "\\u0000",
        "\\ud800",
        "1e999",
        "-0",
        "9223372036854775809",
        "\u{2028}",
        "\\r\\n",
        "\r",
        "\"uuid\"",
    ] {
        assert!(all.contains(piece), "{piece:?}");
    }
    assert!(all.contains(&"[".repeat(129)), "deeper than parsers like");
}

proptest! {
    #[test]
    fn keys_are_opaque_text(key in key()) {
        for part in [Some(&key.project_key), Some(&key.session_id), key.subpath.as_ref()].into_iter().flatten() {
            prop_assert!((1..=4096).contains(&part.len()));
            prop_assert!(!part.contains('\0'));
        }
    }

    #[test]
    fn transcripts_end_with_a_line_feed(text in transcript(4)) {
        prop_assert!(text.is_empty() || text.ends_with('\n'));
    }
}
