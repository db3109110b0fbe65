//! Whether a component keeps the contract: which version of it, and where its functions differ.
//!
//! A version that this host speaks is a module: what a component of it looks like as data, and the bindings between it
//! and the host's own types. [`VERSIONS`] lists them.

pub(super) mod shape;
pub(super) mod v0_1;

use semver::Version;
use wasmtime::Engine;
use wasmtime::component::types::{self, ComponentItem};
use wasmtime::component::{Component, Linker};

use super::Language;
use shape::Signature;

/// The versions of the contract that this host speaks, the newest first: the first that a component exports is taken.
const VERSIONS: &[Spoken] = &[v0_1::SPOKEN];

/// The interface, without its version.
const INTERFACE: &str = "mirrorbox:adapter/session-store";

/// A version of the contract that this host speaks.
#[derive(Debug)]
struct Spoken {
    /// The version, to the patch number. Components of other patches of it are compatible.
    version: &'static str,
    /// The version of `mirrorbox-adapter` that builds components for it.
    sdk: &'static str,
    /// The contract as data: what a component exports.
    functions: fn() -> Vec<(&'static str, Signature)>,
}

/// Why a component cannot be an adapter for this host.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ContractError {
    /// It does not export the contract at all.
    #[error(
        "it does not export {INTERFACE}@{}, so it is no adapter (it exports: {})", newest().version, list(.exports)
    )]
    NotAnAdapter {
        /// What it exports.
        exports: Vec<String>,
    },
    /// It exports the contract without saying which version.
    #[error(
        "it exports {INTERFACE} without a version, and this host speaks {}: {}",
        spoken(),
        build_anew(newest())
    )]
    Unversioned,
    /// It was built for a version that this host does not speak any more.
    #[error(
        "it was built for version {} of the contract, which is older than what this host speaks, {}: {}",
        .found.join(" and "), spoken(), build_anew(newest())
    )]
    Older {
        /// The versions that it exports.
        found: Vec<String>,
    },
    /// It was built for a version that this host does not speak yet.
    #[error(
        "it was built for version {} of the contract, which is newer than what this host speaks, {}: use a newer \
         Mirrorbox, or {}", .found.join(" and "), spoken(), build_anew(newest())
    )]
    Newer {
        /// The versions that it exports.
        found: Vec<String>,
    },
    /// Functions are missing or differ.
    #[error(
        "it says that it keeps contract {version} but does not:\n{}\nbuild it anew from the contract {version} as it was \
         published", lines(.differences)
    )]
    Mismatch {
        /// The version that it was held against.
        version: &'static str,
        /// The version of `mirrorbox-adapter` that builds components for it.
        sdk: &'static str,
        /// One line each: the function, the place in it, expected and found.
        differences: Vec<String>,
    },
    /// It imports what nothing provides.
    #[error(
        "it imports what this host does not provide: {}; it may import WASI 0.2, wasi:config/store@0.2.0-rc.1 and \
         wasi:logging/logging", list(.imports)
    )]
    Imports {
        /// The interfaces, and the functions of them where the host has others of the same interface.
        imports: Vec<String>,
    },
}

impl ContractError {
    /// What to do about it with the tools of the language that the component was written in.
    pub fn advice(&self, language: Language) -> String {
        let sdk = match self {
            Self::Mismatch { sdk, .. } => sdk,
            _ => newest().sdk,
        };
        match self {
            Self::Imports { .. } if language == Language::Rust => "build it for wasm32-wasip2".to_owned(),
            _ => language.build(sdk),
        }
    }
}

fn newest() -> &'static Spoken {
    VERSIONS.first().unwrap_or(&v0_1::SPOKEN)
}

fn spoken() -> String {
    let versions: Vec<_> = VERSIONS.iter().map(|spoken| spoken.version).collect();
    versions.join(", ")
}

fn build_anew(spoken: &Spoken) -> String {
    format!("build it anew from the contract {} as it was published", spoken.version)
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

/// The names of what a component imports.
pub(super) fn imports(component: &Component) -> Vec<String> {
    let ty = component.component_type();
    ty.imports(component.engine())
        .map(|(name, _)| name.to_owned())
        .collect()
}

/// The versions that this host speaks, the newest first.
pub(super) fn versions() -> Vec<&'static str> {
    VERSIONS.iter().map(|spoken| spoken.version).collect()
}

/// Checks the names alone, before anything is compiled: whether there is a version that this host speaks among what is
/// exported, and whether everything that is imported is there.
pub(super) fn check_names(exports: &[String], imports: &[String]) -> Result<(), ContractError> {
    let is_spoken =
        |name: &String| version(name).is_some_and(|found| VERSIONS.iter().any(|spoken| spoken.is_compatible(&found)));
    if !exports.iter().any(is_spoken) {
        return Err(other_version(exports.to_owned()));
    }
    let imports: Vec<_> = imports.iter().filter(|name| !is_provided(name)).cloned().collect();
    match imports.is_empty() {
        true => Ok(()),
        false => Err(ContractError::Imports { imports }),
    }
}

