//! Two directories that must not be granted as they are, and how that is said.

use std::fmt;
use std::path::PathBuf;

use super::ground::Meeting;
use crate::config::SourceLocation;

/// What a directory of the host's is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Own {
    /// The configuration, or a part of it that a link leads to.
    Configuration,
    /// The state directory: spools, compiled code.
    State,
}

/// Two directories that must not be granted like that, and what they have to do with each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overlap {
    pub(super) line: Option<SourceLocation>,
    pub(super) dir: PathBuf,
    pub(super) meeting: Meeting,
    pub(super) with: With,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum With {
    Own(Own, PathBuf),
    Granted {
        adapter: String,
        dir: PathBuf,
        line: Option<SourceLocation>,
    },
}

impl std::error::Error for Overlap {}

impl fmt::Display for Overlap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = &self.line {
            write!(f, "{line}: ")?;
        }
        let how = match self.meeting {
            Meeting::Same => "is the same as",
            Meeting::Within => "lies within",
            Meeting::Holds => "holds",
        };
        write!(f, "the granted directory {} {how} ", self.dir.display())?;
        match &self.with {
            With::Own(own, path) => {
                let what = match own {
                    Own::Configuration => "where the configuration lies",
                    Own::State => "where Mirrorbox keeps its own files, compiled code among them",
                };
                let path = path.display();
                write!(f, "{path}, {what}; grant a directory beside it that holds nothing else")
            }
            With::Granted { adapter, dir, line } => {
                write!(f, "{}, which is granted to `{adapter}`", dir.display())?;
                if let Some(line) = line {
                    write!(f, " in {line}")?;
                }
                write!(
                    f,
                    ": neither is opened, for one could be made to lead elsewhere through the other; "
                )?;
                write!(f, "grant directories that lie side by side")
            }
        }
    }
}
