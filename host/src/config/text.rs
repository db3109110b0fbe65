use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

use super::ConfigError;

/// A file, and the line in it where that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceLocation {
    /// The file.
    pub path: PathBuf,
    /// The line, from 1.
    pub line: Option<usize>,
}

impl SourceLocation {
    /// A file as a whole.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            line: None,
        }
    }

    /// The line of `text`, the content of the file at `path`, that a span begins in.
    pub(super) fn span(path: &Path, text: &str, span: Option<Range<usize>>) -> Self {
        let before = span.and_then(|span| text.as_bytes().get(..span.start));
        Self {
            path: path.to_owned(),
            line: before.map(|bytes| 1 + bytes.iter().filter(|byte| **byte == b'\n').count()),
        }
    }
}

impl fmt::Display for SourceLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.display())?;
        match self.line {
            Some(line) => write!(f, ", line {line}"),
            None => Ok(()),
        }
    }
}

/// Reads a text file of at most `most` bytes, which the gate has looked at; `None` if it is missing.
pub(super) fn read(path: &Path, most: u64) -> Result<Option<String>, ConfigError> {
    let failed = |source| ConfigError::Read {
        path: path.to_owned(),
        source,
    };
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file.map_err(failed)?,
    };
    let mut text = String::new();
    // It may have grown since it was looked at.
    file.take(most + 1).read_to_string(&mut text).map_err(failed)?;
    match text.len() as u64 > most {
        true => Err(failed(io::ErrorKind::FileTooLarge.into())),
        false => Ok(Some(text)),
    }
}

/// A text as a TOML string on one line. What JSON writes is one, but for DEL.
pub fn toml_text(text: &str) -> String {
    serde_json::Value::from(text).to_string().replace('\u{7f}', "\\u007f")
}

/// A path as a TOML string: relative where it lies below `base`, so that a configuration can be moved as a whole.
pub(super) fn toml_path(path: &Path, base: Option<&Path>) -> String {
    let relative = base.and_then(|base| path.strip_prefix(base).ok());
    let shown = match relative {
        Some(relative) if relative.as_os_str().is_empty() => Path::new("."),
        Some(relative) => relative,
        None => path,
    };
    toml_text(&shown.to_string_lossy())
}

/// Parses TOML. The error has the message and the line, not the line's text: a secret may stand there.
pub(super) fn parse_toml<T: DeserializeOwned>(path: &Path, text: &str) -> Result<T, ConfigError> {
    toml::from_str(text).map_err(|error| ConfigError::Invalid {
        place: SourceLocation::span(path, text, error.span()),
        message: error.message().to_owned(),
    })
}
