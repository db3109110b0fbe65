//! Looking into JSON text without building values: members and items as slices of the text itself.
//!
//! No number is parsed and no nesting is recursed into, so whatever is good JSON can be looked into.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserializer as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

type Result<T> = serde_json::Result<T>;

/// White space between tokens.
pub(crate) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// Whether the text is JSON.
pub(crate) fn check(text: &str) -> Result<()> {
    serde_json::from_str::<IgnoredAny>(text).map(drop)
}

/// Calls `visit` with key and value of each member of an object, both raw, in their order.
pub(crate) fn each_member<'a>(text: &'a str, visit: impl FnMut(&'a str, &'a str)) -> Result<()> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    deserializer.deserialize_map(Members(visit))?;
    deserializer.end()
}

/// Calls `visit` with each item of an array, raw, in their order.
pub(crate) fn each_item<'a>(text: &'a str, visit: impl FnMut(&'a str)) -> Result<()> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    deserializer.deserialize_seq(Items(visit))?;
    deserializer.end()
}

/// What a raw JSON string says; none if it is no string. A lone surrogate becomes U+FFFD.
pub(crate) fn string(raw: &str) -> Option<Cow<'_, str>> {
    let inner = raw.strip_prefix('"')?.strip_suffix('"')?;
    if memchr::memchr(b'\\', inner.as_bytes()).is_none() {
        return Some(Cow::Borrowed(inner));
    }
    let bytes = serde_json::Deserializer::from_str(raw).deserialize_bytes(Bytes).ok()?;
    Some(Cow::Owned(
        String::from_utf8(bytes).unwrap_or_else(|error| replace_surrogates(error.as_bytes())),
    ))
}

/// A text as a JSON string.
pub(crate) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A surrogate is three bytes, each of them invalid; the first is always ED.
fn replace_surrogates(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        if chunk.invalid().first() == Some(&0xed) {
            text.push(char::REPLACEMENT_CHARACTER);
        }
    }
    text
}

struct Members<F>(F);

impl<'a, F: FnMut(&'a str, &'a str)> Visitor<'a> for Members<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(mut self, mut map: A) -> std::result::Result<(), A::Error> {
        while let Some((key, value)) = map.next_entry::<&RawValue, &RawValue>()? {
            (self.0)(key.get(), value.get());
        }
        Ok(())
    }
}

struct Items<F>(F);

impl<'a, F: FnMut(&'a str)> Visitor<'a> for Items<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'a>>(mut self, mut items: A) -> std::result::Result<(), A::Error> {
        while let Some(item) = items.next_element::<&RawValue>()? {
            (self.0)(item.get());
        }
        Ok(())
    }
}

/// A string's bytes, unescaped: UTF-8 but for lone surrogates, which have no other way out.
struct Bytes;

impl Visitor<'_> for Bytes {
    type Value = Vec<u8>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> std::result::Result<Vec<u8>, E> {
        Ok(bytes.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_come_raw_and_in_order() {
        let mut seen = Vec::new();
        let text = r#" { "a" : 1e999 , "\u0061":[ 1, {} ],"\ud800":"x" } "#;
        each_member(text, |key, value| seen.push((key, value))).unwrap();
        assert_eq!(
            seen,
            [
                (r#""a""#, "1e999"),
                (r#""\u0061""#, "[ 1, {} ]"),
                (r#""\ud800""#, r#""x""#)
            ]
        );
    }

    #[test]
    fn items_come_raw_and_in_order() {
        let mut seen = Vec::new();
        each_item(r#"[1 , "a",[2]]"#, |item| seen.push(item)).unwrap();
        assert_eq!(seen, ["1", r#""a""#, "[2]"]);
    }

    #[test]
    fn what_is_no_object_or_goes_on_is_refused() {
        each_member("[]", |_, _| ()).unwrap_err();
        each_member("{} {}", |_, _| ()).unwrap_err();
        each_item("{}", |_| ()).unwrap_err();
    }

    #[test]
    fn strings_are_unescaped_and_a_lone_surrogate_is_one_replacement() {
        assert!(matches!(string(r#""plain""#), Some(Cow::Borrowed("plain"))));
        assert_eq!(string(r#""a\n\u00e9\ud83d\ude00""#).unwrap(), "a\né😀");
        assert_eq!(string(r#""\ud800x\udc00\u0000""#).unwrap(), "\u{fffd}x\u{fffd}\0");
        assert_eq!(string("1"), None);
        assert_eq!(string(r#"""#), None);
    }
}
