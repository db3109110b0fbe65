//! `[grants]` of a manifest: which directories an adapter sees, and which hosts it may reach.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::network::NetworkGrant;
use super::text::{toml_path, toml_text};

/// `[grants]`: what an adapter may touch. Nothing by default.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Grants {
    /// Directories of the host that the adapter sees.
    pub dirs: Vec<DirGrant>,
    /// Where the adapter may connect to.
    pub network: Vec<NetworkGrant>,
}

/// A directory of the host under a path of the guest.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DirGrant {
    /// The directory on the host; it must exist.
    pub host: PathBuf,
    /// Where the adapter sees it.
    pub guest: String,
    /// What it may do there; `"rw"` unless the manifest says `"ro"`.
    #[serde(default)]
    pub mode: DirMode,
}

/// What an adapter may do in a directory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum DirMode {
    /// Read only.
    #[serde(rename = "ro")]
    ReadOnly,
    /// Read and write.
    #[default]
    #[serde(rename = "rw")]
    ReadWrite,
}

impl DirGrant {
    /// As it stands among others in a manifest or a lock: on one line, its path relative to `base` where it lies below.
    pub(super) fn entry(&self, base: Option<&Path>) -> String {
        let (host, guest) = (toml_path(&self.host, base), toml_text(&self.guest));
        format!("{{ host = {host}, guest = {guest}, mode = \"{}\" }}", self.mode.name())
    }
}

impl DirMode {
    /// As a manifest says it.
    fn name(self) -> &'static str {
        match self {
            Self::ReadOnly => "ro",
            Self::ReadWrite => "rw",
        }
    }
}
