//! What is checked: a destination of the configuration, or a component's file with a manifest and folders made for it.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mirrorbox::adapter::{AdapterError, Wants};
use mirrorbox::config::directory::{self, MAX_MANIFEST};
use mirrorbox::config::grounds::{Grounds, Own};
use mirrorbox::config::lock::Approvals;
use mirrorbox::config::{
    Acknowledge, Audit, Config, DestinationConfig, DirMode, Examination, Keep, Manifest, read_file, toml_text,
};
use mirrorbox::store::{Store, StoreError};
use tempfile::TempDir;

use super::{Check, Context};
use crate::command::adapters::inspect::inspect;
use crate::destinations::Destinations;
use crate::error::CliError;
use crate::output::say;
use crate::paths;

/// Where a component without a manifest is granted a folder.
const DATA: &str = "/data";

/// So many settings that a component without a manifest says it lacks are set to its folder.
const MOST_SETTINGS: usize = 4;

/// An adapter that is checked, and the folders it may write to.
#[derive(Debug)]
pub(super) struct Subject {
    destination: DestinationConfig,
    state: PathBuf,
    approvals: Option<Approvals>,
    /// In the place of the granted directories that it may write to; none for a destination of the configuration,
    /// which is checked where it stores.
    folders: Option<Vec<TempDir>>,
    /// It came without a manifest: settings that it says it lacks are made up.
    is_derived: bool,
    settings: Vec<String>,
}

impl Subject {
    pub(super) async fn of(check: &Check, context: &Context) -> Result<Self, CliError> {
        let file = Path::new(&check.adapter);
        match file.file_stem().and_then(OsStr::to_str) {
            Some(name) if file.extension() == Some(OsStr::new("wasm")) => {
                Self::of_file(file, name, check.with.as_deref(), context).await
            }
            _ if check.with.is_some() => Err(CliError::usage("--with goes with a component's file")
                .advise("an adapter of the configuration has its manifest there")),
            _ => Self::of_configuration(context.config()?, &check.adapter),
        }
    }

    fn of_configuration(config: Config, name: &str) -> Result<Self, CliError> {
        let names: Vec<_> = config.destinations.iter().map(|there| there.name.clone()).collect();
        let named = config.destinations.into_iter().find(|there| there.name == name);
        let destination = named.ok_or_else(|| {
            CliError::usage(format!("there is no destination `{name}`"))
                .advise(format!("there are: {}", names.join(", ")))
        })?;
        Ok(Self {
            destination,
            state: config.state,
            approvals: config.approvals,
            folders: None,
            is_derived: false,
            settings: Vec::new(),
        })
    }

    /// It is treated as one of an adapter directory: it runs under what its manifest grants, in folders of its own.
    async fn of_file(file: &Path, name: &str, with: Option<&Path>, context: &Context) -> Result<Self, CliError> {
        let component = found(file, name)?.component()?.to_owned();
        let given = match with {
            Some(path) => Some(read_manifest(path)?),
            None => match found(file, name)?.manifest()? {
                (manifest, Some(_)) => Some(manifest),
                (_, None) => None,
            },
        };
        let mut subject = Self {
            destination: DestinationConfig {
                name: name.to_owned(),
                component,
                manifest: Manifest::default(),
            },
            state: paths::state_dir(&context.global)?,
            approvals: None,
            folders: Some(Vec::new()),
            is_derived: given.is_none(),
            settings: Vec::new(),
        };
        subject.destination.manifest = match given {
            Some(manifest) => manifest,
            None => {
                let imports = inspect(file, context).await?.imports;
                let wants = Wants::of(imports.iter().map(String::as_str));
                if wants.files {
                    say(format_args!(
                        "{name} has no manifest: it is granted an empty folder as {DATA}, and nothing else"
                    ));
                }
                derived(wants.files, &[])?
            }
        };
        subject.folders = Some(subject.fresh_folders()?);
        Ok(subject)
    }

    /// This once it may connect to any host: nothing of that is approved or recorded for later.
    pub(super) fn audit(&mut self) -> Audit {
        self.approvals = None;
        self.destination.manifest.audit()
    }

    pub(super) fn writes_files(&self) -> bool {
        self.writable() > 0
    }

    fn writable(&self) -> usize {
        let dirs = self.destination.manifest.grants.dirs.iter();
        dirs.filter(|dir| dir.mode == DirMode::ReadWrite).count()
    }

    /// An empty folder for each directory that it may write to.
    pub(super) fn fresh_folders(&self) -> Result<Vec<TempDir>, CliError> {
        let fresh = || tempfile::Builder::new().prefix("mirrorbox-check-").tempdir();
        let folders: io::Result<Vec<_>> = (0..self.writable()).map(|_| fresh()).collect();
        folders.map_err(|error| CliError::failed(format!("cannot make an empty folder to check it in: {error}")))
    }

    /// Opens it; a component without a manifest gets a setting for each that it says it lacks.
    pub(super) async fn open(&mut self, examination: &Examination) -> Result<Destinations, CliError> {
        loop {
            let folders = self.folders.as_deref();
            let opened = self.open_in(folders, examination).await?;
            let lacks = opened
                .each()
                .first()
                .and_then(|one| one.store().err().and_then(lacking));
            let makes_up = self.is_derived && self.settings.len() < MOST_SETTINGS;
            let Some(setting) = lacks.filter(|_| makes_up) else {
                return Ok(opened);
            };
            opened.close().await;
            say(format_args!(
                "its setting `{setting}` is taken to be its folder: {DATA}"
            ));
            self.settings.push(setting);
            self.destination.manifest = derived(self.writes_files(), &self.settings)?;
        }
    }

