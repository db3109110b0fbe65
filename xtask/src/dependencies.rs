//! What is depended on: cargo's resolution for some platforms, with the checksums of `Cargo.lock`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::process;
use crate::workspace::Workspace;

/// A package, of this workspace or of others.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Crate {
    /// How cargo refers to it.
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) version: String,
    /// An SPDX expression, if it names one.
    pub(crate) license: Option<String>,
    /// Where it comes from; `None` if it is a folder.
    pub(crate) source: Option<String>,
    pub(crate) repository: Option<String>,
    targets: Vec<Target>,
}

#[derive(Clone, Debug, Deserialize)]
struct Target {
    kind: Vec<String>,
}

/// When a package is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// It becomes a part of what runs.
    Run,
    /// While something is compiled.
    Build,
    /// By tests.
    Test,
}

/// Packages by cargo's ids, and which of them need which.
#[derive(Debug)]
pub(crate) struct Dependencies {
    pub(crate) packages: BTreeMap<String, Crate>,
    needs: BTreeMap<String, Vec<(String, Phase)>>,
}

/// A package as `Cargo.lock` has it.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Locked {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) source: Option<String>,
    /// Hex SHA-256 of its archive in the registry.
    pub(crate) checksum: Option<String>,
}

#[derive(Deserialize)]
struct Lock {
    package: Vec<Locked>,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Crate>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    pkg: String,
    dep_kinds: Vec<DependencyKind>,
}

#[derive(Deserialize)]
struct DependencyKind {
    kind: Option<String>,
}

impl Crate {
    /// Whether the compiler loads it, so that it is no part of what runs.
    pub(crate) fn is_macro(&self) -> bool {
        self.targets
            .iter()
            .any(|target| target.kind.iter().any(|kind| kind == "proc-macro"))
    }
}

impl Dependencies {
    /// Asks cargo, which needs no network once the packages of these platforms were downloaded.
    pub(crate) fn load(workspace: &Workspace, platforms: &[String]) -> Result<Self> {
        let mut cargo = workspace.cargo("metadata");
        cargo.args(["--format-version", "1", "--locked"]);
        for platform in platforms {
            cargo.args(["--filter-platform", platform]);
        }
        Self::from_metadata(&process::output(&mut cargo)?).context("cannot read what `cargo metadata` printed")
    }

    pub(crate) fn from_metadata(text: &str) -> Result<Self> {
        let Metadata { packages, resolve } = serde_json::from_str(text)?;
        let by_id = |package: Crate| (package.id.clone(), package);
        let needs = |node: Node| (node.id, node.deps.into_iter().flat_map(stages).collect());
        Ok(Self {
            packages: packages.into_iter().map(by_id).collect(),
            needs: resolve.nodes.into_iter().map(needs).collect(),
        })
    }

    /// What a package needs directly at one of these stages: sorted, each once.
    pub(crate) fn needed_by(&self, id: &str, stages: &[Phase]) -> Vec<&Crate> {
        let needs = self.needs.get(id).into_iter().flatten();
        let mut ids: Vec<_> = needs
            .filter(|(_, stage)| stages.contains(stage))
            .map(|(id, _)| id)
            .collect();
        ids.sort();
        ids.dedup();
        ids.into_iter().filter_map(|id| self.packages.get(id)).collect()
    }
}

fn stages(dependency: Dependency) -> impl Iterator<Item = (String, Phase)> {
    let Dependency { pkg, dep_kinds } = dependency;
    dep_kinds.into_iter().map(move |DependencyKind { kind }| {
        let stage = match kind.as_deref() {
            Some("build") => Phase::Build,
            Some("dev") => Phase::Test,
            _ => Phase::Run,
        };
        (pkg.clone(), stage)
    })
}

/// Reads a `Cargo.lock`.
pub(crate) fn locked(path: &Path) -> Result<Vec<Locked>> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let lock: Lock = toml::from_str(&text).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(lock.package)
}
