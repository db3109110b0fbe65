//! The configuration directory: `mirrorbox.toml`, `adapters/` with `NAME.wasm` and `NAME.toml` for each destination,
//! and `adapters.lock`.
//!
//! Nothing here touches a backend: [`Config::load`] reads files, checks them and says which line is wrong.
//! [`directory`] looks at the adapter directory name by name, for a host that runs on whatever is dropped there.

mod audit;
pub mod directory;
mod examination;
mod fresh_file;
mod gate;
mod grants;
pub mod grounds;
mod local;
pub mod lock;
mod manifest;
mod mirror;
pub mod network;
mod secret;
mod text;

use std::collections::{BTreeMap, btree_map};
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use directory::Found;
use gate::FileGate;
use grounds::Grounds;
use lock::Approvals;

pub use audit::Audit;
pub use directory::Rejected;
pub use examination::{Examination, KeptNames, SyncedFiles};
pub use fresh_file::FreshFile;
#[cfg(feature = "wasm")]
pub(crate) use gate::check_file;
pub use gate::read_file;
pub use grants::{DirGrant, DirMode, Grants};
pub use local::{Acknowledge, Keep};
pub use manifest::Manifest;
pub use mirror::{Flush, MirrorSettings, Writers};
pub use secret::{Setting, Settings};
pub use text::{SourceLocation, toml_text};

/// The adapter directory, within the configuration directory.
pub(crate) const ADAPTERS: &str = "adapters";

/// What holds for all adapters, within the configuration directory.
const MAIN_FILE: &str = "mirrorbox.toml";

/// What the configuration directory says.
#[derive(Clone, Debug)]
pub struct Config {
    /// The configuration directory.
    pub dir: PathBuf,
    /// Where the host keeps its own files, the compiled-code cache among them.
    pub state: PathBuf,
    /// The agent's `projects` directory, if `mirrorbox.toml` names one.
    pub projects_dir: Option<PathBuf>,
    /// When an append is answered.
    pub acknowledge: Acknowledge,
    /// How long the spool keeps what every destination has.
    pub keep: Keep,
    /// What adapters are held against before they open; none: they open as they are.
    pub approvals: Option<Approvals>,
    /// The destinations, by name.
    pub destinations: Vec<DestinationConfig>,
    /// The names in the adapter directory that [`Config::load_lenient`] left out, and what is wrong with each. They are
    /// destinations all the same: a host keeps what waits for them.
    pub refused: BTreeMap<String, String>,
}

/// A component in the adapter directory, with its manifest.
#[derive(Clone, Debug)]
pub struct DestinationConfig {
    /// The file name without `.wasm`.
    pub name: String,
    /// The component.
    pub component: PathBuf,
    /// What it may do and how it is set up; the default manifest, which grants nothing, if
    /// it has none of its own.
    pub manifest: Manifest,
}

/// What is wrong with the configuration.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// There is no such directory.
    #[error("there is no configuration directory at {0}; `mirrorbox init` makes one")]
    Absent(PathBuf),
    /// A file could not be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// Which file or directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file could not be written.
    #[error("cannot write {path}: {source}")]
    Write {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// What stands in the adapter directory is not looked into.
    #[error("{}: {refusal}", .path.display())]
    Refused {
        /// Which file or directory.
        path: PathBuf,
        /// Why, and what to do.
        refusal: Rejected,
    },
    /// A file says something that it must not.
    #[error("{place}: {message}")]
    Invalid {
        /// Which file, and which line.
        place: SourceLocation,
        /// What is wrong and what would be right.
        message: String,
    },
}

/// `mirrorbox.toml`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct MainFile {
    state: Option<PathBuf>,
    projects_dir: Option<PathBuf>,
    #[serde(default)]
    acknowledge: Acknowledge,
    #[serde(default)]
    keep: Keep,
    /// Whether adapters that may do more than before need nobody's approval.
    #[serde(default)]
    auto_approve: bool,
}

impl Config {
    /// Reads the configuration directory `dir`. `state` is where the host keeps its own files unless `mirrorbox.toml`
    /// names another place; relative paths in it start at `dir`.
    ///
    /// Files that others than their owner could change are refused, and whatever else [`Rejected`] names; the first
    /// thing is the error, as is the first manifest with a mistake.
    pub fn load(dir: &Path, state: &Path) -> Result<Self, ConfigError> {
        Self::read(dir, state, |found| {
            found.map(|(name, found)| destination(name, &found)).collect()
        })
    }

    /// As [`Config::load`], for a host that goes on running: a name in the adapter directory with which something is
    /// wrong is left out, and told in [`Config::refused`]. The host looks there itself and reports it. What is wrong
    /// with the configuration directory or `mirrorbox.toml` is an error all the same.
    pub fn load_lenient(dir: &Path, state: &Path) -> Result<Self, ConfigError> {
        let mut refused = BTreeMap::new();
        let mut usable = |(name, found): (String, Found)| match destination(name.clone(), &found) {
            Ok(destination) => Some(destination),
            Err(error) => {
                refused.insert(name, error.to_string());
                None
            }
        };
        let config = Self::read(dir, state, |found| Ok(found.filter_map(&mut usable).collect()))?;
        Ok(Self { refused, ..config })
    }

    /// Where components and their manifests are dropped.
    pub fn adapter_dir(&self) -> PathBuf {
        self.dir.join(ADAPTERS)
    }

    fn read(
        dir: &Path,
        state: &Path,
        choose: impl FnOnce(btree_map::IntoIter<String, Found>) -> Result<Vec<DestinationConfig>, ConfigError>,
    ) -> Result<Self, ConfigError> {
        if !dir.is_dir() {
            return Err(ConfigError::Absent(dir.to_owned()));
        }
        let gate = FileGate::of(dir);
        gate.directory(dir)?;
        let file = dir.join(MAIN_FILE);
        let main: MainFile = match gate.read(&file, gate::MAX_MAIN_FILE)? {
            Some(content) => text::parse_toml(&file, &content)?,
            None => MainFile::default(),
        };
        let adapters = dir.join(ADAPTERS);
        let found = directory::scan(&adapters).map_err(|source| ConfigError::Read { path: adapters, source })?;
        let state = main.state.map_or_else(|| state.to_owned(), |path| dir.join(path));
        let mut destinations = choose(found.into_iter())?;
        hold_against_each_other(&mut destinations, Grounds::of_host(dir, &state));
        Ok(Self {
            dir: dir.to_owned(),
            state,
            projects_dir: main.projects_dir.map(|path| dir.join(path)),
            acknowledge: main.acknowledge,
            keep: main.keep,
            approvals: Some(Approvals::of(dir, main.auto_approve)),
            destinations,
            refused: BTreeMap::new(),
        })
    }
}

/// Settles where granted directories lie, and refuses those that overlap.
fn hold_against_each_other(destinations: &mut [DestinationConfig], mut grounds: Grounds) {
    for DestinationConfig { name, manifest, .. } in &mut *destinations {
        grounds.claim(name, manifest);
    }
    for DestinationConfig { name, manifest, .. } in destinations {
        if let Some(overlap) = grounds.overlap(name) {
            manifest.refuse(overlap);
        }
    }
}

/// A destination, if nothing is wrong with what stands under its name.
fn destination(name: String, found: &Found) -> Result<DestinationConfig, ConfigError> {
    Ok(DestinationConfig {
        component: found.component()?.to_owned(),
        manifest: found.manifest()?.0,
        name,
    })
}

#[cfg(test)]
mod tests;
