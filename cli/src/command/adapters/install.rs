//! `mirrorbox adapters install`: checks a component and copies it into the adapter directory.

use std::path::{Path, PathBuf};

use clap::Args;
use mirrorbox::config::directory::MAX_COMPONENT;
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
/// manifest that is there stays as it is. Installing what comes with this command approves it, too.
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
        let template = built_in.and_then(|built_in| built_in.manifest);
        let manifest_made = template.is_some() && !has_manifest;
        if let Some(template) = template.filter(|_| manifest_made) {
            FreshFile::write(&manifest, template.as_bytes())?.put()?;
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
        if self.manifest_made {
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
