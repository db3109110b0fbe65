//! The file's text for fuzz targets.

use std::collections::BTreeMap;
use std::path::Path;

use super::content::Content;
use super::{ConfigError, LockEntry};

/// Where the text is said to stand.
pub const PATH: &str = "/etc/mirrorbox/adapters.lock";

/// What the host reads in a text.
pub fn entries(text: &str) -> Result<BTreeMap<String, LockEntry>, ConfigError> {
    Ok(read(text)?.entries)
}

/// What the host would write of what it reads.
pub fn rewritten(text: &str) -> Result<String, ConfigError> {
    Ok(read(text)?.to_string())
}

fn read(text: &str) -> Result<Content, ConfigError> {
    Content::parse(Path::new(PATH), text, Path::new("/etc/mirrorbox/adapters"))
}
