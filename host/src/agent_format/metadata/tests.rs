//! Sidecars as metadata entries and back, to the byte.

use proptest::prelude::*;

use super::*;

fn entry(sidecar: &str) -> String {
    String::from_utf8(from_sidecar(sidecar.as_bytes()).unwrap()).unwrap()
}

fn sidecar(entry: &str) -> String {
    String::from_utf8(to_sidecar(entry.as_bytes()).unwrap()).unwrap()
}

#[test]
fn a_sidecar_of_one_line_comes_back_to_the_byte() {
    for text in [
        "{}",
        "{ }",
        " {} ",
        "\t{\"a\":1 }\t",
        r#"{"agentType":"Explore","description":"a, \"b\"}","spawnDepth":1}"#,
        r#"{ "a" : 1 , "b":[ 1 , 2 ] }"#,
        r#"{"n":1e999,"n":-0,"s":"\ud800\u0000"}"#,
        r#"{"type":"other","a":1}"#,
        r#"{"a":1,"type":"agent_metadata"}"#,
        r#"{"a":{"type":"agent_metadata"}}"#,
        r#"{"a":"x,\"type\":\"agent_metadata\"}"}"#,
    ] {
        let entry = entry(text);
        assert_eq!(crate::transcript::check_entry(entry.as_bytes()), Ok(()), "{entry}");
        assert!(is_metadata(entry.as_bytes()), "{entry}");
        assert_eq!(sidecar(&entry), text);
    }
}

#[test]
fn the_type_comes_last() {
    assert_eq!(entry("{}"), r#"{"type":"agent_metadata"}"#);
    assert_eq!(
        entry(r#"{"type":"x","a":1}"#),
        r#"{"type":"x","a":1,"type":"agent_metadata"}"#
    );
}

#[test]
fn a_pretty_printed_sidecar_becomes_one_line() {
    let pretty = "{\r\n  \"a\": \"x \\n  y\",\n\t\"b\": [\n    1,\n    2\n  ]\n}\n";
    assert_eq!(entry(pretty), r#"{"a": "x \n  y","b": [1,2],"type":"agent_metadata"}"#);
}

#[test]
fn a_sidecar_that_is_no_object_is_refused() {
    assert_eq!(from_sidecar(b"[]"), Err(EntryError::NotObject { offset: 0 }));
    assert_eq!(from_sidecar(b"\n"), Err(EntryError::Empty));
    assert_eq!(from_sidecar(b"\xff"), Err(EntryError::Utf8 { offset: 0 }));
    let error = from_sidecar(b"{\n  \"a\": 1,\n  \"b\" 2\n}").unwrap_err();
    assert!(matches!(error, EntryError::Syntax { offset: 18, .. }), "{error}");
}

#[test]
fn an_entry_with_its_type_anywhere_gives_a_sidecar() {
    assert_eq!(sidecar(r#"{"type":"agent_metadata","a":1,"b":2}"#), r#"{"a":1,"b":2}"#);
    assert_eq!(
        sidecar(r#"{"a":1,"type":"agent_metadata","b":[ 2 ]}"#),
        r#"{"a":1,"b":[ 2 ]}"#
    );
    assert_eq!(sidecar(r#"{"a":1, "type": "agent_metadata"}"#), r#"{"a":1}"#);
    assert_eq!(sidecar(r#"{"type":"agent_metadata"}"#), "{}");
}

#[test]
fn only_the_top_level_type_makes_a_metadata_entry() {
    assert!(is_metadata(br#"{"type":"agent_metadata"}"#));
    assert!(is_metadata(br#"{ "a":"\ud800", "ty\u0070e" : "agent_metadata" }"#));
    for line in [
        r#"{"type":"user","message":"agent_metadata"}"#,
        r#"{"a":{"type":"agent_metadata"}}"#,
        r#"{"type":"agent_metadata","type":"user"}"#,
        r#"["type","agent_metadata"]"#,
        r#"{"type":"agent_metadata""#,
        r#"{"type":"user"}"#,
        "",
    ] {
        assert!(!is_metadata(line.as_bytes()), "{line}");
    }
    assert_eq!(to_sidecar(br#"{"type":"user"}"#), Err(EntryError::NotMetadata));
}

#[test]
fn same_compares_values_without_order_and_type() {
    let same = |a: &str, b: &str| same(a.as_bytes(), b.as_bytes());
    let entry = r#"{"a":1,"b":{"c":[1,2],"d":"é"},"type":"agent_metadata"}"#;
    assert!(same(
        entry,
        r#"{"type":"agent_metadata","b":{"d":"\u00e9","c":[1,2]},"a":1}"#
    ));
    assert!(!same(
        entry,
        r#"{"type":"agent_metadata","b":{"d":"\u00e9","c":[2,1]},"a":1}"#
    ));
    assert!(!same(entry, r#"{"type":"agent_metadata","a":1}"#));
    let unreadable = r#"{"a":"\ud800","type":"agent_metadata"}"#;
    assert!(same(unreadable, unreadable));
    assert!(same(unreadable, r#"{"type":"agent_metadata","a":"\ud800"}"#));
    assert!(!same(unreadable, r#"{"a":"\ud801","type":"agent_metadata"}"#));
}

/// Objects with all that sidecars are made of, as values.
fn sidecars() -> impl Strategy<Value = Map<String, Value>> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
        Just(Value::from(r#"agent_metadata","type":"agent_metadata"}"#)),
    ];
    let value = leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(keys(), inner, 0..4).prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    });
    prop::collection::btree_map(keys(), value, 0..6).prop_map(|map| map.into_iter().collect())
}

fn keys() -> impl Strategy<Value = String> {
    prop_oneof![Just("type".to_owned()), ".{0,6}", "[a-z]{1,6}"]
}

proptest! {
    #[test]
    fn any_compact_sidecar_comes_back_to_the_byte(meta in sidecars()) {
        let text = serde_json::to_string(&meta).unwrap();
        let entry = entry(&text);
        prop_assert!(is_metadata(entry.as_bytes()));
        prop_assert_eq!(sidecar(&entry), text);
    }

    #[test]
    fn any_pretty_sidecar_becomes_an_entry_of_the_same_value(meta in sidecars()) {
        let pretty = entry(&serde_json::to_string_pretty(&meta).unwrap());
        let compact = entry(&serde_json::to_string(&meta).unwrap());
        prop_assert!(!pretty.contains(['\n', '\r']));
        prop_assert!(same(pretty.as_bytes(), compact.as_bytes()));
        prop_assert_eq!(serde_json::from_str::<Map<String, Value>>(&sidecar(&pretty)).unwrap(), meta);
    }
}
