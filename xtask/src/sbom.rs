//! `cargo xtask sbom`: what a release consists of, as a CycloneDX file. The same sources give the same bytes: there is
//! no time and no random number in it, and everything is sorted.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use clap::Args;

mod document;

use crate::dependencies::{Crate, Dependencies, Phase, locked};
use crate::workspace::Workspace;
use document::{Component, Document, Hash, License, Link, Needs};

/// What is released: the command on these platforms, and the adapters inside.
const PLATFORMS: [&str; 3] = ["x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu", "wasm32-wasip2"];
const COMMAND: &str = "mirrorbox-cli";

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Where to write it; else target/mirrorbox.cdx.json
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl Options {
    /// Written there.
    pub(crate) fn into(out: PathBuf) -> Self {
        Self { out: Some(out) }
    }
}

/// Writes the file and says where it is.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let usual = || workspace.target.join("mirrorbox.cdx.json");
    let out = options.out.clone().unwrap_or_else(usual);
    let text = text(workspace)?;
    fs::write(&out, text).with_context(|| format!("cannot write {}", out.display()))?;
    println!("{}", out.display());
    Ok(())
}

fn text(workspace: &Workspace) -> Result<String> {
    let dependencies = Dependencies::load(workspace, &PLATFORMS.map(str::to_owned))?;
    let adapters = workspace.packages_in("adapters");
    let roots: Vec<_> = [COMMAND]
        .into_iter()
        .chain(adapters.iter().map(|adapter| &*adapter.name))
        .collect();
    let locked = locked(&workspace.root.join("Cargo.lock"))?;
    let checksums = locked
        .into_iter()
        .filter_map(|locked| Some(((locked.name, locked.version), locked.checksum?)));
    let bill = Bill::of(&dependencies, &roots, checksums.collect())?;
    Ok(serde_json::to_string_pretty(&bill.document()?)? + "\n")
}

/// What a release consists of.
struct Bill<'a> {
    dependencies: &'a Dependencies,
    /// The command, and then the adapters.
    roots: Vec<&'a Crate>,
    /// Everything else, by its reference: a part of what runs, or only needed to build it.
    parts: BTreeMap<String, (&'a Crate, Phase)>,
    /// By name and version: hex SHA-256.
    checksums: BTreeMap<(String, String), String>,
}

impl<'a> Bill<'a> {
    fn of(
        dependencies: &'a Dependencies,
        roots: &[&str],
        checksums: BTreeMap<(String, String), String>,
    ) -> Result<Self> {
        let named = |name: &&str| {
            let mut ours = dependencies
                .packages
                .values()
                .filter(|package| package.source.is_none());
            ours.find(|package| package.name == **name)
                .with_context(|| format!("the workspace has no package {name}"))
        };
        let roots: Vec<_> = roots.iter().map(named).collect::<Result<_>>()?;
        let mut bill = Self {
            dependencies,
            roots,
            parts: BTreeMap::new(),
            checksums,
        };
        let running = bill.reach(&bill.roots, &[Phase::Run], |package| !package.is_macro());
        let all = bill.reach(&bill.roots, &[Phase::Run, Phase::Build], |_| true);
        for id in all {
            let Some(package) = dependencies.packages.get(id) else {
                continue;
            };
            if bill.roots.iter().any(|root| root.id == *id) {
                continue;
            }
            let stage = if running.contains(id) { Phase::Run } else { Phase::Build };
            bill.parts.insert(reference(package), (package, stage));
        }
        Ok(bill)
    }

    /// The ids of everything that the roots need at these stages, over those that `passes` lets through.
    fn reach(&self, roots: &[&'a Crate], stages: &[Phase], passes: impl Fn(&Crate) -> bool) -> BTreeSet<&'a str> {
        let (mut reached, mut open) = (BTreeSet::new(), roots.to_vec());
        while let Some(package) = open.pop() {
            if passes(package) && reached.insert(&*package.id) {
                open.extend(self.dependencies.needed_by(&package.id, stages));
            }
        }
        reached
    }

    fn document(&self) -> Result<Document> {
        let (command, adapters) = self.roots.split_first().context("nothing is released")?;
        let parts = adapters.iter().map(|adapter| (*adapter, Phase::Run));
        let parts: Vec<_> = parts.chain(self.parts.values().copied()).collect();
        let components = parts.iter().map(|(package, stage)| self.component(package, *stage));
        let released = Component {
            kind: "application",
            name: "mirrorbox".to_owned(),
            ..self.component(command, Phase::Run)?
        };
        // The command carries the adapters inside.
        let carried = self.needs(command, adapters);
        let needs = parts
            .iter()
            .map(|(package, _)| self.needs(package, &[]))
            .chain([carried]);
        Ok(Document::new(
            released,
            components.collect::<Result<_>>()?,
            needs.collect(),
        ))
    }

    fn component(&self, package: &Crate, stage: Phase) -> Result<Component> {
        let Crate { name, version, .. } = package;
        let is_foreign = package.source.is_some();
        let checksum = self.checksums.get(&(name.clone(), version.clone()));
        ensure!(
            checksum.is_some() || !is_foreign,
            "{name} {version} has no checksum in Cargo.lock"
        );
        let hash = |content: &String| Hash {
            alg: "SHA-256",
            content: content.clone(),
        };
        let link = |url: &String| Link {
            kind: "vcs",
            url: url.clone(),
        };
        let licenses = package.license.iter().map(|license| expression(license));
        Ok(Component {
            kind: "library",
            reference: reference(package),
            name: name.clone(),
            version: version.clone(),
            scope: if stage == Phase::Run { "required" } else { "excluded" },
            licenses: licenses.collect::<Result<_>>()?,
            purl: is_foreign.then(|| reference(package)),
            hashes: checksum.map(hash).into_iter().collect(),
            links: package.repository.iter().map(link).collect(),
        })
    }

    /// What a component needs directly, of what is listed.
    fn needs(&self, package: &Crate, also: &[&Crate]) -> Needs {
        let needs = self.dependencies.needed_by(&package.id, &[Phase::Run, Phase::Build]);
        let needs: BTreeSet<_> = needs.into_iter().chain(also.iter().copied()).map(reference).collect();
        Needs {
            reference: reference(package),
            depends_on: needs.into_iter().collect(),
        }
    }
}

/// A package URL; one of ours stands in no registry.
fn reference(package: &Crate) -> String {
    let Crate { name, version, .. } = package;
    match package.source {
        // A plus is not allowed in a package URL as it is.
        Some(_) => format!("pkg:cargo/{name}@{}", version.replace('+', "%2B")),
        None => format!("{name}@{version}"),
    }
}

/// As SPDX spells it today: older manifests separate licences by a slash.
fn expression(license: &str) -> Result<License> {
    let canonical = spdx::Expression::canonicalize(license).with_context(|| format!("the licence {license:?}"))?;
    Ok(License {
        expression: canonical.unwrap_or_else(|| license.to_owned()),
    })
}

#[cfg(test)]
mod tests;
