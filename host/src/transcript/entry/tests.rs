//! Which lines are entries, and the error for those that are not.

use mirrorbox_transcripts::hostile;
use proptest::prelude::*;

use super::*;

#[test]
fn whatever_is_one_json_object_passes() {
    for line in [
        r#"{}"#,
        " {\t} \r",
        r#"{"a":"\ud800","b":"\udc00\ud800","\ud800":1}"#,
        r#"{"a":1e308,"b":1e999,"c":-0,"d":9223372036854775809,"e":-1E-400,"f":0.1e+1}"#,
        r#"{"a":1,"a":2,"":null}"#,
        "{\"a\":\"\u{2028}\u{2029}\u{feff}\u{7f}\u{10ffff}\\u0000\\r\\n\\/\"}",
    ] {
        assert_eq!(check_entry(line.as_bytes()), Ok(()), "{line}");
    }
}

#[test]
fn nesting_may_be_as_deep_as_the_line_is_long() {
    for depth in [127, 128, 129, 1_000_000] {
        let line = format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(check_entry(line.as_bytes()), Ok(()), "{depth} levels");
    }
}

#[test]
fn what_is_nothing_is_told() {
    assert_eq!(check_entry(b""), Err(EntryError::Empty));
    assert_eq!(check_entry(b" \t\r"), Err(EntryError::Empty));
}

#[test]
fn what_is_no_object_is_told() {
    for (line, offset) in [
        ("[]", 0),
        ("  1", 2),
        ("\"{}\"", 0),
        ("null", 0),
        ("\u{feff}{}", 0),
        ("}", 0),
    ] {
        assert_eq!(
            check_entry(line.as_bytes()),
            Err(EntryError::NotObject { offset }),
            "{line}"
        );
    }
}

#[test]
fn a_line_feed_is_told_wherever_it_stands() {
    assert_eq!(check_entry(b"{\n}"), Err(EntryError::LineFeed { offset: 1 }));
    assert_eq!(check_entry(b"{}\n"), Err(EntryError::LineFeed { offset: 2 }));
    assert_eq!(check_entry(b"{\"a\":\"\n\"}"), Err(EntryError::LineFeed { offset: 6 }));
}

#[test]
fn bad_utf8_is_told() {
    assert_eq!(check_entry(b"{\"a\":\"\xff\"}"), Err(EntryError::Utf8 { offset: 6 }));
    // A surrogate as bytes.
    assert_eq!(
        check_entry(b"{\"a\":\"\xed\xa0\x80\"}"),
        Err(EntryError::Utf8 { offset: 6 })
    );
}

#[test]
fn bad_json_is_told_with_the_place() {
    for (line, at) in [
        (r#"{"a":1,}"#, 7),
        (r#"{"a" 1}"#, 5),
        (r#"{'a':1}"#, 1),
        (r#"{"a":01}"#, 6),
        (r#"{"a":.5}"#, 5),
        (r#"{"a":NaN}"#, 5),
        (r#"{"a":"\x"}"#, 7),
        ("{\"a\":\"\t\"}", 6),
        ("{\"a\":\"\r\"}", 6),
        (r#"{} {}"#, 3),
        (r#"{"é":1,}"#, 8),
    ] {
        let Err(EntryError::Syntax { offset, reason }) = check_entry(line.as_bytes()) else {
            panic!("{line} passed");
        };
        // The parser stops before a control character, behind anything else.
        assert!(offset == at || offset + 1 == at, "{line}: {reason} at {offset}");
        assert!(!reason.is_empty() && !reason.contains(" at line "), "{reason}");
    }
}

#[test]
fn a_line_that_was_cut_is_bad_json() {
    let line = br#"{"a":"b\u0041","c":[1.5e3,true,null]}"#;
    for cut in 1..line.len() {
        let error = check_entry(&line[..cut]).unwrap_err();
        assert!(matches!(error, EntryError::Syntax { .. }), "{cut}: {error}");
    }
}

#[test]
fn errors_repeat_nothing_of_the_line() {
    let error = check_entry(br#"{"secret" "secret"}"#).unwrap_err();
    assert!(!format!("{error} {error:?}").contains("secret"), "{error}");
}

proptest! {
    #[test]
    fn hostile_entries_pass(line in hostile::entry()) {
        prop_assert_eq!(check_entry(line.as_bytes()), Ok(()));
    }

    /// `RawValue` is another way through the parser; it must agree on what is JSON.
    #[test]
    fn a_changed_entry_passes_if_it_is_still_an_object(
        line in hostile::entry(),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut line = line.into_bytes();
        let at = at.index(line.len());
        line[at] = byte;
        let raw: Result<&serde_json::value::RawValue, _> = serde_json::from_slice(&line);
        let object = raw.is_ok_and(|raw| raw.get().starts_with('{')) && std::str::from_utf8(&line).is_ok();
        prop_assert_eq!(check_entry(&line).is_ok(), object && !line.contains(&b'\n'));
    }
}
