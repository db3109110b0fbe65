//! The configuration directory: `mirrorbox.toml`, `adapters/` with `NAME.wasm` and `NAME.toml` for each destination, and
//! `adapters.lock`.
//!
//! Nothing here touches a backend: [`Config::load`] reads files, checks them and says which line is wrong.
//! [`directory`] looks at the adapter directory name by name, for a host that runs on whatever is dropped there.

mod audit;
pub mod directory;
mod local;
pub mod lock;
mod manifest;
mod mirror;
pub mod network;
mod secret;
mod text;

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use lock::Approvals;

pub use audit::Audit;
pub use directory::Refusal;
pub use local::{Acknowledge, Keep};
pub use manifest::{DirGrant, DirMode, Grants, Manifest};
pub use mirror::{Flush, MirrorSettings, Writers};
pub use secret::{Setting, Settings};
pub use text::Place;

/// The adapter directory, within the configuration directory.
const ADAPTERS: &str = "adapters";

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
}

/// A component in the adapter directory, with its manifest.
#[derive(Clone, Debug)]
pub struct DestinationConfig {
    /// The file name without `.wasm`.
    pub name: String,
    /// The component.
    pub component: PathBuf,
    /// What it may do and how it is set up; the default manifest, which grants nothing, where there is none.
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
        refusal: Refusal,
    },
    /// A file says something that it must not.
    #[error("{place}: {message}")]
    Invalid {
        /// Which file, and which line.
        place: Place,
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
    pub fn load(dir: &Path, state: &Path) -> Result<Self, ConfigError> {
        Self::read(dir, state, destinations)
    }

    /// As [`Config::load`], for a host that goes on running: a name in the adapter directory with which something is
    /// wrong is left out. The host looks there itself and reports it.
    pub fn load_lenient(dir: &Path, state: &Path) -> Result<Self, ConfigError> {
        Self::read(dir, state, usable_destinations)
    }

    /// Where components and their manifests are dropped.
    pub fn adapter_dir(&self) -> PathBuf {
        self.dir.join(ADAPTERS)
    }

    fn read(
        dir: &Path,
        state: &Path,
        destinations: impl FnOnce(&Path) -> Result<Vec<DestinationConfig>, ConfigError>,
    ) -> Result<Self, ConfigError> {
        if !dir.is_dir() {
            return Err(ConfigError::Absent(dir.to_owned()));
        }
        let main: MainFile = text::read_toml(&dir.join("mirrorbox.toml"))?.unwrap_or_default();
        Ok(Self {
            dir: dir.to_owned(),
            state: main.state.map_or_else(|| state.to_owned(), |path| dir.join(path)),
            projects_dir: main.projects_dir.map(|path| dir.join(path)),
            acknowledge: main.acknowledge,
            keep: main.keep,
            approvals: Some(Approvals::of(dir, main.auto_approve)),
            destinations: destinations(&dir.join(ADAPTERS))?,
        })
    }
}

/// What is all right of an adapter directory.
fn usable_destinations(dir: &Path) -> Result<Vec<DestinationConfig>, ConfigError> {
    let found = directory::scan(dir).map_err(|source| ConfigError::Read {
        path: dir.to_owned(),
        source,
    })?;
    let usable = found.into_iter().filter_map(|(name, found)| {
        let component = found.component().ok()?;
        let (manifest, _) = found.manifest().ok()?;
        Some(DestinationConfig {
            name,
            component: component.to_owned(),
            manifest,
        })
    });
    Ok(usable.collect())
}

/// The components of an adapter directory. A manifest without its component is an error: something that somebody
/// configured would otherwise be silently left out.
fn destinations(dir: &Path) -> Result<Vec<DestinationConfig>, ConfigError> {
    let (mut components, mut manifests) = (BTreeSet::new(), BTreeSet::new());
    for path in read_dir(dir)? {
        let Some(name) = path.file_stem().and_then(OsStr::to_str).map(str::to_owned) else {
            continue;
        };
        match path.extension().and_then(OsStr::to_str) {
            Some("wasm") => components.insert(name),
            Some("toml") => manifests.insert(name),
            _ => continue,
        };
    }
    if let Some(orphan) = manifests.difference(&components).next() {
        return Err(ConfigError::Invalid {
            place: Place::file(dir.join(format!("{orphan}.toml"))),
            message: format!("there is no component {orphan}.wasm beside this manifest"),
        });
    }
    components.into_iter().map(|name| destination(dir, name)).collect()
}

fn destination(dir: &Path, name: String) -> Result<DestinationConfig, ConfigError> {
    Ok(DestinationConfig {
        component: dir.join(format!("{name}.wasm")),
        manifest: Manifest::load(&dir.join(format!("{name}.toml")))?,
        name,
    })
}

fn read_dir(dir: &Path) -> Result<Vec<PathBuf>, ConfigError> {
    let read = || -> io::Result<Vec<PathBuf>> { std::fs::read_dir(dir)?.map(|entry| Ok(entry?.path())).collect() };
    match read() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        other => other.map_err(|source| ConfigError::Read {
            path: dir.to_owned(),
            source,
        }),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn directory(files: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("adapters")).unwrap();
        for (name, content) in files {
            fs::write(dir.path().join(name), content).unwrap();
        }
        dir
    }

    fn error(files: &[(&str, &str)]) -> String {
        let dir = directory(files);
        let error = Config::load(dir.path(), Path::new("/state")).unwrap_err().to_string();
        error.replace(dir.path().to_str().unwrap(), "")
    }

    #[test]
    fn a_component_without_a_manifest_is_granted_nothing() {
        let dir = directory(&[("adapters/mine.wasm", "")]);
        let config = Config::load(dir.path(), Path::new("/state")).unwrap();
        assert_eq!(config.state, Path::new("/state"));
        assert_eq!(config.destinations[0].name, "mine");
        assert!(config.destinations[0].manifest.grants.dirs.is_empty());
    }

    #[test]
    fn an_unknown_key_is_named_with_its_line() {
        let error = error(&[("mirrorbox.toml", "# first\nstaet = \"x\"\n")]);
        assert!(
            error.starts_with("/mirrorbox.toml, line 2: unknown field `staet`"),
            "{error}"
        );
    }

    #[test]
    fn a_wrong_type_is_named_with_its_line_but_never_its_value() {
        let manifest = "[config]\nbucket = \"b\"\npassword = [\"hunter2\"]\n";
        let error = error(&[("adapters/s3.wasm", ""), ("adapters/s3.toml", manifest)]);
        assert!(error.starts_with("/adapters/s3.toml, line 3: "), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }

    #[test]
    fn a_manifest_without_its_component_is_an_error() {
        let error = error(&[("adapters/s3.toml", "")]);
        assert!(error.contains("no component s3.wasm"), "{error}");
    }

    #[test]
    fn a_missing_directory_says_how_to_make_one() {
        let error = Config::load(Path::new("/nowhere/at/all"), Path::new("/state")).unwrap_err();
        assert!(error.to_string().contains("mirrorbox init"), "{error}");
    }
}
