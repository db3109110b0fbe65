//! `mirrorbox adapters install`: checks a component and copies it into the adapter directory.

use std::path::{Path, PathBuf};

use clap::Args;
use mirrorbox::config::directory::{MAX_COMPONENT, MAX_MANIFEST};
use mirrorbox::config::{FreshFile, read_file};
use serde::Serialize;

use super::Context;
use super::approve::present;
use super::inspect::inspect;
use crate::built_in::BuiltIn;
use crate::destinations::warn;
use crate::error::{CliError, Exit};
use crate::paths;

/// Put an adapter into the configuration, or a newer one in place of an older one
///
/// The component is checked first, then written beside its place, synced and renamed: nobody ever sees half of it. A
/// manifest that is there stays as it is; else the one that lies beside the file (NAME.toml) comes along.
/// Installing what comes with this command approves it, too.
#[derive(Debug, Args)]
pub(crate) struct Install {
    /// fs, postgres, redis or s3, which come with this command; or a component's file
    #[arg(value_name = "NAME|FILE")]
    what: PathBuf,
    /// What to call it [default: the name, or the file's]
    #[arg(long = "as", value_name = "NAME")]
    name: Option<String>,
}

/// What was done, for programs.
#[derive(Serialize)]
struct InstallDocument<'a> {
    name: &'a str,
    component: &'a Path,
    manifest: &'a Path,
    manifest_made: bool,
    replaced: bool,
    /// The manifest is one to be filled in.
    #[serde(skip)]
    fill_in: bool,
}

impl Install {
    pub(super) async fn run(self, context: &mut Context) -> Result<Exit, CliError> {
        let built_in = self.what.to_str().and_then(BuiltIn::named);
        let component = match &built_in {
            Some(built_in) => built_in.component()?.to_owned(),
            None => read_file(&self.what, MAX_COMPONENT).map_err(|error| {
                CliError::from(error)
                    .advise("fs, postgres, redis and s3 come with this command; anything else is a file")
            })?,
        };
        if built_in.is_none() {
            keeps_contract(&self.what, context).await?;
        }
        let name = self.name()?;
        let config = paths::config_dir(&context.global)?;
        let adapters = config.join("adapters");
        if !adapters.is_dir() {
            return Err(CliError::failed(format!("there is no {}", adapters.display()))
                .advise("`mirrorbox init` makes a configuration"));
        }
        let place = adapters.join(format!("{name}.wasm"));
        let (replaced, has_manifest) = (place.exists(), manifest_of(&place).exists());
        let fresh = FreshFile::write(&place, &component)?;
        let manifest = manifest_of(&place);
        let begin_with = match &built_in {
            Some(built_in) => built_in.manifest.map(|text| text.as_bytes().to_vec()),
            None => beside(&self.what)?,
        };
        let begin_with = begin_with.filter(|_| !has_manifest);
        let manifest_made = begin_with.is_some();
        if let Some(text) = begin_with {
            FreshFile::write(&manifest, &text)?.put()?;
        }
        fresh.put()?;
        if built_in.is_some()
            && let Err(error) = approve(context, &name, has_manifest).await
        {
            warn(&name, format_args!("installed, and not approved: {error}"));
        }
        let document = InstallDocument {
            name: &name,
            component: &place,
            manifest: &manifest,
            manifest_made,
            replaced,
            fill_in: built_in.is_some(),
        };
        document.print(context)?;
        Ok(Exit::Done)
    }

    fn name(&self) -> Result<String, CliError> {
        let stem = self.what.file_stem().and_then(|stem| stem.to_str());
        let name = self.name.as_deref().or(stem).unwrap_or_default();
        let is_plain = |name: &str| !name.starts_with('.') && !name.contains(['/', '\\', '\0']);
        match !name.is_empty() && is_plain(name) {
            true => Ok(name.to_owned()),
            false => Err(CliError::usage(format!("an adapter cannot be called {name:?}")).advise("name it with --as")),
        }
    }
}

impl InstallDocument<'_> {
    fn print(&self, context: &mut Context) -> Result<(), CliError> {
        if context.output.is_json() {
            return context.output.json(self);
        }
        let did = if self.replaced { "replaced" } else { "installed" };
        context
            .output
            .line(format_args!("{did} {}", self.component.display()))?;
        let manifest = self.manifest.display();
        if self.manifest_made && !self.fill_in {
            context.output.line(format_args!(
                "it may do what {manifest} grants once you approve that: `mirrorbox adapters approve {}`",
                self.name
            ))
        } else if self.manifest_made {
            context
                .output
                .line(format_args!("fill in {manifest}, then see `mirrorbox adapters`"))
        } else if !self.manifest.exists() {
            let advice = format_args!("it is granted nothing until there is {manifest}");
            context.output.line(advice)
        } else {
            Ok(())
        }
    }
}

/// The manifest beside a component that is installed.
fn beside(component: &Path) -> Result<Option<Vec<u8>>, CliError> {
    let manifest = manifest_of(component);
    match manifest.exists() {
        true => Ok(Some(read_file(&manifest, MAX_MANIFEST)?)),
        false => Ok(None),
    }
}

fn manifest_of(component: &Path) -> PathBuf {
    component.with_extension("toml")
}

/// Installing a component that comes with this command approves it. Without a manifest there is nothing to record yet:
/// the adapter counts as new.
async fn approve(context: &Context, name: &str, has_manifest: bool) -> Result<(), CliError> {
    let config = context.config()?;
    let destination = config.destinations.iter().find(|destination| destination.name == name);
    let (Some(approvals), Some(destination)) = (&config.approvals, destination) else {
        return Ok(());
    };
    match has_manifest {
        true => approvals.approve(name, &present(&config, destination, approvals).await?)?,
        false => approvals.forget(name)?,
    }
    Ok(())
}

async fn keeps_contract(file: &Path, context: &Context) -> Result<(), CliError> {
    let inspection = inspect(file, context).await?;
    inspection.contract.map(drop).map_err(|problem| {
        CliError::failed(format!("{} cannot be an adapter: {problem}", file.display()))
            .advise(problem.advice(inspection.language))
    })
}
