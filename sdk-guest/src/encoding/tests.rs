use proptest::prelude::*;

use super::*;

/// Text that is likely to collide: few characters, all of them awkward, often only case or normal form apart.
fn awkward() -> impl Strategy<Value = String> {
    let pieces = prop_oneof![
        prop::sample::select(vec![
            "a", "A", "%", "%61", "~", ".", "..", "/", ":", "-", "_", " ", "\\", "con", "nul", "com1", "é", "e\u{301}",
            "\u{1}", "İ", "ſ", "K", "ß", "+",
        ])
        .prop_map(str::to_owned),
        any::<char>().prop_map(String::from),
    ];
    prop_oneof![
        prop::collection::vec(pieces.clone(), 0..6),
        prop::collection::vec(pieces, 150..220),
    ]
    .prop_map(|pieces| pieces.concat())
}

/// What a file system may do to a name before it looks for it.
fn folded(name: &str) -> String {
    name.to_lowercase().trim_end_matches(['.', ' ']).to_owned()
}

proptest! {
    #[test]
    fn decoding_undoes_encoding(part in awkward()) {
        prop_assert_eq!(decode(&encode(&part)), Some(part));
    }

    #[test]
    fn decoding_undoes_encoding_of_file_names_or_tells_that_it_cannot(part in awkward()) {
        let name = encode_file_name(&part);
        prop_assert_eq!(decode_file_name(&name), (!is_hashed(&name)).then_some(part));
    }

    #[test]
    fn only_what_encoding_makes_is_decoded(text in "[aA%1-6.~]{0,8}") {
        prop_assert!(decode(&text).is_none_or(|part| encode(&part) == text));
        prop_assert!(decode_file_name(&text).is_none_or(|part| encode_file_name(&part) == text));
    }

    #[test]
    fn different_parts_have_different_names(one in awkward(), other in awkward()) {
        prop_assume!(one != other);
        prop_assert_ne!(encode(&one), encode(&other));
        prop_assert_ne!(folded(&encode_file_name(&one)), folded(&encode_file_name(&other)));
    }

    #[test]
    fn twins_have_different_names(part in awkward()) {
        let twins = [part.to_uppercase(), part.to_lowercase(), format!("{part}."), format!("{part} "), encode(&part), encode_file_name(&part)];
        for twin in twins.into_iter().filter(|twin| *twin != part) {
            prop_assert_ne!(encode(&twin), encode(&part));
            prop_assert_ne!(folded(&encode_file_name(&twin)), folded(&encode_file_name(&part)));
        }
    }

    #[test]
    fn a_file_name_is_one_that_every_file_system_keeps(part in awkward()) {
        prop_assume!(!part.is_empty());
        let name = encode_file_name(&part);
        prop_assert!(!name.is_empty() && name.len() <= MAX_FILE_NAME);
        prop_assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.%~".contains(&byte)), "{}", name);
        prop_assert!(!name.starts_with('.') && !name.ends_with('.'));
        let stem = name.split('.').next().unwrap().to_lowercase();
        prop_assert!(!["con", "prn", "aux", "nul", "com1", "lpt9"].contains(&stem.as_str()));
    }
}

#[test]
fn what_a_file_system_would_touch_is_encoded() {
    for (part, name) in [
        ("-srv-app", "-srv-app"),
        (
            "7b1f6c0e-2d5a-4c3e-9f10-aa0000000001",
            "7b1f6c0e-2d5a-4c3e-9f10-aa0000000001",
        ),
        ("subagents/agent-1", "subagents%2Fagent-1"),
        ("A", "%41"),
        ("a~1", "a%7E1"),
        (".", "%2E"),
        ("..", "%2E%2E"),
        (".tmp", "%2Etmp"),
        ("a.", "a%2E"),
        ("a.b", "a.b"),
        ("con", "%63on"),
        ("com9.tar.gz", "%63om9.tar.gz"),
        ("con.", "%63on%2E"),
        ("console", "console"),
        ("com10", "com10"),
        ("é", "%C3%A9"),
        ("a\0b", "a%00b"),
    ] {
        assert_eq!(encode_file_name(part), name);
    }
}

#[test]
fn a_long_name_keeps_its_beginning_and_no_half_of_an_escape() {
    let (fits, long) = ("x".repeat(MAX_FILE_NAME), "x".repeat(MAX_FILE_NAME + 1));
    assert_eq!(encode_file_name(&fits), fits);
    let name = encode_file_name(&long);
    assert_eq!((name.len(), name.find('~')), (READABLE + 65, Some(READABLE)));
    for shift in 0..3 {
        let part = format!("{}{}", "x".repeat(shift), "É".repeat(2048));
        let name = encode_file_name(&part);
        let readable = name.split('~').next().unwrap();
        assert_eq!((readable.len() - shift) % 3, 0, "{name}");
    }
}

#[test]
fn long_parts_that_differ_only_at_the_end_stay_apart() {
    let [one, other] = ["a", "b"].map(|end| encode_file_name(&("x".repeat(4095) + end)));
    assert_ne!(one, other);
}
