//! From a session key to a file path, and which keys must not become file names.

use std::path::PathBuf;

use super::layout::{SIDECAR, TRANSCRIPT};
use crate::key::{Part, SessionKey};

/// The most bytes that file systems take for one name.
const MAX_NAME: usize = 255;

/// A key that must not become a file's name: the file would lie elsewhere, could not exist, or would be another key's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the {part} cannot be a file name: {reason}")]
pub struct UnsafeKey {
    /// Which part of the key.
    pub part: Part,
    /// Why.
    pub reason: UnsafeReason,
}

/// Why text must not become a file's name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnsafeReason {
    /// It begins with a slash or a backslash.
    #[error("it begins at the root of the file system")]
    Absolute,
    /// It begins with a drive, such as `C:`.
    #[error("it begins with a drive")]
    Drive,
    /// It holds a slash or a backslash where one name is wanted.
    #[error("it holds a path separator")]
    Separator,
    /// A name in it is empty.
    #[error("a name in it is empty")]
    EmptyName,
    /// A name in it is `.` or `..`.
    #[error("a name in it is {0:?}")]
    Dots(String),
    /// A name in it is too long.
    #[error("a name in it would take {len} bytes with its suffix; file systems take {MAX_NAME}")]
    TooLong {
        /// Its length in bytes, with the suffix.
        len: usize,
    },
}

impl SessionKey {
    /// The transcript's file under an agent's projects directory: `<project>/<session>.jsonl` or
    /// `<project>/<session>/<subpath>.jsonl`.
    ///
    /// A key may come from anywhere, and its parts may say anything; this is where they are checked. The file lies
    /// under the directory that the path is joined to, provided that no link in there leads away.
    ///
    /// ```
    /// use mirrorbox::key::SessionKey;
    ///
    /// let main = SessionKey::main("-srv-app", "s")?;
    /// assert_eq!(main.file()?.to_str(), Some("-srv-app/s.jsonl"));
    /// assert!(main.with_subpath("subagents/../../x")?.file().is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn file(&self) -> Result<PathBuf, UnsafeKey> {
        self.file_with(TRANSCRIPT)
    }

    /// The sidecar file beside a subagent's transcript: `<project>/<session>/<subpath>.meta.json`.
    pub fn sidecar_file(&self) -> Result<PathBuf, UnsafeKey> {
        self.file_with(SIDECAR)
    }

    fn file_with(&self, suffix: &str) -> Result<PathBuf, UnsafeKey> {
        let unsafe_part = |part| move |reason| UnsafeKey { part, reason };
        let (project, session) = (self.project_key(), self.session_id());
        check_name(project, "").map_err(unsafe_part(Part::Project))?;
        let session_suffix = if self.is_main() { suffix } else { "" };
        check_name(session, session_suffix).map_err(unsafe_part(Part::Session))?;
        // Joined as text: pushing a name that looks like a drive would replace the path on Windows.
        Ok(match self.subpath() {
            None => format!("{project}/{session}{suffix}").into(),
            Some(subpath) => {
                check_subpath(subpath, suffix).map_err(unsafe_part(Part::Subpath))?;
                format!("{project}/{session}/{subpath}{suffix}").into()
            }
        })
    }
}

fn check_name(name: &str, suffix: &str) -> Result<(), UnsafeReason> {
    check_start(name)?;
    if name.contains(['/', '\\']) {
        return Err(UnsafeReason::Separator);
    }
    check_dots(name)?;
    check_length(name, suffix)
}

fn check_subpath(subpath: &str, suffix: &str) -> Result<(), UnsafeReason> {
    check_start(subpath)?;
    // A separator on Windows only, where two keys would meet in one file.
    if cfg!(windows) && subpath.contains('\\') {
        return Err(UnsafeReason::Separator);
    }
    subpath.split(['/', '\\']).try_for_each(check_dots)?;
    let (folders, name) = subpath.rsplit_once('/').unwrap_or(("", subpath));
    folders
        .split('/')
        .try_for_each(|folder| check_length(folder, ""))
        .and(check_length(name, suffix))
}

/// On any host: what was stored on one is restored on another.
fn check_start(text: &str) -> Result<(), UnsafeReason> {
    if text.starts_with(['/', '\\']) {
        return Err(UnsafeReason::Absolute);
    }
    if text.chars().nth(1) == Some(':') {
        return Err(UnsafeReason::Drive);
    }
    Ok(())
}

/// An empty name counts too: `a//b` and `a/b` are two keys, but one file.
fn check_dots(name: &str) -> Result<(), UnsafeReason> {
    match name {
        "" => Err(UnsafeReason::EmptyName),
        "." | ".." => Err(UnsafeReason::Dots(name.to_owned())),
        _ => Ok(()),
    }
}

fn check_length(name: &str, suffix: &str) -> Result<(), UnsafeReason> {
    match name.len() + suffix.len() {
        len if len > MAX_NAME => Err(UnsafeReason::TooLong { len }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
