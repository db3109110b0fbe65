//! Reads and writes `adapters.lock`: one table per adapter.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;

use serde::{Deserialize, Deserializer, de};

use super::limits::Raised;
use super::permissions::Further;
use super::{LockEntry, Permissions};
use crate::config::network::NetworkGrant;
use crate::config::{ConfigError, DirGrant, text, toml_text};

/// What stands in `adapters.lock`, by the adapters' names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Content {
    pub(super) entries: BTreeMap<String, LockEntry>,
}

const HEADER: &str = "\
# What each adapter is and may do, as it was approved. Mirrorbox writes this file: keep it with the configuration and
# read its changes. An adapter that wants more waits for `mirrorbox adapters approve NAME`.
";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    adapters: BTreeMap<String, WrittenEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenEntry {
    #[serde(deserialize_with = "digest")]
    sha256: String,
    #[serde(default)]
    imports: Vec<String>,
    #[serde(default)]
    network: Vec<NetworkGrant>,
    #[serde(default)]
    dirs: Vec<DirGrant>,
    /// Neither this nor `limits` is there if an older version wrote the entry.
    secrets: Option<BTreeSet<String>>,
    limits: Option<Raised>,
    #[serde(default)]
    tried: bool,
}

impl Content {
    /// Reads the file's text; relative paths in it start at `base`.
    pub(super) fn parse(path: &Path, content: &str, base: &Path) -> Result<Self, ConfigError> {
        let file: File = text::parse_toml(path, content)?;
        let entries = file.adapters.into_iter().map(|(name, mut written)| {
            for grant in &mut written.network {
                grant.ca = grant.ca.as_deref().map(|ca| base.join(ca));
            }
            for grant in &mut written.dirs {
                grant.host = base.join(&grant.host);
            }
            let further = Further {
                is_unsaid: written.secrets.is_none() && written.limits.is_none(),
                secrets: written.secrets.unwrap_or_default(),
                limits: written.limits.unwrap_or_default(),
            };
            let entry = LockEntry {
                permissions: Permissions::new(&written.imports, written.network, written.dirs, further, base),
                sha256: written.sha256,
                tried: written.tried,
            };
            (name, entry)
        });
        Ok(Self {
            entries: entries.collect(),
        })
    }
}

fn digest<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    match text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        true => Ok(text.to_ascii_lowercase()),
        false => Err(de::Error::custom("sha256 is not 64 hex digits")),
    }
}

/// As the file is written.
impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HEADER)?;
        for (name, entry) in &self.entries {
            writeln!(f, "\n[adapters.{}]", toml_text(name))?;
            writeln!(f, "sha256 = {}", toml_text(&entry.sha256))?;
            if entry.tried {
                writeln!(f, "tried = true # it was started, and has not opened yet")?;
            }
            let permissions = &entry.permissions;
            array(f, "imports", permissions.imports().map(toml_text))?;
            array(f, "network", permissions.network())?;
            array(f, "dirs", permissions.dirs())?;
            if !permissions.is_of_older() {
                array(f, "secrets", permissions.secrets().map(toml_text))?;
                array(f, "limits", permissions.limits().map(|line| toml_text(&line)))?;
            }
        }
        Ok(())
    }
}

fn array(f: &mut fmt::Formatter<'_>, name: &str, items: impl IntoIterator<Item = impl fmt::Display>) -> fmt::Result {
    let mut items = items.into_iter().peekable();
    if items.peek().is_none() {
        return writeln!(f, "{name} = []");
    }
    writeln!(f, "{name} = [")?;
    for item in items {
        writeln!(f, "    {item},")?;
    }
    writeln!(f, "]")
}
