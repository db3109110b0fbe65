//! What an adapter may do, as lines of `adapters.lock`, and which of them are wider than those approved before.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path};

use super::limits::Raised;
use crate::config::grounds::real;
use crate::config::network::NetworkGrant;
use crate::config::{DirGrant, DirMode, Manifest, Setting};

/// What a component imports and what its manifest grants, each permission under the line that says it in the lock.
#[derive(Clone, Debug, Default)]
pub struct Permissions {
    imports: BTreeSet<String>,
    network: BTreeMap<String, NetworkGrant>,
    dirs: BTreeMap<String, DirGrant>,
    further: Further,
}

/// What a manifest has looked up for the adapter, and how far it may go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Further {
    /// Where secrets come from.
    pub(super) secrets: BTreeSet<String>,
    pub(super) limits: Raised,
    /// Whether it was read from a lock that says nothing of all this: then it is empty.
    pub(super) is_unsaid: bool,
}

/// Two are the same if the lock would say the same of them.
impl PartialEq for Permissions {
    fn eq(&self, other: &Self) -> bool {
        self.has_same_grants(other) && self.further == other.further
    }
}

impl Eq for Permissions {}

/// What some permissions allow and others do not, one line each as it stands in the lock.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// Allowed now and not before.
    pub more: Vec<String>,
    /// Allowed before and not now.
    pub less: Vec<String>,
}

impl Permissions {
    /// What a component with these imports may do under this manifest. `base` is the adapter directory, without
    /// links: paths below it are written relative to it.
    ///
    /// Looks at the disk: a path stands for the place that links lead to, so that nobody widens a grant by a link.
    pub fn of(imports: &[String], manifest: &Manifest, base: &Path) -> Self {
        let grants = &manifest.grants;
        let dirs = grants
            .dirs
            .iter()
            .zip(manifest.places())
            .map(|(grant, host)| DirGrant { host, ..grant.clone() });
        let network = grants.network.iter().map(|grant| {
            let mut grant = grant.clone();
            grant.ca = grant.ca.as_deref().map(real);
            grant
        });
        Self::new(imports, network, dirs, Further::of(manifest), base)
    }

    /// From permissions whose paths are absolute already.
    pub(super) fn new(
        imports: &[String],
        network: impl IntoIterator<Item = NetworkGrant>,
        dirs: impl IntoIterator<Item = DirGrant>,
        further: Further,
        base: &Path,
    ) -> Self {
        Self {
            imports: imports.iter().map(|import| interface(import).to_owned()).collect(),
            network: network
                .into_iter()
                .map(|grant| (grant.entry_below(Some(base)), grant))
                .collect(),
            dirs: dirs.into_iter().map(|grant| (grant.entry(Some(base)), grant)).collect(),
            further,
        }
    }

    /// Whether imports and grants are the same, whatever else is.
    fn has_same_grants(&self, other: &Self) -> bool {
        self.imports == other.imports
            && self.network.keys().eq(other.network.keys())
            && self.dirs.keys().eq(other.dirs.keys())
    }

    /// Whether they were read from a lock that says nothing of secrets and limits.
    pub(super) fn is_of_older(&self) -> bool {
        self.further.is_unsaid
    }

    /// Whether these are what a lock of an older version of Mirrorbox says of the same imports and grants: that version
    /// used the same secrets and limits without asking.
    pub(super) fn follow_older(&self, older: &Self) -> bool {
        older.further.is_unsaid && self.has_same_grants(older)
    }

    /// The interfaces that are imported, without versions.
    pub fn imports(&self) -> impl Iterator<Item = &str> {
        self.imports.iter().map(String::as_str)
    }

    /// The network grants, as the lock says them.
    pub fn network(&self) -> impl Iterator<Item = &str> {
        self.network.keys().map(String::as_str)
    }

    /// The granted directories, as the lock says them.
    pub fn dirs(&self) -> impl Iterator<Item = &str> {
        self.dirs.keys().map(String::as_str)
    }

    /// Where secrets come from that the adapter gets, as the lock says it.
    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        self.further.secrets.iter().map(String::as_str)
    }

    /// The limits above their defaults, as the lock says them.
    pub fn limits(&self) -> impl Iterator<Item = String> {
        self.further.limits.lines()
    }

    /// What these allow that others do not, and the other way round. Without I/O.
    pub fn difference(&self, before: &Permissions) -> Difference {
        Difference {
            more: self.beyond(before),
            less: before.beyond(self),
        }
    }

    /// The lines of what is allowed here and not by `others`.
    fn beyond(&self, others: &Permissions) -> Vec<String> {
        let imports = self.imports.difference(&others.imports);
        let network = self
            .network
            .iter()
            .filter(|(_, grant)| !grant.is_within(others.network.values()));
        let dirs = self
            .dirs
            .iter()
            .filter(|(_, grant)| !is_within(grant, others.dirs.values()));
        let imports = imports.map(|import| format!("imports {import}"));
        let network = network.map(|(line, _)| format!("network {line}"));
        let dirs = dirs.map(|(line, _)| format!("dirs {line}"));
        let secrets = self.further.secrets.difference(&others.further.secrets);
        let secrets = secrets.map(|line| format!("secrets {line}"));
        let limits = self.further.limits.beyond(&others.further.limits);
        let limits = limits.map(|line| format!("limits {line}"));
        imports
            .chain(network)
            .chain(dirs)
            .chain(secrets)
            .chain(limits)
            .collect()
    }
}

impl Further {
    fn of(manifest: &Manifest) -> Self {
        let secret = |setting: &Setting| match setting {
            Setting::Plain(_) => None,
            Setting::Env(name) => Some(format!("env {name}")),
            // As it is written: where secrets are mounted, links lead to another place each time one changes.
            Setting::File(path) => Some(format!("file {}", path.display())),
        };
        Self {
            secrets: manifest.settings().values().filter_map(secret).collect(),
            limits: Raised::of(manifest),
            is_unsaid: false,
        }
    }
}

/// An import without its version: another version of an interface asks for nothing new.
fn interface(import: &str) -> &str {
    import.split_once('@').map_or(import, |(interface, _)| interface)
}

/// Whether some other grant allows everything that this one does. Where the guest sees it makes no difference.
fn is_within<'a>(grant: &DirGrant, others: impl IntoIterator<Item = &'a DirGrant>) -> bool {
    let leads_out = grant.host.components().any(|part| part == Component::ParentDir);
    others.into_iter().any(|other| {
        let below = grant.host == other.host || !leads_out && grant.host.starts_with(&other.host);
        below && (other.mode == DirMode::ReadWrite || grant.mode == DirMode::ReadOnly)
    })
}

#[cfg(test)]
mod tests;
