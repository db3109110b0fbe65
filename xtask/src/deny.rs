//! `cargo xtask deny`: licences, bans and sources of what is depended on, as `deny.toml` has them; advisories where
//! cargo-deny and its database are.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

mod policy;

use crate::dependencies::{Crate, Dependencies, Locked, locked};
use crate::process;
use crate::workspace::Workspace;
use policy::Policy;

/// Fails with everything that is wrong.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let policy = Policy::load(workspace)?;
    let dependencies = Dependencies::load(workspace, &policy.graph.targets)?;
    // Fuzz targets are a workspace of their own, and not released: only where they come from matters.
    let locks = ["Cargo.lock", "fuzz/Cargo.lock"].map(|lock| workspace.root.join(lock));
    let mut all_locked = Vec::new();
    for lock in locks {
        all_locked.extend(locked(&lock)?);
    }
    let mut complaints = licences(&policy, &dependencies)?;
    complaints.extend(bans(&policy, &dependencies));
    complaints.extend(sources(&policy, &all_locked));
    if !complaints.is_empty() {
        bail!("deny.toml does not allow this:\n  {}", complaints.join("\n  "));
    }
    println!(
        "{} packages: licences, bans and sources are as deny.toml allows",
        dependencies.packages.len()
    );
    advisories(workspace)
}

/// Those of others. What is in this workspace has its own licence.
fn foreign(dependencies: &Dependencies) -> impl Iterator<Item = &Crate> {
    dependencies
        .packages
        .values()
        .filter(|package| package.source.is_some())
}

fn licences(policy: &Policy, dependencies: &Dependencies) -> Result<Vec<String>> {
    let allowed = policy.licences()?;
    let (mut complaints, mut used) = (Vec::new(), BTreeSet::new());
    for Crate {
        name, version, license, ..
    } in foreign(dependencies)
    {
        let Some(license) = license else {
            complaints.push(format!("{name} {version} names no licence"));
            continue;
        };
        let expression = spdx::Expression::parse_mode(license, spdx::ParseMode::LAX)
            .with_context(|| format!("the licence of {name} {version}"))?;
        let is_allowed = expression.evaluate(|required| {
            let by = allowed.iter().find(|licensee| licensee.satisfies(required));
            used.extend(by);
            by.is_some()
        });
        if !is_allowed {
            complaints.push(format!("{name} {version} has the licence {license}"));
        }
    }
    let unused = allowed.iter().filter(|licensee| !used.contains(licensee));
    complaints.extend(unused.map(|licensee| format!("nothing has the licence {licensee}: take it out of `allow`")));
    Ok(complaints)
}

fn bans(policy: &Policy, dependencies: &Dependencies) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut versions = BTreeMap::<&str, BTreeSet<&str>>::new();
    for Crate { name, version, .. } in foreign(dependencies) {
        versions.entry(name).or_default().insert(plain(version));
        let ban = policy.bans.deny.iter().find(|ban| ban.name == *name);
        complaints.extend(ban.map(|ban| format!("{name} {version} is banned: {}", ban.reason)));
    }
    for (name, versions) in &mut versions {
        let several = versions.len() > 1;
        for skip in policy.bans.skip.iter().filter(|skip| skip.name() == *name) {
            let was_there = versions.remove(skip.version());
            if !several || !was_there {
                complaints.push(format!("{} is no second version: take it out of `skip`", skip.name));
            }
        }
        if versions.len() > 1 {
            let versions: Vec<_> = versions.iter().copied().collect();
            complaints.push(format!("{name} is there in the versions {}", versions.join(" and ")));
        }
    }
    let gone = policy
        .bans
        .skip
        .iter()
        .filter(|skip| !versions.contains_key(skip.name()));
    complaints.extend(gone.map(|skip| format!("{} is not depended on: take it out of `skip`", skip.name)));
    complaints
}

/// Without what follows a `+`, which distinguishes no two versions.
fn plain(version: &str) -> &str {
    version.split('+').next().unwrap_or(version)
}

fn sources(policy: &Policy, all_locked: &[Locked]) -> Vec<String> {
    let allowed: BTreeSet<_> = policy
        .sources
        .registries
        .iter()
        .map(|url| format!("registry+{url}"))
        .collect();
    let mut complaints = Vec::new();
    for Locked {
        name,
        version,
        source,
        checksum,
    } in all_locked
    {
        // A folder; cargo takes none from outside without a word in one of our manifests.
        let Some(source) = source else { continue };
        if !allowed.contains(source) {
            complaints.push(format!("{name} {version} comes from {source}"));
        } else if checksum.is_none() {
            complaints.push(format!("{name} {version} has no checksum in Cargo.lock"));
        }
    }
    complaints
}

/// Known faults change from day to day: looked at on machines that have the tool and have fetched its database.
fn advisories(workspace: &Workspace) -> Result<()> {
    if !process::exists("cargo-deny") || !database().is_some_and(|folder| folder.is_dir()) {
        println!("advisories: passed over (`cargo install cargo-deny` and `cargo deny fetch` make them known)");
        return Ok(());
    }
    let mut tool = Command::new("cargo-deny");
    tool.args(["--offline", "check", "advisories"])
        .current_dir(&workspace.root);
    process::run(&mut tool)
}

/// Where cargo-deny keeps advisories.
fn database() -> Option<PathBuf> {
    let home = env::home_dir().map(|home| home.join(".cargo"));
    let cargo = env::var_os("CARGO_HOME").map(PathBuf::from).or(home)?;
    fs::canonicalize(cargo.join("advisory-dbs")).ok()
}

#[cfg(test)]
mod tests;
