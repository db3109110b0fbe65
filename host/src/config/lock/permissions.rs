use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use super::content::{dir_line, network_line};
use crate::config::network::NetworkGrant;
use crate::config::{DirGrant, DirMode, Grants};

/// What a component imports and what its manifest grants, each permission under the line that says it in the lock.
#[derive(Clone, Debug, Default)]
pub struct Permissions {
    imports: BTreeSet<String>,
    network: BTreeMap<String, NetworkGrant>,
    dirs: BTreeMap<String, DirGrant>,
}

/// Two are the same if the lock would say the same of them.
impl PartialEq for Permissions {
    fn eq(&self, other: &Self) -> bool {
        self.imports == other.imports
            && self.network.keys().eq(other.network.keys())
            && self.dirs.keys().eq(other.dirs.keys())
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
    /// What a component with these imports may do under these grants. `base` is the adapter directory, without
    /// links: paths below it are written relative to it.
    ///
    /// Looks at the disk: a path stands for the place that links lead to, so that nobody widens a grant by a link.
    pub fn of(imports: &[String], grants: &Grants, base: &Path) -> Self {
        let dirs = grants.dirs.iter().map(|grant| DirGrant {
            host: real(&grant.host),
            ..grant.clone()
        });
        let network = grants.network.iter().map(|grant| {
            let mut grant = grant.clone();
            grant.ca = grant.ca.as_deref().map(real);
            grant
        });
        Self::new(imports, network, dirs, base)
    }

    /// From permissions whose paths are absolute already.
    pub(super) fn new(
        imports: &[String],
        network: impl IntoIterator<Item = NetworkGrant>,
        dirs: impl IntoIterator<Item = DirGrant>,
        base: &Path,
    ) -> Self {
        Self {
            imports: imports.iter().map(|import| interface(import).to_owned()).collect(),
            network: network
                .into_iter()
                .map(|grant| (network_line(&grant, base), grant))
                .collect(),
            dirs: dirs.into_iter().map(|grant| (dir_line(&grant, base), grant)).collect(),
        }
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
        imports.chain(network).chain(dirs).collect()
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

/// The absolute path without links, as far as it exists.
pub(super) fn real(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let existing = absolute.ancestors().find_map(|ancestor| {
        let rest = absolute.strip_prefix(ancestor).ok()?;
        let real = ancestor.canonicalize().ok()?;
        // `join` with nothing would end the path of a file in a slash.
        Some(if rest.as_os_str().is_empty() {
            real
        } else {
            real.join(rest)
        })
    });
    existing.unwrap_or(absolute)
}

#[cfg(test)]
mod tests;
