//! `deny.toml`, as far as it is checked here. A setting that is not known is refused: what it asks for would be
//! believed to hold.

use std::fs;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use spdx::Licensee;

use crate::workspace::Workspace;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Policy {
    pub(super) graph: Graph,
    /// For cargo-deny alone.
    #[serde(rename = "advisories")]
    _advisories: toml::Table,
    licenses: Licences,
    pub(super) bans: Bans,
    pub(super) sources: Sources,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Graph {
    /// Triples of platforms.
    pub(super) targets: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Licences {
    allow: Vec<String>,
    include_build: bool,
    include_dev: bool,
    unused_allowed_license: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Bans {
    multiple_versions: String,
    /// Packages of the workspace depend on each other by path.
    wildcards: String,
    pub(super) deny: Vec<Named>,
    pub(super) skip: Vec<Named>,
}

/// A package, and why it stands in the list: `{ crate = "NAME@VERSION", reason = "…" }`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Named {
    #[serde(rename = "crate")]
    pub(super) name: String,
    pub(super) reason: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Sources {
    unknown_registry: String,
    unknown_git: String,
    #[serde(rename = "allow-registry")]
    pub(super) registries: Vec<String>,
}

impl Policy {
    /// Reads `deny.toml`.
    pub(super) fn load(workspace: &Workspace) -> Result<Self> {
        let path = workspace.root.join("deny.toml");
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        Self::parse(&text).with_context(|| format!("cannot read {}", path.display()))
    }

    pub(super) fn parse(text: &str) -> Result<Self> {
        let policy: Self = toml::from_str(text)?;
        for (setting, value) in [
            (
                "licenses.unused-allowed-license",
                &policy.licenses.unused_allowed_license,
            ),
            ("bans.multiple-versions", &policy.bans.multiple_versions),
            ("sources.unknown-registry", &policy.sources.unknown_registry),
            ("sources.unknown-git", &policy.sources.unknown_git),
        ] {
            ensure!(value == "deny", "{setting} = {value:?}: only \"deny\" is checked");
        }
        ensure!(
            policy.bans.wildcards == "allow",
            "bans.wildcards: only \"allow\" is known"
        );
        ensure!(
            policy.licenses.include_build && policy.licenses.include_dev,
            "licences of what builds and tests need are always checked"
        );
        Ok(policy)
    }

    /// The licences that are allowed.
    pub(super) fn licences(&self) -> Result<Vec<Licensee>> {
        let parse = |licence: &String| Licensee::parse(licence).with_context(|| format!("`allow` has {licence:?}"));
        self.licenses.allow.iter().map(parse).collect()
    }
}

impl Named {
    /// Without the version.
    pub(super) fn name(&self) -> &str {
        self.name.split_once('@').map_or(&*self.name, |(name, _)| name)
    }

    /// Empty if it is missing.
    pub(super) fn version(&self) -> &str {
        self.name.split_once('@').map_or("", |(_, version)| version)
    }
}
