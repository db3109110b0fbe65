//! Which transcript: [`SessionKey`]. Where its files lie is the agent's affair: [`crate::agent_format`].

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::hex::hex;

/// The most that one part of a key may hold, in bytes.
pub const MAX_PART: usize = 4096;

/// Which transcript (a *stream*): project key, session id and, for everything but the main transcript, a subpath.
///
/// The parts are opaque text of 1 to [`MAX_PART`] bytes without U+0000. They may hold `/`, `:`, `..` and any
/// Unicode: code that makes a file name of them checks that first. A clone shares the text, and is as small as a
/// pointer: a host has several of each of a hundred thousand.
///
/// ```
/// use mirrorbox::key::SessionKey;
///
/// let main = SessionKey::main("-srv-app", "7b1f6c0e-2d5a-4c3e-9f10-aa0000000001")?;
/// let agent = main.with_subpath("subagents/agent-a9386013e8b02a416")?;
/// assert!(main.is_main());
/// assert_eq!(agent.subpath(), Some("subagents/agent-a9386013e8b02a416"));
/// # Ok::<(), mirrorbox::key::KeyError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "Parts", into = "Parts")]
pub struct SessionKey(Arc<KeyText>);

/// The parts of a key with U+0000 between them, which none of them holds and which comes before all that they may hold:
/// keys are in the order of their projects, then sessions, then subpaths, the main transcript first.
#[derive(PartialEq, Eq, Hash, PartialOrd, Ord)]
struct KeyText(Box<str>);

/// Why text cannot be part of a key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// A part is empty.
    #[error("the {0} is empty")]
    Empty(Part),
    /// A part holds U+0000.
    #[error("the {0} holds a NUL character")]
    Nul(Part),
    /// A part is longer than [`MAX_PART`].
    #[error("the {part} is {len} bytes long; at most {MAX_PART} are allowed")]
    TooLong {
        /// Which part.
        part: Part,
        /// Its length in bytes.
        len: usize,
    },
}

/// A part of a [`SessionKey`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The project key.
    Project,
    /// The session id.
    Session,
    /// The subpath.
    Subpath,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Part::Project => "project key",
            Part::Session => "session id",
            Part::Subpath => "subpath",
        })
    }
}

impl SessionKey {
    /// The main transcript of a session.
    pub fn main(project: impl Into<String>, session: impl Into<String>) -> Result<Self, KeyError> {
        let (project, session) = (project.into(), session.into());
        check(Part::Project, &project)?;
        check(Part::Session, &session)?;
        Ok(Self::of_parts(&[&project, &session]))
    }

    /// Another transcript of the same session.
    pub fn with_subpath(&self, subpath: impl Into<String>) -> Result<Self, KeyError> {
        let subpath = subpath.into();
        check(Part::Subpath, &subpath)?;
        Ok(Self::of_parts(&[self.project_key(), self.session_id(), &subpath]))
    }

    /// The same transcript in another project, whose key must be one: a part of another key, say.
    pub(crate) fn in_project(&self, project: &str) -> Self {
        let mut parts = vec![project, self.session_id()];
        parts.extend(self.subpath());
        Self::of_parts(&parts)
    }

    /// The main transcript of this key's session.
    pub fn to_main(&self) -> Self {
        if self.is_main() {
            return self.clone();
        }
        Self::of_parts(&[self.project_key(), self.session_id()])
    }

    /// Checked ones: two or three.
    fn of_parts(parts: &[&str]) -> Self {
        Self(Arc::new(KeyText(parts.join("\0").into())))
    }

    fn part(&self, place: usize) -> Option<&str> {
        self.0.0.split('\0').nth(place)
    }

    /// The project key.
    pub fn project_key(&self) -> &str {
        // Every key has a project and a session: `of_parts`.
        self.part(0).unwrap_or_default()
    }

    /// The session id.
    pub fn session_id(&self) -> &str {
        // As above.
        self.part(1).unwrap_or_default()
    }

    /// The subpath, `/`-joined; none for the main transcript.
    pub fn subpath(&self) -> Option<&str> {
        self.part(2)
    }

    /// Whether it belongs to the session of this main transcript. In order, a session's keys come one after the other.
    pub(crate) fn is_part_of(&self, main: &Self) -> bool {
        let mine = [self.part(0), self.part(1)];
        mine == [main.part(0), main.part(1)]
    }

    /// Whether this is a session's main transcript.
    pub fn is_main(&self) -> bool {
        self.part(2).is_none()
    }
}

impl SessionKey {
    /// A name for it that every file system can have: the SHA-256 of its parts, each length-prefixed, in hex. A missing
    /// subpath is left out, an empty one cannot be: no two keys give the same.
    pub(crate) fn fingerprint(&self) -> String {
        let mut hasher = Sha256::new();
        for part in [self.project_key(), self.session_id()]
            .into_iter()
            .chain(self.subpath())
        {
            hasher.update((part.len() as u64).to_be_bytes());
            hasher.update(part);
        }
        hex(&hasher.finalize())
    }
}

/// A key as the host's own records hold it.
#[derive(Serialize, Deserialize)]
struct Parts {
    project: String,
    session: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    subpath: Option<String>,
}

impl From<SessionKey> for Parts {
    fn from(key: SessionKey) -> Self {
        Self {
            project: key.project_key().to_owned(),
            session: key.session_id().to_owned(),
            subpath: key.subpath().map(str::to_owned),
        }
    }
}

impl TryFrom<Parts> for SessionKey {
    type Error = KeyError;

    fn try_from(parts: Parts) -> Result<Self, KeyError> {
        let main = Self::main(parts.project, parts.session)?;
        match parts.subpath {
            Some(subpath) => main.with_subpath(subpath),
            None => Ok(main),
        }
    }
}

impl fmt::Debug for KeyText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.split('\0')).finish()
    }
}

/// `project/session[/subpath]`, for people: two keys may print alike.
impl fmt::Display for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.project_key(), self.session_id())?;
        match self.subpath() {
            Some(subpath) => write!(f, "/{subpath}"),
            None => Ok(()),
        }
    }
}

fn check(part: Part, text: &str) -> Result<(), KeyError> {
    if text.is_empty() {
        Err(KeyError::Empty(part))
    } else if text.contains('\0') {
        Err(KeyError::Nul(part))
    } else if text.len() > MAX_PART {
        Err(KeyError::TooLong { part, len: text.len() })
    } else {
        Ok(())
    }
}
