//! Version 0.1 of the contract.

pub(in crate::adapter) mod bindings;

use super::Spoken;
use super::shape::{Shape, Signature};

pub(super) const SPOKEN: Spoken = Spoken {
    version: "0.1.0",
    sdk: "0.1",
    functions,
};

/// The contract as data: `wit/adapter.wit`, function by function. A test holds it against a real component.
fn functions() -> Vec<(&'static str, Signature)> {
    let page = |items: &str, item: Shape| record([(items, list_of(item)), ("next", option(string()))]);
    let position = record([("number", u64()), ("digest", string())]);
    vec![
        ("open", function([], info())),
        (
            "append",
            function(
                [("key", key()), ("batch", batch()), ("summary", option(summary()))],
                None,
            ),
        ),
        (
            "load",
            function(
                [("key", key()), ("after", u64()), ("max-bytes", u32())],
                list_of(batch()),
            ),
        ),
        ("end", function([("key", key())], option(position))),
        (
            "list-subkeys",
            function(
                [
                    ("project-key", string()),
                    ("session-id", string()),
                    ("token", option(string())),
                    ("limit", u32()),
                ],
                page("subpaths", string()),
            ),
        ),
        (
            "list-projects",
            function(
                [("token", option(string())), ("limit", u32())],
                page("project-keys", string()),
            ),
        ),
        (
            "list-sessions",
            function(
                [("project-key", string()), ("token", option(string())), ("limit", u32())],
                page("sessions", session()),
            ),
        ),
        (
            "find-session",
            function([("project-key", string()), ("session-id", string())], option(session())),
        ),
        ("delete", function([("key", key()), ("tombstone", batch())], None)),
        ("compact", function([("key", key()), ("through", u64())], None)),
    ]
}

fn key() -> Shape {
    record([
        ("project-key", string()),
        ("session-id", string()),
        ("subpath", option(string())),
    ])
}

fn batch() -> Shape {
    record([
        ("number", u64()),
        ("kind", Shape::Enum(owned(["entries", "claim", "tombstone"]))),
        ("writer", string()),
        ("line", u64()),
        ("digest", string()),
        ("payload", list_of(plain("u8"))),
    ])
}

fn summary() -> Shape {
    record([("through", u64()), ("json", string())])
}

fn session() -> Shape {
    record([
        ("session-id", string()),
        ("modified", u64()),
        ("last", u64()),
        ("summary", option(summary())),
    ])
}

fn info() -> Shape {
    record([
        ("name", string()),
        ("version", string()),
        (
            "capabilities",
            Shape::Flags(owned(["listing", "deletion", "compaction"])),
        ),
    ])
}

fn error() -> Shape {
    let damage = record([("first", u64()), ("last", u64()), ("reason", string())]);
    let case = |(name, payload): (&str, Option<Shape>)| (name.to_owned(), payload);
    Shape::Variant(
        [
            ("unavailable", Some(string())),
            ("throttled", Some(u32())),
            ("denied", Some(string())),
            ("misconfigured", Some(string())),
            ("conflict", None),
            ("rejected", Some(string())),
            ("corrupt", Some(damage)),
            ("unsupported", None),
            ("other", Some(string())),
        ]
        .map(case)
        .into(),
    )
}

fn function<const N: usize>(params: [(&str, Shape); N], ok: impl Into<Option<Shape>>) -> Signature {
    Signature {
        params: named(params),
        result: Some(Shape::Result(ok.into().map(Box::new), Some(Box::new(error())))),
    }
}

fn named<const N: usize>(parts: [(&str, Shape); N]) -> Vec<(String, Shape)> {
    parts.map(|(name, shape)| (name.to_owned(), shape)).into()
}

fn owned<const N: usize>(names: [&str; N]) -> Vec<String> {
    names.map(str::to_owned).into()
}

fn record<const N: usize>(fields: [(&str, Shape); N]) -> Shape {
    Shape::Record(named(fields))
}

fn list_of(item: Shape) -> Shape {
    Shape::List(Box::new(item))
}

fn option(item: Shape) -> Shape {
    Shape::Option(Box::new(item))
}

fn plain(name: &str) -> Shape {
    Shape::Plain(name.to_owned())
}

fn string() -> Shape {
    plain("string")
}

fn u32() -> Shape {
    plain("u32")
}

fn u64() -> Shape {
    plain("u64")
}
