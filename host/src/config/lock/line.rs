//! How permissions are written into `adapters.lock`, and shown before they are approved.

use std::path::{Path, PathBuf};

use crate::config::network::NetworkGrant;
use crate::config::{DirGrant, DirMode};

/// An entry of `network`.
pub(super) fn network_line(grant: &NetworkGrant, base: &Path) -> String {
    let to = quoted(&grant.to_string());
    let private = if grant.private { ", private = true" } else { "" };
    match &grant.ca {
        Some(ca) => format!("{{ to = {to}{private}, ca = {} }}", path(ca, base)),
        None if grant.private => format!("{{ to = {to}{private} }}"),
        None => to,
    }
}

/// An entry of `dirs`.
pub(super) fn dir_line(grant: &DirGrant, base: &Path) -> String {
    let mode = match grant.mode {
        DirMode::ReadOnly => "ro",
        DirMode::ReadWrite => "rw",
    };
    let (host, guest) = (path(&grant.host, base), quoted(&grant.guest));
    format!("{{ host = {host}, guest = {guest}, mode = \"{mode}\" }}")
}

/// Relative where it lies below the adapter directory, so that a configuration can be moved as a whole.
fn path(path: &Path, base: &Path) -> String {
    let relative = path.strip_prefix(base).map(Path::to_owned);
    let shown: PathBuf = match relative {
        Ok(relative) if relative.as_os_str().is_empty() => PathBuf::from("."),
        Ok(relative) => relative,
        Err(_) => path.to_owned(),
    };
    quoted(&shown.to_string_lossy())
}

/// A TOML string on one line. What JSON writes is one, but for DEL.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string().replace('\u{7f}', "\\u007f")
}
