use std::fmt;
use std::fs;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

use super::ConfigError;

/// A file, and the line in it where that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub path: PathBuf,
    /// The line, from 1.
    pub line: Option<usize>,
}

impl Place {
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

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.display())?;
        match self.line {
            Some(line) => write!(f, ", line {line}"),
            None => Ok(()),
        }
    }
}

/// Reads a file; none where there is none.
pub(super) fn read(path: &Path) -> Result<Option<String>, ConfigError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(ConfigError::Read {
            path: path.to_owned(),
            source,
        }),
    }
}

/// Reads a TOML file; none where there is none.
pub(super) fn read_toml<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, ConfigError> {
    read(path)?.map(|text| parse_toml(path, &text)).transpose()
}

/// Parses TOML. The error has the message and the line, not the line's text: a secret may stand there.
pub(super) fn parse_toml<T: DeserializeOwned>(path: &Path, text: &str) -> Result<T, ConfigError> {
    toml::from_str(text).map_err(|error| ConfigError::Invalid {
        place: Place::span(path, text, error.span()),
        message: error.message().to_owned(),
    })
}
