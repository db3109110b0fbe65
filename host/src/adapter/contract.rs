//! Whether a component keeps the contract: which version it exports, and where its functions differ.

use wasmtime::Engine;
use wasmtime::component::Component;
use wasmtime::component::types::{self, ComponentItem};

use super::bindings::{INTERFACE, VERSION};
use super::shape::{Shape, Signature};

/// Why a component cannot be an adapter for this host.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ContractError {
    /// It does not export the contract at all.
    #[error(
        "it does not export {INTERFACE}@{VERSION}, so it is no adapter (it exports: {})", list(.exports)
    )]
    NotAnAdapter {
        /// What it exports.
        exports: Vec<String>,
    },
    /// It exports another version of the contract.
    #[error(
        "it was built for version {found} of the contract and this host speaks {VERSION}: build it against \
         mirrorbox-adapter {VERSION}, or use a host that speaks {found}"
    )]
    Version {
        /// The version that it exports.
        found: String,
    },
    /// Functions are missing or differ.
    #[error("it says that it keeps contract {VERSION} but does not:\n{}", lines(.differences))]
    Mismatch {
        /// One line each: the function, the place in it, expected and found.
        differences: Vec<String>,
    },
    /// It imports what nothing provides.
    #[error(
        "it imports what this host does not provide: {}; build it for wasm32-wasip2 with WASI 0.2 only", list(.imports)
    )]
    Imports {
        /// The interfaces.
        imports: Vec<String>,
    },
}

fn list(names: &[String]) -> String {
    match names {
        [] => "nothing".to_owned(),
        names => names.join(", "),
    }
}

fn lines(lines: &[String]) -> String {
    let indented: Vec<_> = lines.iter().map(|line| format!("  {line}")).collect();
    indented.join("\n")
}

/// The names of what a component exports.
pub(super) fn exports(component: &Component) -> Vec<String> {
    let ty = component.component_type();
    ty.exports(component.engine())
        .map(|(name, _)| name.to_owned())
        .collect()
}

/// The names of what a component imports.
pub(super) fn imports(component: &Component) -> Vec<String> {
    let ty = component.component_type();
    ty.imports(component.engine())
        .map(|(name, _)| name.to_owned())
        .collect()
}

/// Checks exports and imports, without running anything.
pub(super) fn check(component: &Component) -> Result<(), ContractError> {
    let ty = component.component_type();
    let interface = session_store(component.engine(), &ty)?;
    let differences = differences(component.engine(), &interface);
    if !differences.is_empty() {
        return Err(ContractError::Mismatch { differences });
    }
    let imports: Vec<_> = imports(component)
        .into_iter()
        .filter(|name| !is_provided(name))
        .collect();
    if imports.is_empty() {
        Ok(())
    } else {
        Err(ContractError::Imports { imports })
    }
}

/// The exported contract, of a version that is compatible with ours: the same up to the patch number.
fn session_store(engine: &Engine, ty: &types::Component) -> Result<types::ComponentInstance, ContractError> {
    let mut exports = Vec::new();
    let mut other_version = None;
    for (name, item) in ty.exports(engine) {
        exports.push(name.to_owned());
        let Some((INTERFACE, version)) = name.split_once('@') else {
            continue;
        };
        match item.ty {
            ComponentItem::ComponentInstance(instance) if is_compatible(version) => return Ok(instance),
            _ => other_version = Some(version.to_owned()),
        }
    }
    Err(match other_version {
        Some(found) => ContractError::Version { found },
        None => ContractError::NotAnAdapter { exports },
    })
}

fn is_compatible(version: &str) -> bool {
    let minor = |version: &str| version.rsplit_once('.').map(|(minor, _)| minor.to_owned());
    minor(version) == minor(VERSION)
}

fn differences(engine: &Engine, interface: &types::ComponentInstance) -> Vec<String> {
    let mut lines = Vec::new();
    for (name, expected) in functions() {
        match interface.get_export(engine, name).map(|export| export.ty) {
            Some(ComponentItem::ComponentFunc(function)) => {
                let found = expected.differences(&Signature::from(&function));
                lines.extend(found.into_iter().map(|line| format!("{name}: {line}")));
            }
            _ => lines.push(format!("{name}: the function is missing")),
        }
    }
    lines
}

/// What the host links: everything of WASI 0.2, whatever the grants (what is not granted is refused at the call).
fn is_provided(import: &str) -> bool {
    const EXACT: [&str; 3] = [
        "wasi:config/store@0.2.0-rc.1",
        "wasi:logging/logging",
        "wasi:logging/logging@0.1.0-draft",
    ];
    const PACKAGES: [&str; 7] = [
        "wasi:cli/",
        "wasi:clocks/",
        "wasi:filesystem/",
        "wasi:http/",
        "wasi:io/",
        "wasi:random/",
        "wasi:sockets/",
    ];
    let wasi_0_2 = |version: &str| version.starts_with("0.2.") && !version.contains('-');
    EXACT.contains(&import)
        || PACKAGES.iter().any(|package| import.starts_with(package))
            && import.split_once('@').is_some_and(|(_, version)| wasi_0_2(version))
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patch_versions_are_compatible() {
        assert!(is_compatible("0.1.0") && is_compatible("0.1.7"));
        assert!(!is_compatible("0.2.0") && !is_compatible("1.1.0"));
    }

    #[test]
    fn only_what_is_linked_counts_as_provided() {
        for import in [
            "wasi:cli/environment@0.2.6",
            "wasi:http/types@0.2.0",
            "wasi:config/store@0.2.0-rc.1",
            "wasi:logging/logging",
        ] {
            assert!(is_provided(import), "{import}");
        }
        for import in [
            "wasi:cli/environment@0.3.0",
            "wasi:config/store@0.2.0-draft",
            "wasi:keyvalue/store@0.2.0",
            "acme:secrets/vault@1.0.0",
        ] {
            assert!(!is_provided(import), "{import}");
        }
    }
}
