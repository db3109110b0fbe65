//! An adapter as read from the directory: its component, its manifest and the files that it names; not open yet.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::adapter::{Adapter, AdapterError, Compiled, Runtime, STEPS};
use crate::config::directory::{FileStamp, Found};
use crate::config::lock::Approvals;
use crate::config::{ConfigError, Manifest, check_file};
use crate::mirror::{DestinationOptions, Trouble};

use super::Good;
use super::adapter_directory::Directory;

/// A component with its manifest, on its way to take part.
#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) component: PathBuf,
    pub(super) manifest: Manifest,
    /// The manifest as it stands in the file.
    pub(super) text: Option<String>,
    /// The files that the manifest names, as they were before they were read.
    pub(super) files: Files,
}

/// Files that nobody says when they change: secrets and certificates.
pub(super) type Files = Vec<(PathBuf, Option<FileStamp>)>;

/// Why a candidate does not take part.
#[derive(Debug)]
pub(super) struct Problem {
    pub(super) cause: String,
    /// Whether it may pass without anybody doing something about it.
    pub(super) can_retry: bool,
    /// What stands in the directory is at fault, not what is around it: trying again is no use before it changes.
    pub(super) is_file: bool,
}

impl Candidate {
    /// What stands under a name in the directory. Blocks for the disk.
    pub(super) fn of(directory: &Directory, name: &str, found: &Found) -> Result<Self, Problem> {
        let component = found.component()?.to_owned();
        let (manifest, text) = found.manifest()?;
        Ok(Self::new(directory, name, component, manifest, text))
    }

    /// What was opened before, with the manifest that stands in the directory, if that can be read: what it does not
    /// grant any more stays so. Blocks for the disk.
    pub(super) fn of_good(
        directory: &Directory,
        name: &str,
        found: &Found,
        (good, component): (&Good, PathBuf),
    ) -> Result<Self, Problem> {
        check_file(&component)?;
        let (manifest, text) = match (found.manifest(), &good.manifest) {
            (Ok(read), _) => read,
            (Err(_), Some(text)) => {
                let path = directory.dir.join(format!("{name}.toml"));
                (Manifest::parse(&path, text)?, good.manifest.clone())
            }
            (Err(_), None) => (Manifest::default(), None),
        };
        Ok(Self::new(directory, name, component, manifest, text))
    }

    fn new(
        directory: &Directory,
        name: &str,
        component: PathBuf,
        mut manifest: Manifest,
        text: Option<String>,
    ) -> Self {
        directory.claim(name, &mut manifest);
        Self {
            files: stamps(manifest.files().into_iter().map(Path::to_owned).collect()),
            component,
            manifest,
            text,
        }
    }

    pub(super) async fn compile(&self, runtime: &Arc<Runtime>) -> Result<Compiled, Problem> {
        Ok(Compiled::load(runtime, &self.component, self.manifest.sha256.as_deref()).await?)
    }

    pub(super) async fn open(
        &self,
        runtime: &Arc<Runtime>,
        name: &str,
        compiled: &Compiled,
        approvals: Option<&Approvals>,
    ) -> Result<Arc<Adapter>, Problem> {
        let opened = match approvals {
            Some(approvals) => Adapter::open_approved(runtime, name, compiled, &self.manifest, approvals).await,
            None => Adapter::open(runtime, name, compiled, &self.manifest).await,
        };
        Ok(Arc::new(opened?))
    }

    /// How its destination is served.
    pub(super) fn options(&self) -> DestinationOptions {
        DestinationOptions {
            mirror: self.manifest.mirror.clone(),
            calls: self.manifest.instances.into(),
            // The adapter keeps its own time; this is for one that cannot.
            timeout: self.manifest.timeout * STEPS + Duration::from_secs(5),
        }
    }
}

/// What these files are now. Blocks for the disk.
pub(super) fn stamps(paths: Vec<PathBuf>) -> Files {
    let stamped = paths.into_iter().map(|path| {
        let stamp = FileStamp::at(&path);
        (path, stamp)
    });
    stamped.collect()
}

impl Problem {
    /// Of what stands in the directory.
    pub(super) fn of_file(cause: impl ToString) -> Self {
        Self {
            cause: cause.to_string(),
            can_retry: false,
            is_file: true,
        }
    }

    /// Of what is around it.
    pub(super) fn elsewhere(cause: impl ToString, can_retry: bool) -> Self {
        Self {
            cause: cause.to_string(),
            can_retry,
            is_file: false,
        }
    }
}

impl From<ConfigError> for Problem {
    fn from(error: ConfigError) -> Self {
        Self::of_file(error)
    }
}

impl From<AdapterError> for Problem {
    fn from(error: AdapterError) -> Self {
        match &error {
            // Another manifest may give way: nobody says when.
            AdapterError::Overlap(_) => Self::elsewhere(error, true),
            AdapterError::Read { .. }
            | AdapterError::NotAComponent { .. }
            | AdapterError::TooCostly { .. }
            | AdapterError::Digest { .. }
            | AdapterError::Contract { .. }
            | AdapterError::Approval(_) => Self::of_file(error),
            _ => Self::elsewhere(&error, error.can_retry()),
        }
    }
}

impl From<Trouble> for Problem {
    fn from(trouble: Trouble) -> Self {
        Self::elsewhere(trouble, true)
    }
}