/// Checks exports and imports, without running anything. Returns the version that the component is taken at.
pub(super) fn check<T: 'static>(component: &Component, linker: &Linker<T>) -> Result<&'static str, ContractError> {
    let ty = component.component_type();
    let (spoken, interface) = session_store(component.engine(), &ty)?;
    let differences = differences(spoken, component.engine(), &interface);
    if !differences.is_empty() {
        return Err(ContractError::Mismatch {
            version: spoken.version,
            sdk: spoken.sdk,
            differences,
        });
    }
    let mut imports: Vec<_> = imports(component)
        .into_iter()
        .filter(|name| !is_provided(name))
        .collect();
    if let (true, Err(error)) = (imports.is_empty(), linker.instantiate_pre(component)) {
        imports = unlinked(component, &format!("{error:#}"));
    }
    match imports.is_empty() {
        true => Ok(spoken.version),
        false => Err(ContractError::Imports { imports }),
    }
}

/// The exported contract at the newest version that both sides speak.
fn session_store(
    engine: &Engine,
    ty: &types::Component,
) -> Result<(&'static Spoken, types::ComponentInstance), ContractError> {
    let (mut exports, mut exported) = (Vec::new(), Vec::new());
    for (name, item) in ty.exports(engine) {
        exports.push(name.to_owned());
        if let ComponentItem::ComponentInstance(instance) = item.ty {
            exported.push((name.to_owned(), instance));
        }
    }
    for spoken in VERSIONS {
        let compatible = |(name, _): &&(String, _)| version(name).is_some_and(|found| spoken.is_compatible(&found));
        if let Some((_, instance)) = exported.iter().find(compatible) {
            return Ok((spoken, instance.clone()));
        }
    }
    Err(other_version(exports))
}

/// The version that a name exports the contract at.
fn version(export: &str) -> Option<Version> {
    let (INTERFACE, version) = export.split_once('@')? else {
        return None;
    };
    Version::parse(version).ok()
}

/// What to say of a component that exports no version that this host speaks.
fn other_version(exports: Vec<String>) -> ContractError {
    let versions: Vec<_> = exports.iter().filter_map(|export| version(export)).collect();
    let is_newer = |found: &Version| Version::parse(newest().version).is_ok_and(|newest| *found > newest);
    let found = || versions.iter().map(ToString::to_string).collect();
    if versions.iter().any(is_newer) {
        ContractError::Newer { found: found() }
    } else if !versions.is_empty() {
        ContractError::Older { found: found() }
    } else if exports.iter().any(|export| export == INTERFACE) {
        ContractError::Unversioned
    } else {
        ContractError::NotAnAdapter { exports }
    }
}

impl Spoken {
    /// Whether a component of that version can be spoken to: the same up to the patch number, and finished.
    fn is_compatible(&self, found: &Version) -> bool {
        let same = |version: Version| (version.major, version.minor) == (found.major, found.minor);
        found.pre.is_empty() && Version::parse(self.version).is_ok_and(same)
    }
}

fn differences(spoken: &Spoken, engine: &Engine, interface: &types::ComponentInstance) -> Vec<String> {
    let mut lines = Vec::new();
    for (name, expected) in (spoken.functions)() {
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

/// Which imports the linker complains of, in the component's own names. A function that a later WASI 0.2 added is one.
fn unlinked(component: &Component, complaint: &str) -> Vec<String> {
    let engine = component.engine();
    let is_named = |name: &str| complaint.contains(&format!("`{name}`"));
    let ty = component.component_type();
    let mut lines = Vec::new();
    for (name, item) in ty.imports(engine).filter(|(name, _)| is_named(name)) {
        let parts: Vec<_> = match &item.ty {
            ComponentItem::ComponentInstance(instance) => instance
                .exports(engine)
                .filter(|(part, _)| is_named(part))
                .map(|(part, _)| format!("`{part}` of {name}"))
                .collect(),
            _ => Vec::new(),
        };
        match parts.is_empty() {
            true => lines.push(name.to_owned()),
            false => lines.extend(parts),
        }
    }
    if lines.is_empty() {
        lines.push("an interface of WASI 0.2 in a form of its own".to_owned());
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patch_versions_are_compatible() {
        let is_compatible = |version: &str| v0_1::SPOKEN.is_compatible(&Version::parse(version).unwrap());
        assert!(is_compatible("0.1.0") && is_compatible("0.1.7"));
        assert!(!is_compatible("0.2.0") && !is_compatible("1.1.0") && !is_compatible("0.1.0-rc.1"));
    }

    #[test]
    fn versions_are_listed_from_the_newest() {
        let parse = |text: &str| Version::parse(text).unwrap();
        assert!(
            VERSIONS
                .iter()
                .map(|spoken| parse(spoken.version))
                .is_sorted_by(|a, b| a > b)
        );
        assert!(!VERSIONS.is_empty());
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