    /// Opens it with these folders in the place of the directories that it may write to.
    pub(super) async fn open_in(
        &self,
        folders: Option<&[TempDir]>,
        examination: &Examination,
    ) -> Result<Destinations, CliError> {
        let mut destination = self.destination.clone();
        let manifest = &mut destination.manifest;
        manifest.examine(examination);
        if let Some(folders) = folders {
            manifest.unsettle();
            let dirs = manifest.grants.dirs.iter_mut();
            for (dir, folder) in dirs.filter(|dir| dir.mode == DirMode::ReadWrite).zip(folders) {
                dir.host = folder.path().to_owned();
            }
            let mut grounds = Grounds::new([(Own::State, self.state.as_path())]);
            grounds.claim(&destination.name, manifest);
            if let Some(overlap) = grounds.overlap(&destination.name) {
                manifest.refuse(overlap);
            }
        }
        let name = destination.name.clone();
        let mut config = self.configuration(destination);
        if folders.is_some() {
            // It has fewer places than it may have, and others: what was approved says nothing of them.
            config.approvals = None;
        }
        Destinations::open(&config, Some(&name)).await
    }

    fn configuration(&self, destination: DestinationConfig) -> Config {
        let component = destination.component.parent();
        Config {
            dir: component.unwrap_or(Path::new(".")).to_owned(),
            state: self.state.clone(),
            projects_dir: None,
            acknowledge: Acknowledge::default(),
            keep: Keep::default(),
            approvals: self.approvals.clone(),
            destinations: vec![destination],
            refused: BTreeMap::new(),
        }
    }

    /// The adapter that comes with the command, in a folder of its own, to compare with.
    pub(super) fn reference(&self, component: PathBuf) -> Result<Self, CliError> {
        let mut reference = Self {
            destination: DestinationConfig {
                name: "fs".to_owned(),
                component,
                manifest: derived(true, &[])?,
            },
            state: self.state.clone(),
            approvals: None,
            folders: None,
            is_derived: false,
            settings: Vec::new(),
        };
        reference.folders = Some(reference.fresh_folders()?);
        Ok(reference)
    }
}

/// The store of what was opened, else why it was not opened, with what the component said about it.
pub(super) fn store(opened: &Destinations, examination: &Examination) -> Result<Arc<dyn Store>, CliError> {
    let destination = opened.each().first();
    let destination = destination.ok_or_else(|| CliError::failed("no destination was opened"))?;
    destination.store().map_err(|error| {
        let error = CliError::from(error);
        match examination.take_said() {
            said if said.is_empty() => error,
            said => error.advise(format!("it printed:\n    {}", said.join("\n    "))),
        }
    })
}

fn found(file: &Path, name: &str) -> Result<directory::Found, CliError> {
    let dir = match file.parent() {
        Some(dir) if dir != Path::new("") => dir,
        _ => Path::new("."),
    };
    let cannot_look = |error: io::Error| CliError::usage(format!("cannot look at {}: {error}", dir.display()));
    let mut found = directory::scan(dir).map_err(cannot_look)?;
    // Nothing was found: the caller says so, since a component is missing then.
    Ok(found.remove(name).unwrap_or_default())
}

fn read_manifest(path: &Path) -> Result<Manifest, CliError> {
    let text = String::from_utf8(read_file(path, MAX_MANIFEST)?);
    let text = text.map_err(|_| CliError::usage(format!("{} is not UTF-8", path.display())))?;
    Ok(Manifest::parse(path, &text)?)
}

/// A manifest for a component that has none: a folder, which its settings name, if it can use one.
fn derived(files: bool, settings: &[String]) -> Result<Manifest, CliError> {
    let mut text = "[config]\n".to_owned();
    for setting in settings {
        text += &format!("{} = {}\n", toml_text(setting), toml_text(DATA));
    }
    if files {
        text += &format!("[grants]\ndirs = [{{ host = \"/\", guest = {} }}]\n", toml_text(DATA));
    }
    Ok(Manifest::parse(Path::new("a manifest made up for it"), &text)?)
}

/// The setting that an adapter says it lacks, if that is what keeps it from opening: the first name in backticks.
fn lacking(error: &AdapterError) -> Option<String> {
    let AdapterError::Open {
        source: StoreError::Misconfigured(text),
        ..
    } = error
    else {
        return None;
    };
    let is_missing = ["missing", "required", "not set"]
        .iter()
        .any(|word| text.contains(word));
    let (_, rest) = text.split_once('`').filter(|_| is_missing)?;
    rest.split_once('`').map(|(name, _)| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_that_is_lacking_is_told_from_other_complaints() {
        let lacking = |text: &str| {
            lacking(&AdapterError::Open {
                place: None,
                source: StoreError::Misconfigured(text.to_owned()),
            })
        };
        let missing = "setting `folder` is missing: add it under [config]";
        assert_eq!(lacking(missing).as_deref(), Some("folder"));
        assert_eq!(lacking("setting `port` is not a u16"), None);
        assert_eq!(lacking("the bucket is missing"), None);
    }

    #[test]
    fn what_is_made_up_is_a_manifest() {
        let manifest = derived(true, &["a \"quoted\" name".to_owned()]).unwrap();
        assert_eq!(manifest.grants.dirs.len(), 1);
        assert_eq!(manifest.settings().len(), 1);
        assert!(derived(false, &[]).unwrap().grants.dirs.is_empty());
    }
}
